"""BUS_UC."""
