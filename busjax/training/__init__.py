"""The loop around a method, and what it needs."""
