"""BUS-CoT."""
