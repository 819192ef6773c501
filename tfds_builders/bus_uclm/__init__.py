"""BUS-UCLM."""
