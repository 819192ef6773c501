"""Dataset B (UDIAT)."""
