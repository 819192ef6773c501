"""From dataset records to batches on devices: splits, transforms, pipeline."""
