"""EfficientNet-B0 (Tan and Le 2019, Table 1) in two parts.

At [224, 224, 3] the features are [7, 7, 1280]. Seven stages of inverted bottlenecks with squeeze-and-excitation, all
with the activation swish, x * sigmoid(x). Releases differ in the padding of the five convolutions with stride 2:
Keras's is 'SAME' in XLA's sense ((0, 1) for 3x3 and (1, 2) for 5x5 at even sizes; with an open input size Keras takes
these at odd sizes too, where we follow its fixed input size), torchvision's is symmetric. Epsilon is 1e-3 in Keras and
1e-5 in torchvision. Keras also keeps the normalisation of the image inside the network; here that is the release's
preprocessing.

The paper trains with stochastic depth (whole residuals are dropped, up to 20% of them in the last block). It does not
act in evaluation, where all releases agree, and we leave it out of training too: the networks here get no random keys,
so that the features of an image are the same in every pass of a step.
"""

import functools
from dataclasses import dataclass

import flax.linen as nn
from jaxtyping import Array, Float

from busjax.models.backbone import Backbone, tap
from busjax.models.convolution import Conv
from busjax.models.layers import ConvNorm, Norm, Settings, at_least_float32
from busjax.models.windows import Padding

SQUEEZE = 4
"""Input channels of a block for each channel of its squeeze."""


@dataclass(frozen=True)
class Stage:
    """Blocks of one size.

    Attributes:
      expansion: channels inside a block for each input channel.
      kernel: side of the depthwise convolution.
      stride: of the first block.
      features: output channels.
      blocks: their number.
    """

    expansion: int
    kernel: int
    stride: int
    features: int
    blocks: int


STEM_FEATURES = 32
LOWER_STAGES = (
    Stage(1, 3, 1, 16, 1),
    Stage(6, 3, 2, 24, 2),
    Stage(6, 5, 2, 40, 2),
    Stage(6, 3, 2, 80, 3),
    Stage(6, 5, 1, 112, 3),
)
UPPER_STAGES = (Stage(6, 5, 2, 192, 4), Stage(6, 3, 1, 320, 1))
LAST_FEATURES = 1280

# The widest features of each stride, which decoders take: activated, and expanded from what is tapped.
EXPANDED = {
    "image_tower/block2a/expand": "stride_2",
    "image_tower/block3a/expand": "stride_4",
    "image_tower/block4a/expand": "stride_8",
    "trunk/block6a/expand": "stride_16",
}


def _padding(kernel: int, symmetric: bool) -> Padding:
    side = (kernel // 2, kernel // 2)
    return (side, side) if symmetric else "SAME"


class SqueezeExcitation(nn.Module):
    """x times a factor for each channel, computed from the means of all channels (Hu et al. 2018).

    Attributes:
      settings: what the network's layers share.
      squeezed: channels between the two 1x1 convolutions in the published network.
    """

    settings: Settings
    squeezed: int

    @nn.compact
    def __call__(self, x: Float[Array, "batch height width channels"]) -> Float[Array, "batch height width channels"]:
        """Scales the channels of `x`."""
        s = self.settings
        y = at_least_float32(x).mean(axis=(1, 2), keepdims=True)
        y = Conv(s.channels(self.squeezed), (1, 1), use_bias=True, dtype=s.dtype, name="reduce")(y)
        y = Conv(x.shape[-1], (1, 1), use_bias=True, dtype=s.dtype, name="expand")(nn.swish(y))
        return x * nn.sigmoid(y)


class Bottleneck(nn.Module):
    """1x1 to more channels, depthwise convolution, squeeze-and-excitation, 1x1 to fewer; plus x where shapes agree.

    Attributes:
      settings: what the network's layers share.
      stage: to which the block belongs.
      incoming: input channels in the published network.
      stride: of the depthwise convolution.
      symmetric_padding: whether that is padded alike on both sides at stride 2.
    """

    settings: Settings
    stage: Stage
    incoming: int
    stride: int
    symmetric_padding: bool = False

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch height width channels"], train: bool
    ) -> Float[Array, "batch h w features"]:
        """Returns the block's output, which is not activated."""
        s, stage = self.settings, self.stage
        inside, y = self.incoming * stage.expansion, x
        if stage.expansion > 1:
            y = ConvNorm(s, inside, (1, 1), activation=nn.swish, name="expand")(y, train)
        y = ConvNorm(
            s,
            inside,
            (stage.kernel, stage.kernel),
            (self.stride, self.stride),
            _padding(stage.kernel, self.symmetric_padding),
            activation=nn.swish,
            depthwise=True,
            name="depthwise",
        )(y, train)
        y = SqueezeExcitation(s, self.incoming // SQUEEZE, name="squeeze")(y)
        y = Conv(s.channels(stage.features), (1, 1), dtype=s.dtype, name="project")(y)
        y = Norm(s, name="project_norm")(y, train)
        return x + y if self.stride == 1 and self.incoming == stage.features else y


def block_names(stage: int, blocks: int) -> list[str]:
    """Names of a stage's blocks: 'block2a', 'block2b' and so on; `stage` counts from 1."""
    return [f"block{stage}{'abcd'[i]}" for i in range(blocks)]


def _run(settings: Settings, number: int, stage: Stage, incoming: int, symmetric: bool, x: Array, train: bool) -> Array:
    """The blocks of a stage (its `number` counts from 1), as submodules of the calling module."""
    for i, name in enumerate(block_names(number, stage.blocks)):
        before, stride = (incoming, stage.stride) if i == 0 else (stage.features, 1)
        x = Bottleneck(settings, stage, before, stride, symmetric, name=name)(x, train)
    return x


class Lower(nn.Module):
    """Stem and stages 1 to 5: [224, 224, 3] to [14, 14, 112].

    Attributes:
      settings: what the network's layers share.
      symmetric_padding: see `efficientnet_b0`.
    """

    settings: Settings
    symmetric_padding: bool = False

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch height width channels"], train: bool
    ) -> Float[Array, "batch h w features"]:
        """Runs the stem and the first five stages."""
        s, symmetric = self.settings, self.symmetric_padding
        padding = _padding(3, symmetric)
        x = ConvNorm(s, STEM_FEATURES, (3, 3), (2, 2), padding, activation=nn.swish, name="stem")(x, train)
        incoming, reached = STEM_FEATURES, 2
        for number, stage in enumerate(LOWER_STAGES, 1):
            if stage.stride == 2:
                tap(self, reached, x)
                reached *= 2
            x = _run(s, number, stage, incoming, symmetric, x, train)
            incoming = stage.features
        return x


class Upper(nn.Module):
    """Stages 6 and 7 and the last 1x1 convolution: [14, 14, 112] to [7, 7, 1280].

    Attributes:
      settings: what the network's layers share.
      symmetric_padding: see `efficientnet_b0`.
    """

    settings: Settings
    symmetric_padding: bool = False

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch height width channels"], train: bool
    ) -> Float[Array, "batch h w features"]:
        """Runs the last two stages and the last convolution."""
        s = self.settings
        tap(self, 16, x)
        incoming = LOWER_STAGES[-1].features
        for number, stage in enumerate(UPPER_STAGES, len(LOWER_STAGES) + 1):
            x = _run(s, number, stage, incoming, self.symmetric_padding, x, train)
            incoming = stage.features
        x = ConvNorm(s, LAST_FEATURES, (1, 1), activation=nn.swish, name="top")(x, train)
        tap(self, 32, x)
        return x


def efficientnet_b0(settings: Settings, symmetric_padding: bool = False) -> Backbone:
    """EfficientNet-B0.

    Args:
      settings: what the network's layers share.
      symmetric_padding: whether convolutions with stride 2 pad alike on both sides (torchvision) or, by default, as
        'SAME' does (Keras).
    """
    return Backbone(
        functools.partial(Lower, settings, symmetric_padding),
        functools.partial(Upper, settings, symmetric_padding),
        minimum_size=1,
        skips=EXPANDED,
    )
