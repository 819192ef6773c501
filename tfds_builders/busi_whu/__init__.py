"""BUSI-WHU."""
