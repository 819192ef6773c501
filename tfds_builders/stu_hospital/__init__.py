"""STU-Hospital."""
