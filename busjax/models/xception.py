"""Xception (Chollet 2017, Fig. 5) in two parts, as Keras has it; there is no other release of its weights.

At [299, 299, 3] the features are [10, 10, 2048]. The first two convolutions have no padding; all that follow, and the
poolings, are 'SAME' in XLA's sense, which for a 3x3 window with stride 2 pads (0, 1) at even sizes and (1, 1) at odd
ones. PyTorch's ports pad (1, 1) at every size and therefore see other windows. No convolution has a bias, nothing
stands between the depthwise and the pointwise one, and normalisation (epsilon 1e-3) follows the pointwise one alone.
"""

import functools

import flax.linen as nn
from jaxtyping import Array, Float

from busjax.models.backbone import Backbone, tap
from busjax.models.convolution import Conv, DepthwiseConv
from busjax.models.layers import ConvNorm, Norm, Settings, repeat
from busjax.models.pooling import max_pool

# Features of the two separable convolutions of each block that halves the size.
ENTRY_BLOCKS = {"block2": (128, 128), "block3": (256, 256), "block4": (728, 728)}
EXIT_BLOCK = (728, 1024)
MIDDLE_FEATURES = 728
MIDDLE_BLOCKS = 8
LAST_FEATURES = (1536, 2048)


class SeparableNorm(nn.Module):
    """A depthwise 3x3 convolution, a 1x1 convolution, batch normalisation; no activation.

    Attributes:
      settings: what the network's layers share.
      features: number of output channels of the published network.
    """

    settings: Settings
    features: int

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch height width channels"], train: bool
    ) -> Float[Array, "batch height width features"]:
        """With `train`, normalises by the batch's own statistics and updates the running ones."""
        s = self.settings
        x = DepthwiseConv((3, 3), dtype=s.dtype, name="depthwise")(x)
        x = Conv(s.channels(self.features), (1, 1), dtype=s.dtype, name="pointwise")(x)
        return Norm(s, name="norm")(x, train)


class HalvingBlock(nn.Module):
    """Two separable convolutions and a 3x3 maximum with stride 2, plus a 1x1 convolution with stride 2 of the input.

    Attributes:
      settings: what the network's layers share.
      features: of the two separable convolutions in the published network.
      activate_input: whether a ReLU stands before the first one; block 2 has an activated input already.
    """

    settings: Settings
    features: tuple[int, int]
    activate_input: bool = True

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch height width channels"], train: bool
    ) -> Float[Array, "batch h w features"]:
        """Returns the sum, which is not activated."""
        s = self.settings
        y = nn.relu(x) if self.activate_input else x
        y = nn.relu(SeparableNorm(s, self.features[0], name="separable1")(y, train))
        y = SeparableNorm(s, self.features[1], name="separable2")(y, train)
        y = max_pool(y, (3, 3), (2, 2), "SAME")
        x = Conv(s.channels(self.features[1]), (1, 1), (2, 2), dtype=s.dtype, name="shortcut")(x)
        return y + Norm(s, name="shortcut_norm")(x, train)


class MiddleBlock(nn.Module):
    """x plus three separable convolutions of it, each after a ReLU.

    Attributes:
      settings: what the network's layers share.
      train: whether batch normalisation uses the batch's statistics.
    """

    settings: Settings
    train: bool

    @nn.compact
    def __call__(self, x: Float[Array, "batch height width channels"], _: None = None):
        """Returns (y, None), the form `nn.scan` asks for."""
        y = x
        for i in (1, 2, 3):
            y = SeparableNorm(self.settings, MIDDLE_FEATURES, name=f"separable{i}")(nn.relu(y), self.train)
        return x + y, None


class Lower(nn.Module):
    """The entry flow, blocks 1 to 4: [299, 299, 3] to [19, 19, 728].

    Attributes:
      settings: what the network's layers share.
    """

    settings: Settings

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch height width channels"], train: bool
    ) -> Float[Array, "batch h w features"]:
        """Runs blocks 1 to 4. The taps of strides 4 and 8 are sums, to which ReLU is not yet applied."""
        s = self.settings
        x = ConvNorm(s, 32, (3, 3), (2, 2), "VALID", name="block1_conv1")(x, train)
        x = ConvNorm(s, 64, (3, 3), (1, 1), "VALID", name="block1_conv2")(x, train)
        reached = 2
        for name, features in ENTRY_BLOCKS.items():
            tap(self, reached, x)
            reached *= 2
            x = HalvingBlock(s, features, activate_input=name != "block2", name=name)(x, train)
        return x


class Upper(nn.Module):
    """The middle and the exit flow, blocks 5 to 14: [19, 19, 728] to [10, 10, 2048].

    Attributes:
      settings: what the network's layers share.
      middle_blocks: how many blocks the middle flow has; 0 or more.
    """

    settings: Settings
    middle_blocks: int = MIDDLE_BLOCKS

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch height width channels"], train: bool
    ) -> Float[Array, "batch h w features"]:
        """Runs blocks 5 to 14. The tap of stride 16 is a sum, to which ReLU is not yet applied."""
        s = self.settings
        if self.middle_blocks:
            x, _ = repeat(MiddleBlock, self.middle_blocks, s, train, "middle_blocks")(x, None)
        tap(self, 16, x)
        x = HalvingBlock(s, EXIT_BLOCK, name="block13")(x, train)
        for i, features in enumerate(LAST_FEATURES, 1):
            x = nn.relu(SeparableNorm(s, features, name=f"block14_separable{i}")(x, train))
        tap(self, 32, x)
        return x


def xception(settings: Settings, middle_blocks: int = MIDDLE_BLOCKS) -> Backbone:
    """Xception.

    Args:
      settings: what the network's layers share.
      middle_blocks: how many blocks the middle flow has: 8 in the published network, fewer in a shallower one.
    """
    return Backbone(
        functools.partial(Lower, settings),
        functools.partial(Upper, settings, middle_blocks),
        minimum_size=7,
    )
