"""The network that joins two modalities of a lesion (Habib et al. 2020, sections 3.2 and 3.3, Figs. 4 and 6).

Each modality has a network of its own; the fusion network takes their descriptors one beside the other. Every one of
the three answers by itself, with a softmax of two outputs as Figs. 3 and 4 say, whose cross-entropy is binary
cross-entropy of the malignancy's probability; or with cosines, for the large-margin cosine loss.
"""

from typing import NamedTuple

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, UInt32

from busjax.models.cosine_head import last_layer
from busjax.models.dense_head import DenseHead

WIDTHS = (1024, 512, 256, 128, 64, 32)
"""Of the hidden layers; with the last one the network has 7, as in the paper, which does not say how wide they are."""


class FusionOutputs(NamedTuple):
    """What the fusion network gives.

    Attributes:
      logits: float32 [batch, classes].
      descriptor: float32 [batch, features], what the last layer sees.
    """

    logits: Array
    descriptor: Array


class FusionNetwork(nn.Module):
    """Descriptors of two modalities, one beside the other, to logits: linear layers with ReLU and a last one.

    Neither a width multiplier nor batch normalisation acts here.

    Attributes:
      widths: features of the hidden layers.
      classes: number of outputs.
      dropout_rate: share that a dropout drops (not given in the paper).
      dropouts: how many of the layers, counted from the first, have a dropout after them (not given in the paper).
      cosine_scale: s of `cosine_head.CosineHead` as last layer; None for a linear one.
    """

    widths: tuple[int, ...] = WIDTHS
    classes: int = 2
    dropout_rate: float = 0.5
    dropouts: int = 2
    cosine_scale: float | None = None

    def setup(self) -> None:
        """Makes the parts."""
        self.hidden_layers = DenseHead(self.widths, self.dropout_rate, self.dropouts)
        self.classifier = last_layer(self.classes, self.cosine_scale)

    def __call__(
        self,
        mammography: Float[Array, "batch mammography_features"],
        ultrasound: Float[Array, "batch ultrasound_features"],
        dropout_keys: PRNGKeyArray | UInt32[Array, "batch 2"] | None = None,
    ) -> FusionOutputs:
        """From descriptors, mammography's first. Dropout acts where there is a key for each pair."""
        return self.beside(jnp.concatenate([mammography, ultrasound], axis=-1), dropout_keys)

    def beside(
        self,
        both: Float[Array, "batch features"],
        dropout_keys: PRNGKeyArray | UInt32[Array, "batch 2"] | None = None,
    ) -> FusionOutputs:
        """From descriptors that stand beside each other already."""
        descriptor = self.hidden_layers(both[:, None, None, :], dropout_keys)  # the mean over one position is itself
        return FusionOutputs(self.classifier(descriptor), descriptor)
