"""Small releases with the oddities of the real ones: `write_release(folder)` in a module per dataset."""
