"""GDPH & SYSUCC."""
