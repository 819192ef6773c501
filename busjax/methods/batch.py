"""What a training or evaluation batch holds."""

from collections.abc import Mapping

from jaxtyping import Array

# image float32 [batch, height, width, 3], or [batch, views, height, width, 3] for prediction; label int32 [batch], a
# position in tfds_builders.record.LABELS or -1 where unknown; solid int32 [batch], 1, 0, or -1 where unknown; weight
# float32 [batch], 0 for padding; index int32 [batch], the row in the dataset; mask float32, as image with one channel,
# 0 or 1; has_mask bool [batch]. Of lesions' patches also extra, float32 [batch, 3] (data/lesion.py). With
# stored features these, float32 [batch, h, w, channels] or [batch, views, h, w, channels], in place of image and mask.
Batch = Mapping[str, Array]
