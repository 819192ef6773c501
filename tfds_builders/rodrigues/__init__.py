"""Rodrigues."""
