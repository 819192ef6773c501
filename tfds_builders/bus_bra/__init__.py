"""BUS-BRA."""
