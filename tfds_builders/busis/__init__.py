"""BUSIS."""
