"""MobileNet, version 1 (Howard et al. 2017, Table 1), in two parts.

A 3x3 convolution and 13 pairs of a depthwise 3x3 and a 1x1 convolution, each with batch normalisation (epsilon 1e-3 in
the released weights) and ReLU6. At [224, 224, 3] the features are [7, 7, 1024]. The paper's width multiplier is
`Settings.width`: 0.25, 0.5, 0.75 and 1 have released weights.

In Keras every depthwise convolution with stride 2 is padded below and to the right only, (0, 1), whether the size is
even or odd, and the first convolution is 'SAME', which differs from that where the size is odd. In the
older package keras-applications the first convolution is padded like the others.
"""

import functools

import flax.linen as nn
from jaxtyping import Array, Float

from busjax.models.backbone import Backbone, tap
from busjax.models.layers import ConvNorm, Settings, repeat
from busjax.models.windows import Padding

BELOW_RIGHT = ((0, 1), (0, 1))

# Features and stride of pairs 1 to 6, and of 12 and 13; between them are five equal ones, of 512 features.
EARLY_PAIRS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2))
MIDDLE_PAIRS = 5
LATE_PAIRS = ((1024, 2), (1024, 1))


class SeparablePair(nn.Module):
    """A depthwise 3x3 and a 1x1 convolution, each with batch normalisation and ReLU6.

    Attributes:
      settings: what the network's layers share.
      train: whether batch normalisation uses the batch's statistics.
      features: number of output channels of the published network.
      stride: step of the depthwise convolution.
    """

    settings: Settings
    train: bool
    features: int
    stride: int = 1

    @nn.compact
    def __call__(self, x: Float[Array, "batch height width channels"], _: None = None):
        """Returns (y, None), the form `nn.scan` asks for."""
        s, strides = self.settings, (self.stride, self.stride)
        padding: Padding = BELOW_RIGHT if self.stride == 2 else "SAME"
        x = ConvNorm(s, x.shape[-1], (3, 3), strides, padding, activation=nn.relu6, depthwise=True, name="depthwise")(
            x, self.train
        )
        return ConvNorm(s, self.features, (1, 1), activation=nn.relu6, name="pointwise")(x, self.train), None


class Lower(nn.Module):
    """The first convolution and pairs 1 to 6: [224, 224, 3] to [14, 14, 512].

    Attributes:
      settings: what the network's layers share.
      stem_padding: padding of the first convolution, 'SAME' or explicit.
    """

    settings: Settings
    stem_padding: Padding = "SAME"

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch height width channels"], train: bool
    ) -> Float[Array, "batch h w features"]:
        """Runs the first convolution and pairs 1 to 6."""
        s = self.settings
        x = ConvNorm(s, 32, (3, 3), (2, 2), self.stem_padding, activation=nn.relu6, name="conv1")(x, train)
        reached = 2
        for i, (features, stride) in enumerate(EARLY_PAIRS, start=1):
            if stride == 2:
                tap(self, reached, x)
                reached *= 2
            x, _ = SeparablePair(s, train, features, stride, name=f"pair{i}")(x)
        return x


class Upper(nn.Module):
    """Pairs 7 to 13: [14, 14, 512] to [7, 7, 1024].

    Attributes:
      settings: what the network's layers share.
    """

    settings: Settings

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch height width channels"], train: bool
    ) -> Float[Array, "batch h w features"]:
        """Runs pairs 7 to 13."""
        s = self.settings
        x, _ = repeat(SeparablePair, MIDDLE_PAIRS, s, train, "middle_pairs", features=EARLY_PAIRS[-1][0])(x, None)
        tap(self, 16, x)
        first = len(EARLY_PAIRS) + MIDDLE_PAIRS + 1
        for i, (features, stride) in enumerate(LATE_PAIRS, start=first):
            x, _ = SeparablePair(s, train, features, stride, name=f"pair{i}")(x)
        tap(self, 32, x)
        return x


def mobilenet(settings: Settings, pad_stem_below: bool = False) -> Backbone:
    """MobileNet version 1.

    Args:
      settings: what the network's layers share; `width` is the paper's width multiplier.
      pad_stem_below: whether the first convolution is padded by (0, 1) at every size, as all others with stride 2 are.
    """
    return Backbone(
        functools.partial(Lower, settings, BELOW_RIGHT if pad_stem_below else "SAME"),
        functools.partial(Upper, settings),
        minimum_size=32 if pad_stem_below else 31,
    )
