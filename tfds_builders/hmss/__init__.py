"""HMSS."""
