"""QAMEBI."""
