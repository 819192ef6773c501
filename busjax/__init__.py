"""Breast-ultrasound networks in JAX and Flax."""
