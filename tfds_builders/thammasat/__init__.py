"""Thammasat."""
