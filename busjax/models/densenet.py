"""DenseNet-121 and DenseNet-161 (Huang et al. 2017, Table 1), in two parts.

At [224, 224, 3] the features are [7, 7, 1024] and [7, 7, 2208]. The graph and its padding are the same in every
release; epsilon is 1.001e-5 in Keras and 1e-5 in torchvision, and only torchvision has DenseNet-161. Layers normalise
before they convolve, so the tap of a stride is the normalised input of the transition that ends it.
"""

import dataclasses
import functools

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from busjax.models.backbone import Backbone, tap
from busjax.models.convolution import Conv
from busjax.models.layers import ConvNorm, Norm, Settings
from busjax.models.pooling import max_pool

PAD_1 = ((1, 1), (1, 1))
PAD_3 = ((3, 3), (3, 3))
BOTTLENECK = 4
"""Channels between the two convolutions of a layer, in growth rates."""


@dataclasses.dataclass(frozen=True)
class Sizes:
    """What tells one DenseNet from another.

    Attributes:
      stem: channels of the first convolution.
      growth: channels that every layer adds.
      blocks: number of layers of the four dense blocks.
    """

    stem: int
    growth: int
    blocks: tuple[int, int, int, int]


DENSENET121 = Sizes(64, 32, (6, 12, 24, 16))
DENSENET161 = Sizes(96, 48, (6, 12, 36, 24))


class DenseLayer(nn.Module):
    """x, and beside it 3x3(1x1(x)), each convolution after batch normalisation and ReLU.

    Attributes:
      settings: what the network's layers share.
      growth: channels that are added.
    """

    settings: Settings
    growth: int

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch height width channels"], train: bool
    ) -> Float[Array, "batch height width more"]:
        """Adds channels after those of `x`."""
        s = self.settings
        y = nn.relu(Norm(s, name="norm1")(x, train))
        y = Conv(s.channels(BOTTLENECK * self.growth), (1, 1), dtype=s.dtype, name="conv1")(y)
        y = nn.relu(Norm(s, name="norm2")(y, train))
        y = Conv(s.channels(self.growth), (3, 3), padding=PAD_1, dtype=s.dtype, name="conv2")(y)
        return jnp.concatenate([x, y], axis=-1)


class DenseBlock(nn.Module):
    """Dense layers of one size; their inputs grow, so they cannot be stacked.

    Attributes:
      settings: what the network's layers share.
      growth: channels that every layer adds.
      layers: number of layers.
    """

    settings: Settings
    growth: int
    layers: int

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch height width channels"], train: bool
    ) -> Float[Array, "batch height width more"]:
        """Runs the layers."""
        for i in range(1, self.layers + 1):
            x = DenseLayer(self.settings, self.growth, name=f"layer{i}")(x, train)
        return x


class Transition(nn.Module):
    """Batch normalisation, ReLU, a 1x1 convolution to half the channels, and a 2x2 average with stride 2.

    Attributes:
      settings: what the network's layers share.
    """

    settings: Settings

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch height width channels"], train: bool
    ) -> tuple[Float[Array, "batch h w half"], Float[Array, "batch height width channels"]]:
        """Returns the output, and the features before the 1x1 convolution."""
        s = self.settings
        features = nn.relu(Norm(s, name="norm")(x, train))
        y = Conv(x.shape[-1] // 2, (1, 1), dtype=s.dtype, name="conv")(features)
        return nn.avg_pool(y, (2, 2), (2, 2)), features


class Lower(nn.Module):
    """Stem to the second transition: [224, 224, 3] to [14, 14, 256] (DenseNet-161: [14, 14, 384]).

    Attributes:
      settings: what the network's layers share.
      sizes: of the network.
    """

    settings: Settings
    sizes: Sizes

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch height width channels"], train: bool
    ) -> Float[Array, "batch h w features"]:
        """Runs the stem, and two dense blocks with their transitions."""
        s, sizes = self.settings, self.sizes
        x = ConvNorm(s, sizes.stem, (7, 7), (2, 2), PAD_3, name="conv0")(x, train)
        tap(self, 2, x)
        x = max_pool(x, (3, 3), (2, 2), PAD_1)
        for i, stride in ((1, 4), (2, 8)):
            x = DenseBlock(s, sizes.growth, sizes.blocks[i - 1], name=f"block{i}")(x, train)
            x, features = Transition(s, name=f"transition{i}")(x, train)
            tap(self, stride, features)
        return x


class Upper(nn.Module):
    """The third dense block to the last normalisation: [14, 14, 256] to [7, 7, 1024] (DenseNet-161: to [7, 7, 2208]).

    Attributes:
      settings: what the network's layers share.
      sizes: of the network.
    """

    settings: Settings
    sizes: Sizes

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch height width channels"], train: bool
    ) -> Float[Array, "batch h w features"]:
        """Runs two dense blocks, the transition between them, and the last normalisation."""
        s, sizes = self.settings, self.sizes
        x = DenseBlock(s, sizes.growth, sizes.blocks[2], name="block3")(x, train)
        x, features = Transition(s, name="transition3")(x, train)
        tap(self, 16, features)
        x = DenseBlock(s, sizes.growth, sizes.blocks[3], name="block4")(x, train)
        x = nn.relu(Norm(s, name="norm5")(x, train))
        tap(self, 32, x)
        return x


def _densenet(settings: Settings, sizes: Sizes) -> Backbone:
    lower, upper = functools.partial(Lower, settings, sizes), functools.partial(Upper, settings, sizes)
    # The stem's two halvings round up, the three of the transitions round down.
    return Backbone(lower, upper, minimum_size=29)


def densenet121(settings: Settings, blocks: tuple[int, int, int, int] = DENSENET121.blocks) -> Backbone:
    """DenseNet-121: 32 channels a layer; `blocks` gives the number of layers of each dense block."""
    return _densenet(settings, dataclasses.replace(DENSENET121, blocks=blocks))


def densenet161(settings: Settings, blocks: tuple[int, int, int, int] = DENSENET161.blocks) -> Backbone:
    """DenseNet-161: 48 channels a layer; `blocks` gives the number of layers of each dense block."""
    return _densenet(settings, dataclasses.replace(DENSENET161, blocks=blocks))
