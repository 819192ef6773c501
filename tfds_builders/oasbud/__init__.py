"""OASBUD."""
