"""TDSC-ABUS."""
