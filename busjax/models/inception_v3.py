"""Inception-v3 (Szegedy et al. 2016), the Sn-Net of Qi et al. 2019, Table 2, in two parts.

No auxiliary head. Table 2 prints the 1x3 and 3x1 convolutions of the last two blocks under each other; they are
parallel (2048 = 320 + 2 x 384 + 2 x 384 + 192). It prints the long branch of the 4a to 4d blocks as 1x7 first; the
released weights have 7x1 first, which is followed. Releases differ in two poolings, which are options.
"""

import functools

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from busjax.models.backbone import Backbone, tap
from busjax.models.inception_stem import Stem
from busjax.models.layers import Branch, ConvNorm, Settings, average_pool
from busjax.models.pooling import halve_overlapping, max_pool

HALF = (3, 3), (2, 2), "VALID"


class Mixed(nn.Module):
    """Parallel branches, the last of them after a 3x3 average (or maximum), concatenated.

    Attributes:
      settings: what the network's layers share.
      branches: convolutions of each branch; the last one follows the pooling.
      count_padding: whether padded zeros count in the average.
      max_pooling: whether the pooling is a maximum.
    """

    settings: Settings
    branches: tuple
    count_padding: bool = False
    max_pooling: bool = False

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch height width channels"], train: bool
    ) -> Float[Array, "batch h w features"]:
        """Runs the branches; a tuple in place of a convolution stands for parallel convolutions (1x3 and 3x1)."""
        s = self.settings
        pooled = max_pool(x, (3, 3), (1, 1), "SAME") if self.max_pooling else average_pool(x, self.count_padding)
        parts = []
        for i, layers in enumerate(self.branches):
            y = pooled if i == len(self.branches) - 1 else x
            split = layers[-1] if isinstance(layers[-1][0], tuple) else ()
            y = Branch(s, layers[:-1] if split else layers, name=f"branch{i}")(y, train)
            if split:
                parts += [ConvNorm(s, *c, name=f"branch{i}_split{j}")(y, train) for j, c in enumerate(split)]
            else:
                parts.append(y)
        return jnp.concatenate(parts, axis=-1)


def _mixed3(pool_features: int) -> tuple:
    """Blocks 3a to 3c."""
    return (
        ((64, (1, 1)),),
        ((48, (1, 1)), (64, (5, 5))),
        ((64, (1, 1)), (96, (3, 3)), (96, (3, 3))),
        ((pool_features, (1, 1)),),
    )


def _mixed4(c: int) -> tuple:
    """Blocks 4a to 4d, with c channels inside."""
    return (
        ((192, (1, 1)),),
        ((c, (1, 1)), (c, (1, 7)), (192, (7, 1))),
        ((c, (1, 1)), (c, (7, 1)), (c, (1, 7)), (c, (7, 1)), (192, (1, 7))),
        ((192, (1, 1)),),
    )


SPLIT = ((384, (1, 3)), (384, (3, 1)))
MIXED5 = (
    ((320, (1, 1)),),
    ((384, (1, 1)), SPLIT),
    ((448, (1, 1)), (384, (3, 3)), SPLIT),
    ((192, (1, 1)),),
)


class Lower(nn.Module):
    """Stem to block 3d: the part before the aggregation point, [299, 299, 3] to [17, 17, 768].

    Attributes:
      settings: what the network's layers share.
      early_blocks: how many of the blocks 3a to 3c there are; fewer make a shallower network.
      count_padding: whether padded zeros count in the average pools (torchvision: yes; Keras: no, the default).
    """

    settings: Settings
    early_blocks: int = 3
    count_padding: bool = False

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch height width channels"], train: bool
    ) -> Float[Array, "batch h w features"]:
        """Runs the stem and blocks 3a to 3d."""
        s = self.settings
        x = Stem(s, name="stem")(x, train)
        for name, pool_features in (("mixed3a", 32), ("mixed3b", 64), ("mixed3c", 64))[: self.early_blocks]:
            x = Mixed(s, _mixed3(pool_features), self.count_padding, name=name)(x, train)
        tap(self, 8, x)
        return jnp.concatenate(
            [
                Branch(s, ((384, *HALF),), name="mixed3d_branch0")(x, train),
                Branch(s, ((64, (1, 1)), (96, (3, 3)), (96, *HALF)), name="mixed3d_branch1")(x, train),
                halve_overlapping(x),
            ],
            axis=-1,
        )


class Upper(nn.Module):
    """Blocks 4a to 5b: from the aggregation point to the CAM features, [17, 17, 768] to [8, 8, 2048].

    Attributes:
      settings: what the network's layers share.
      count_padding: as in `Lower`.
      last_max_pooling: whether block 5b pools by maximum (MXNet's own file) or average (all other releases).
      middle_blocks: inner channels of the 4a, 4b, ... blocks; a shorter tuple is a shallower network.
    """

    settings: Settings
    count_padding: bool = False
    last_max_pooling: bool = False
    middle_blocks: tuple[int, ...] = (128, 160, 160, 192)

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch height width channels"], train: bool
    ) -> Float[Array, "batch h w features"]:
        """Runs blocks 4a to 5b."""
        s = self.settings
        for name, c in zip("abcd", self.middle_blocks, strict=False):
            x = Mixed(s, _mixed4(c), self.count_padding, name=f"mixed4{name}")(x, train)
        tap(self, 16, x)
        x = jnp.concatenate(
            [
                Branch(s, ((192, (1, 1)), (320, *HALF)), name="mixed4e_branch0")(x, train),
                Branch(s, ((192, (1, 1)), (192, (1, 7)), (192, (7, 1)), (192, *HALF)), name="mixed4e_branch1")(
                    x, train
                ),
                halve_overlapping(x),
            ],
            axis=-1,
        )
        x = Mixed(s, MIXED5, self.count_padding, name="mixed5a")(x, train)
        x = Mixed(s, MIXED5, self.count_padding, self.last_max_pooling, name="mixed5b")(x, train)
        tap(self, 32, x)
        return x


def inception_v3(
    settings: Settings,
    early_blocks: int = 3,
    middle_blocks: tuple[int, ...] = (128, 160, 160, 192),
    count_padding: bool = False,
    last_max_pooling: bool = False,
) -> Backbone:
    """Inception-v3; the options are attributes of `Lower` and `Upper`."""
    return Backbone(
        functools.partial(Lower, settings, early_blocks, count_padding),
        functools.partial(Upper, settings, count_padding, last_max_pooling, middle_blocks),
        minimum_size=75,
    )
