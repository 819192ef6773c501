"""The small network that Hijab et al. 2019 train from scratch (section III, the "baseline" method), in two parts.

The paper says "a small network", Keras, 50 epochs, batches of 20 and a learning rate of 0.001, and no layers. Its three
ways of training, their order and its list of augmentations are those of a tutorial of Keras of 2016 on small sets of
images; this is that tutorial's network: three 3x3 convolutions without padding, to 32, 32 and 64 channels, each with
bias, ReLU and a 2x2 maximum. The head there is flattened, dense 64 with ReLU, dropout 0.5 and one output with a
sigmoid: 1,212,513 parameters at 150 pixels.
"""

import functools

import flax.linen as nn
from jaxtyping import Array, Float

from busjax.models.backbone import Backbone, tap
from busjax.models.convolution import Conv
from busjax.models.layers import Settings
from busjax.models.pooling import halve


def _convolved(settings: Settings, name: str, features: int, x: Array) -> Array:
    """A 3x3 convolution with ReLU, as a submodule of the calling module."""
    channels = settings.channels(features)
    return nn.relu(Conv(channels, (3, 3), padding="VALID", use_bias=True, dtype=settings.dtype, name=name)(x))


class Lower(nn.Module):
    """The first two convolutions, each with its pooling, [150, 150, 3] to [36, 36, 32].

    Attributes:
      settings: what the network's layers share.
    """

    settings: Settings

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch height width channels"], train: bool
    ) -> Float[Array, "batch h w features"]:
        """Runs the layers; nothing here depends on `train`."""
        for i in (1, 2):
            x = _convolved(self.settings, f"conv{i}", 32, x)
            tap(self, i, x)
            x = halve(x)
        return x


class Upper(nn.Module):
    """The third convolution with its pooling, [36, 36, 32] to [17, 17, 64].

    Attributes:
      settings: what the network's layers share.
    """

    settings: Settings

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch height width channels"], train: bool
    ) -> Float[Array, "batch h w features"]:
        """Runs the layers; nothing here depends on `train`."""
        x = _convolved(self.settings, "conv3", 64, x)
        tap(self, 4, x)
        x = halve(x)
        tap(self, 8, x)
        return x


def hijab_cnn(settings: Settings) -> Backbone:
    """The small network.

    Args:
      settings: what the network's layers share; it has no batch normalisation.
    """
    return Backbone(functools.partial(Lower, settings), functools.partial(Upper, settings), minimum_size=22, stride=8)
