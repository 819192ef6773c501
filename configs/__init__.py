"""Experiments, a file each; `get_config(variant)` returns a locked config."""
