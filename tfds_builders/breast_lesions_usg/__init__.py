"""BrEaST-Lesions-USG."""
