"""Curated BUSI."""
