"""GoogLeNet (Szegedy et al. 2015, Table 1) with batch normalisation, in two parts.

torchvision's network, ported from TensorFlow: a normalisation after each convolution in place of biases and local
response normalisation, and 3x3 kernels in the branch for which the paper has 5x5 (an option). Its auxiliary heads are
left out.
"""

import functools
from collections.abc import Mapping

import flax.linen as nn
from jaxtyping import Array, Float

from busjax.models.backbone import Backbone, tap
from busjax.models.inception_v3 import Mixed
from busjax.models.layers import ConvNorm, Settings
from busjax.models.pooling import max_pool

# Channels of the branches: 1x1; 3x3, reduced to and of; 5x5, reduced to and of; after the pooling.
STAGE3 = {"3a": (64, 96, 128, 16, 32, 32), "3b": (128, 128, 192, 32, 96, 64)}
STAGE4 = {
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
}
STAGE5 = {"5a": (256, 160, 320, 32, 128, 128), "5b": (384, 192, 384, 48, 128, 128)}


def _halve(x: Array, window: int) -> Array:
    """Maximum with stride 2 whose last window may hang over the edge: n positions become ceil((n - window) / 2) + 1."""
    low_and_high = [(0, (n - window) % 2) for n in x.shape[1:3]]
    return max_pool(x, (window, window), (2, 2), (low_and_high[0], low_and_high[1]))


def _blocks(settings: Settings, stage: Mapping[str, tuple[int, ...]], kernel: int, x: Array, train: bool) -> Array:
    """The inception blocks of a stage, as submodules of the calling module."""
    for name, (one, three_in, three, five_in, five, pooled) in stage.items():
        branches = (
            ((one, (1, 1)),),
            ((three_in, (1, 1)), (three, (3, 3))),
            ((five_in, (1, 1)), (five, (kernel, kernel))),
            ((pooled, (1, 1)),),
        )
        x = Mixed(settings, branches, max_pooling=True, name=f"inception{name}")(x, train)
    return x


class Lower(nn.Module):
    """Stem to block 3b and its pooling, [224, 224, 3] to [14, 14, 480].

    Attributes:
      settings: what the network's layers share.
      wide_kernel: side of the kernel in the third branch: 3 in the released weights, 5 in the paper.
    """

    settings: Settings
    wide_kernel: int = 3

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch height width channels"], train: bool
    ) -> Float[Array, "batch h w features"]:
        """Runs the stem and the blocks 3a and 3b."""
        s = self.settings
        x = ConvNorm(s, 64, (7, 7), (2, 2), ((3, 3), (3, 3)), name="conv1")(x, train)
        tap(self, 2, x)
        x = ConvNorm(s, 64, (1, 1), name="conv2")(_halve(x, 3), train)
        x = ConvNorm(s, 192, (3, 3), name="conv3")(x, train)
        tap(self, 4, x)
        x = _blocks(s, STAGE3, self.wide_kernel, _halve(x, 3), train)
        tap(self, 8, x)
        return _halve(x, 3)


class Upper(nn.Module):
    """Blocks 4a to 5b, [14, 14, 480] to [7, 7, 1024].

    Attributes:
      settings: what the network's layers share.
      wide_kernel: as in `Lower`.
    """

    settings: Settings
    wide_kernel: int = 3

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch height width channels"], train: bool
    ) -> Float[Array, "batch h w features"]:
        """Runs the blocks 4a to 5b."""
        s = self.settings
        x = _blocks(s, STAGE4, self.wide_kernel, x, train)
        tap(self, 16, x)
        x = _blocks(s, STAGE5, self.wide_kernel, _halve(x, 2), train)
        tap(self, 32, x)
        return x


def googlenet(settings: Settings, wide_kernel: int = 3) -> Backbone:
    """GoogLeNet; the option is an attribute of `Lower` and `Upper`."""
    return Backbone(
        functools.partial(Lower, settings, wide_kernel),
        functools.partial(Upper, settings, wide_kernel),
        minimum_size=15,
    )
