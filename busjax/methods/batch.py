"""What a training or evaluation batch holds."""

from collections.abc import Mapping

from jaxtyping import Array

# Value of `label` for a malignant image; 0 is normal, 1 benign, -1 a class that is not known.
MALIGNANT = 2

# image float32 [batch, height, width, 3], or [batch, views, height, width, 3] for prediction; label and solid int32
# [batch], -1 where unknown; weight float32 [batch], 0 for padding; index int32 [batch], the row in the dataset.
Batch = Mapping[str, Array]
