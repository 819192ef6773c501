"""A network with an image tower, a map tower and an aggregation point (Qi et al. 2019, section 3.3, Figs. 3 and 4)."""

from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from busjax.models.cosine_head import last_layer
from busjax.models.layers import ExampleDropout, at_least_float32


class Outputs(NamedTuple):
    """What the upper part of a network gives.

    Attributes:
      logits: float32 [batch, classes].
      features: activations before the global average pooling, [batch, height, width, channels].
      descriptor: float32 [batch, n], what stands before the last layer: the averaged features, before `dropout_rate`
        drops any of them, or the output of the hidden layers.
    """

    logits: Array
    features: Array
    descriptor: Array


class RegionEnhancedNetwork(nn.Module):
    """a = F_img(x_img) + lambda F_cam(x_cam) at the aggregation point (eq. 4); then to the linear head.

    F_cam has the layers of F_img with its own parameters, and sees the map in three equal channels: the paper says
    neither, so both are our choice. A network without a map tower is the plain backbone.

    Attributes:
      lower: makes the part before the aggregation point, given its name.
      upper: makes the part after it, up to the CAM features, given its name.
      hidden: makes the hidden layers before the linear head; None where the features are averaged.
      classes: number of outputs.
      dropout_rate: share dropped before the linear layer (0.2 in Tables 1 and 2).
      map_scale: lambda. The paper gives no value; 0.2 is in the range of the residual scales it recommends.
      has_map_tower: whether there is a second tower.
      cosine_scale: s of `cosine_head.CosineHead` as last layer; None for a linear one.
    """

    lower: Callable[..., nn.Module]
    upper: Callable[..., nn.Module]
    hidden: Callable[..., nn.Module] | None = None
    classes: int = 2
    dropout_rate: float = 0.2
    map_scale: float = 0.2
    has_map_tower: bool = True
    cosine_scale: float | None = None

    def setup(self) -> None:
        """Makes the parts."""
        self.image_tower = self.lower()
        if self.has_map_tower:
            self.map_tower = self.lower()
        self.trunk = self.upper()
        if self.hidden is not None:
            self.hidden_layers = self.hidden()
        self.dropout = ExampleDropout(self.dropout_rate)
        self.classifier = last_layer(self.classes, self.cosine_scale)

    def image_features(self, image: Float[Array, "batch height width channels"], *, train: bool) -> Array:
        """F_img(x_img): [batch, h, w, channels]."""
        return self.image_tower(image, train)

    def map_features(self, cam: Float[Array, "batch height width"], *, train: bool) -> Array:
        """F_cam(x_cam): [batch, h, w, channels], for maps of the images' size with values in [0, 1]."""
        return self.map_tower(jnp.repeat(cam[..., None], 3, axis=-1), train)

    def classify(self, features: Array, dropout_keys: Any = None, *, train: bool) -> Outputs:
        """From the aggregated features to logits. Dropout acts where there is a key for each example."""
        return self.head(self.top_features(features, train=train), dropout_keys, train=train)

    def top_features(self, features: Float[Array, "batch height width channels"], *, train: bool) -> Array:
        """From the aggregated features to those that the head takes."""
        return self.trunk(features, train)

    def head(
        self, features: Float[Array, "batch height width channels"], dropout_keys: Any = None, *, train: bool
    ) -> Outputs:
        """From the last features to logits; nothing here depends on `train`."""
        if self.hidden is not None:
            descriptor = self.hidden_layers(features, dropout_keys)
            return Outputs(self.classifier(descriptor), features, descriptor)
        descriptor = at_least_float32(features).mean(axis=(1, 2))
        return Outputs(self.classifier(self.dropout(descriptor, dropout_keys)), features, descriptor)

    @nn.nowrap
    def aggregate(self, image_features: Array, map_features: Array) -> Array:
        """Eq. 4; `map_features` of one blank map are broadcast over the batch."""
        return image_features + self.map_scale * map_features

    def __call__(self, image: Float[Array, "batch height width channels"], train: bool = False) -> Outputs:
        """The network on images with blank maps; also touches every parameter, for initialisation."""
        features = self.image_features(image, train=train)
        if self.has_map_tower:
            features = self.aggregate(features, self.map_features(jnp.zeros((1, *image.shape[1:3])), train=train))
        return self.classify(features, train=train)
