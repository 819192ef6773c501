"""The small network of Habib et al. 2020 (section 3.2, Fig. 3) that is trained from random weights, in two parts.

The paper says: convolutions with ReLU, maximum pooling and fully connected layers, the last before the output of 512,
the lesion's descriptor. The sizes of the layers are in a figure alone and not known to us. Ours: four 3x3 convolutions
with bias of 32, 64, 128 and 256 channels, each with ReLU and a 2x2 maximum, on 128 pixels, and one hidden layer. With
two outputs it has 8,778,562 parameters.
"""

import functools

import flax.linen as nn
from jaxtyping import Array, Float, PRNGKeyArray, UInt32

from busjax.models.backbone import Backbone, tap
from busjax.models.convolution import Conv
from busjax.models.layers import Settings, at_least_float32
from busjax.models.pooling import halve

CHANNELS = (32, 64, 128, 256)
DESCRIPTOR = 512


class Convolutions(nn.Module):
    """Some of the convolutions, each with ReLU and a 2x2 maximum (a last odd row or column is left out).

    Attributes:
      settings: what the network's layers share.
      first: number of the first one, counted from 0.
      number: of convolutions.
    """

    settings: Settings
    first: int
    number: int

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch height width channels"], train: bool
    ) -> Float[Array, "batch h w features"]:
        """Runs them; nothing here depends on `train`."""
        s = self.settings
        for i in range(self.first, self.first + self.number):
            features = s.channels(CHANNELS[i])
            x = nn.relu(Conv(features, (3, 3), use_bias=True, dtype=s.dtype, name=f"conv{i + 1}")(x))
            tap(self, 2**i, x)
            x = halve(x)
        if self.first + self.number == len(CHANNELS):
            tap(self, 2 ** len(CHANNELS), x)
        return x


class Descriptor(nn.Module):
    """All positions, flattened by row, column, channel, and one layer of 512 with ReLU.

    Its kernel has a row for each position, so that the network is for images of one size.

    Attributes:
      settings: what the network's layers share.
    """

    settings: Settings

    @nn.compact
    def __call__(
        self,
        x: Float[Array, "batch height width channels"],
        dropout_keys: PRNGKeyArray | UInt32[Array, "batch 2"] | None = None,
    ) -> Float[Array, "batch features"]:
        """In float32. The paper speaks of no dropout here, so that the keys are not used."""
        s = self.settings
        init = nn.initializers.he_normal()
        layer = nn.Dense(s.channels(DESCRIPTOR), dtype=s.dtype, kernel_init=init, name="fc")
        return at_least_float32(nn.relu(layer(x.reshape(x.shape[0], -1))))


def habib_cnn(settings: Settings) -> Backbone:
    """The small network; its hidden layer is part of it always."""
    half = len(CHANNELS) // 2
    return Backbone(
        functools.partial(Convolutions, settings, 0, half),
        functools.partial(Convolutions, settings, half, len(CHANNELS) - half),
        minimum_size=2 ** len(CHANNELS),
        hidden=functools.partial(Descriptor, settings),
        always_hidden=True,
        stride=2 ** len(CHANNELS),
    )
