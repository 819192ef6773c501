"""BUSI."""
