"""SHA-MTL (Zhang et al., "SHA-MTL: soft and hard attention multi-task learning"), by our reading.

Public, and read by us: the abstract, and what Shareef et al. say of it, who re-implemented it: a dense convolutional
encoder (DenseNet-121), an upsampling decoder joined by skips with attention gates (soft attention), hard attention by
which the classifier focuses on the lesion, 8.2 million parameters. No code is public, and we had not the full text.

Our reading of the rest: the decoder is the benchmark's (`models/multitask.py`); the three skips from the encoder pass
through an `AttentionGate` with as many channels as the step it leads to, the image is joined as it is; the predicted
mask, cut at 0.5 and without gradient, resized to the deepest features, multiplies them; their average and that of the
same features unmasked go side by side to the one output.

This network has 8,983,061 parameters with running statistics, that is 783,061 or 9.5% more than 8.2 million: 7,037,504
of DenseNet-121, 1,717,777 of the decoder, 225,731 of the gates and 2,049 of the output. The encoder leaves about
1.16 million to a decoder in the published count; which layers it had is not public, and the published size of the file
(130 MB) does not agree with the published count either.
"""

import functools

import jax.numpy as jnp
from jaxtyping import Array

from busjax.models.attention import attend_to_mask
from busjax.models.backbone import Backbone
from busjax.models.dense_head import DenseHead
from busjax.models.layers import Settings, at_least_float32
from busjax.models.multitask import STEPS, MultitaskNetwork, with_keras_norm
from busjax.models.unet import Decoder

GATED = (8, 4, 2)
"""Strides of the skips with attention gates."""


class HardAttentionNetwork(MultitaskNetwork):
    """A multi-task network that classifies masked features beside unmasked ones."""

    def classified(self, features: Array, mask_logits: Array) -> Array:
        """Masked features and then the features as they are: [batch, h, w, 2 * channels]."""
        return jnp.concatenate([attend_to_mask(features, mask_logits), at_least_float32(features)], axis=-1)


def sha_mtl(
    settings: Settings,
    encoder: Backbone,
    *,
    classes: int = 1,
    head_widths: tuple[int, ...] = (),
    dropout_rate: float = 0.0,
) -> HardAttentionNetwork:
    """SHA-MTL on a backbone.

    Args:
      settings: of the backbone. The decoder has its own batch normalisation, see `with_keras_norm`.
      encoder: DenseNet-121.
      classes: number of outputs.
      head_widths, dropout_rate: of hidden layers before the output, which our reading has none of.
    """
    return HardAttentionNetwork(
        encoder.lower,
        encoder.upper,
        functools.partial(Decoder, with_keras_norm(settings), STEPS, gated=GATED),
        functools.partial(DenseHead, tuple(head_widths), dropout_rate),
        encoder.skips,
        classes,
    )
