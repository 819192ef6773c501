"""ResNet-50 (He et al. 2016, Table 1) in two parts, with what differs between its releases as options.

At [224, 224, 3] the features are [7, 7, 2048]. In the paper and in Keras ("version 1") the first 1x1 convolution of a
stage has the stride; in torchvision ("version 1.5") the 3x3 convolution has it. Keras's convolutions have biases.
All padding is symmetric in every release: 3 for the 7x7, 1 for the 3x3 convolutions and for the pooling, whose input is
not negative, so that padded zeros change nothing. Epsilon is 1.001e-5 in Keras and 1e-5 in torchvision.
"""

import functools
from typing import Any

import flax.linen as nn
from jaxtyping import Array, Float

from busjax.models.backbone import Backbone, tap
from busjax.models.layers import ConvNorm, Settings, repeat
from busjax.models.pooling import max_pool

PAD_1 = ((1, 1), (1, 1))
PAD_3 = ((3, 3), (3, 3))
EXPANSION = 4
"""Output channels of a block per channel inside it."""

# Fewer identical blocks than this are written out: a scan would only make their parameters harder to read.
BLOCKS_TO_STACK = 4


def _identity(x: Array) -> Array:
    return x


class Bottleneck(nn.Module):
    """ReLU(shortcut(x) + 1x1(3x3(1x1(x)))), every convolution with batch normalisation.

    Attributes:
      settings: what the network's layers share.
      train: whether batch normalisation uses the batch's statistics.
      features: channels inside the block; it gives four times as many.
      stride: of the block.
      project: whether the shortcut is a 1x1 convolution.
      stride_first: whether the first 1x1 convolution has the stride, not the 3x3 one.
      use_bias: whether the convolutions have biases.
    """

    settings: Settings
    train: bool
    features: int
    stride: int = 1
    project: bool = False
    stride_first: bool = False
    use_bias: bool = False

    @nn.compact
    def __call__(self, x: Float[Array, "batch height width channels"], _: None = None):
        """Returns (y, None), the form `nn.scan` asks for."""
        layer = functools.partial(ConvNorm, self.settings, use_bias=self.use_bias)
        step, whole = (self.stride, self.stride), (1, 1)
        first, second = (step, whole) if self.stride_first else (whole, step)
        y = layer(self.features, (1, 1), first, name="conv1")(x, self.train)
        y = layer(self.features, (3, 3), second, PAD_1, name="conv2")(y, self.train)
        y = layer(EXPANSION * self.features, (1, 1), activation=_identity, name="conv3")(y, self.train)
        if self.project:
            x = layer(EXPANSION * self.features, (1, 1), step, activation=_identity, name="shortcut")(x, self.train)
        return nn.relu(x + y), None


class Stage(nn.Module):
    """Blocks of one size, the first with a stride and a convolution on the shortcut.

    Attributes:
      settings: what the network's layers share.
      features: channels inside the blocks.
      blocks: their number.
      stride: of the first block.
      stride_first, use_bias: see `Bottleneck`.
    """

    settings: Settings
    features: int
    blocks: int
    stride: int
    stride_first: bool = False
    use_bias: bool = False

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch height width channels"], train: bool
    ) -> Float[Array, "batch h w features"]:
        """Runs the blocks."""
        s, later = self.settings, self.blocks - 1
        fields: dict[str, Any] = {
            "features": self.features,
            "stride_first": self.stride_first,
            "use_bias": self.use_bias,
        }
        x, _ = Bottleneck(s, train, stride=self.stride, project=True, name="block1", **fields)(x)
        if later >= BLOCKS_TO_STACK:
            x, _ = repeat(Bottleneck, later, s, train, "later_blocks", **fields)(x, None)
            return x
        for i in range(later):
            x, _ = Bottleneck(s, train, name=f"block{i + 2}", **fields)(x)
        return x


class Lower(nn.Module):
    """Stem and stages 1 to 3: [224, 224, 3] to [14, 14, 1024].

    Attributes:
      settings: what the network's layers share.
      stride_first, use_bias: see `Bottleneck`.
    """

    settings: Settings
    stride_first: bool = False
    use_bias: bool = False

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch height width channels"], train: bool
    ) -> Float[Array, "batch h w features"]:
        """Runs the stem and the first three stages."""
        s, form = self.settings, (self.stride_first, self.use_bias)
        x = ConvNorm(s, 64, (7, 7), (2, 2), PAD_3, self.use_bias, name="conv1")(x, train)
        tap(self, 2, x)
        x = max_pool(x, (3, 3), (2, 2), PAD_1)
        x = Stage(s, 64, 3, 1, *form, name="stage1")(x, train)
        tap(self, 4, x)
        x = Stage(s, 128, 4, 2, *form, name="stage2")(x, train)
        tap(self, 8, x)
        return Stage(s, 256, 6, 2, *form, name="stage3")(x, train)


class Upper(nn.Module):
    """Stage 4: [14, 14, 1024] to [7, 7, 2048].

    Attributes:
      settings: what the network's layers share.
      stride_first, use_bias: see `Bottleneck`.
    """

    settings: Settings
    stride_first: bool = False
    use_bias: bool = False

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch height width channels"], train: bool
    ) -> Float[Array, "batch h w features"]:
        """Runs the last stage."""
        tap(self, 16, x)
        x = Stage(self.settings, 512, 3, 2, self.stride_first, self.use_bias, name="stage4")(x, train)
        tap(self, 32, x)
        return x


def resnet50(settings: Settings, stride_first: bool = False, use_bias: bool = False) -> Backbone:
    """ResNet-50.

    Args:
      settings: what the network's layers share.
      stride_first: whether the first 1x1 convolution of a stage has the stride (version 1) or, by default, the 3x3 one
        (version 1.5).
      use_bias: whether the convolutions have biases.
    """
    return Backbone(
        functools.partial(Lower, settings, stride_first, use_bias),
        functools.partial(Upper, settings, stride_first, use_bias),
        minimum_size=1,
    )
