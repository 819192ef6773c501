"""Networks for a lesion seen in two modalities (Habib et al. 2020, sections 3.2 and 3.3, Figs. 4 and 6).

Each modality has a network of its own; the fusion network takes their descriptors one beside the other. Every one of
the three answers by itself, with a softmax of two outputs as Figs. 3 and 4 say, whose cross-entropy is binary
cross-entropy of the malignancy's probability; or with cosines, for the large-margin cosine loss. Trained one after the
other, the fusion network is applied to stored descriptors; trained end to end, `PairNetwork` passes gradients of the
fusion's loss into both others.
"""

from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, UInt32

from busjax.models.cosine_head import last_layer
from busjax.models.dense_head import DenseHead
from busjax.models.region_enhanced import Outputs, RegionEnhancedNetwork

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


class PairOutputs(NamedTuple):
    """What the three networks of a pair give."""

    mammography: Outputs
    ultrasound: Outputs
    combined: FusionOutputs


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


class PairNetwork(nn.Module):
    """The two networks and their fusion as one, whose parts are called as the attributes are.

    Each part can be applied by itself to its part of the variables: `pair.fusion.apply({"params":
    variables["params"]["fusion"]}, ...)`.

    Attributes:
      mammography, ultrasound: without map towers; their images may differ in size.
      fusion: takes their descriptors.
    """

    mammography: RegionEnhancedNetwork
    ultrasound: RegionEnhancedNetwork
    fusion: FusionNetwork

    def __call__(
        self,
        mammogram: Float[Array, "batch height width channels"],
        sonogram: Float[Array, "batch height2 width2 channels2"],
        dropout_keys: PRNGKeyArray | UInt32[Array, "batch 2"] | None = None,
        *,
        train: bool = False,
    ) -> PairOutputs:
        """All three answers for pairs of images.

        Args:
          mammogram, sonogram: the images of each pair.
          dropout_keys: one for each pair, from which every part has its own; None for no dropout.
          train: whether batch normalisation uses the batch's statistics.

        Raises:
          ValueError: a network has a map tower.
        """
        found = []
        for i, (network, image) in enumerate(((self.mammography, mammogram), (self.ultrasound, sonogram))):
            if network.has_map_tower:
                raise ValueError(f"{'ultrasound' if i else 'mammography'}: found a map tower, expected a plain network")
            features = network.image_features(image, train=train)
            found.append(network.classify(features, _own(dropout_keys, i), train=train))
        combined = self.fusion(found[0].descriptor, found[1].descriptor, _own(dropout_keys, 2))
        return PairOutputs(found[0], found[1], combined)


def _own(keys: Any, part: int) -> Any:
    """The keys of a part: with one key, two parts of equal width would drop the same features."""
    return None if keys is None else jax.vmap(jax.random.fold_in, (0, None))(keys, part)
