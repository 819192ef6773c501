"""`python -m tfds_builders check`: duplicates within and across built datasets, and other faults of their images."""
