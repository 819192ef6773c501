"""Sweeps: what `launch.py --sweep FILE` runs."""
