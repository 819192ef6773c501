"""Inception-ResNet-v2 (Szegedy et al. 2017), the Mt-Net of Qi et al. 2019, Table 1, in two parts.

The channels, which Table 1 does not print, are those of the public network. The paper's paddings (1, 2) and (2, 1) of
the 1x7 and 7x1 convolutions keep the size but blank border columns; released weights were trained with (0, 3) and
(3, 0), which is what SAME means here. The projection at the end of each residual branch has a bias and no batch
normalisation, as in all released weights. Table 1 scales the last block by 0.2; every release scales it by 1 and
leaves out its ReLU, which is the default here.
"""

import functools

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from busjax.models.backbone import Backbone, tap
from busjax.models.convolution import Conv
from busjax.models.inception_stem import Stem
from busjax.models.layers import Branch, ConvNorm, Settings, average_pool, repeat
from busjax.models.pooling import halve_overlapping

HALF = (3, 3), (2, 2), "VALID"

# The branches of the three residual blocks: features and kernel of each convolution, from input to concatenation.
BLOCK35 = (
    ((32, (1, 1)),),
    ((32, (1, 1)), (32, (3, 3))),
    ((32, (1, 1)), (48, (3, 3)), (64, (3, 3))),
)
BLOCK17 = (((192, (1, 1)),), ((128, (1, 1)), (160, (1, 7)), (192, (7, 1))))
BLOCK8 = (((192, (1, 1)),), ((192, (1, 1)), (224, (1, 3)), (256, (3, 1))))


class ResidualBlock(nn.Module):
    """y = ReLU(x + scale * P(branches(x))), P a 1x1 convolution with bias.

    Attributes:
      settings: what the network's layers share.
      train: whether batch normalisation uses the batch's statistics.
      branches: the parallel branches.
      scale: factor of the residual (0.1 to 0.2 keeps training stable: Szegedy et al. 2017, section 3.3).
      activate: whether the final ReLU is applied.
    """

    settings: Settings
    train: bool
    branches: tuple
    scale: float
    activate: bool = True

    @nn.compact
    def __call__(self, x: Float[Array, "batch height width channels"], _: None = None):
        """Returns (y, None), the form `nn.scan` asks for."""
        parts = [Branch(self.settings, b, name=f"branch{i}")(x, self.train) for i, b in enumerate(self.branches)]
        projection = Conv(x.shape[-1], (1, 1), use_bias=True, dtype=self.settings.dtype, name="projection")
        y = x + self.scale * projection(jnp.concatenate(parts, axis=-1))
        return (nn.relu(y) if self.activate else y), None


class Lower(nn.Module):
    """Stem to the last of the block17: the part before the aggregation point, [299, 299, 3] to [17, 17, 1088].

    Attributes:
      settings: what the network's layers share.
      blocks: numbers of block35, block17 and block8 (10, 20 and 10 in the published network); the first two may be 0.
    """

    settings: Settings
    blocks: tuple[int, int, int] = (10, 20, 10)

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch height width channels"], train: bool
    ) -> Float[Array, "batch h w features"]:
        """Runs the stem, mixed5b, the block35, mixed6a and the block17."""
        s = self.settings
        x = Stem(s, name="stem")(x, train)
        x = jnp.concatenate(
            [
                Branch(s, ((96, (1, 1)),), name="mixed5b_branch0")(x, train),
                Branch(s, ((48, (1, 1)), (64, (5, 5))), name="mixed5b_branch1")(x, train),
                Branch(s, ((64, (1, 1)), (96, (3, 3)), (96, (3, 3))), name="mixed5b_branch2")(x, train),
                Branch(s, ((64, (1, 1)),), name="mixed5b_branch3")(average_pool(x, count_padding=False), train),
            ],
            axis=-1,
        )
        if self.blocks[0]:
            x, _ = repeat(ResidualBlock, self.blocks[0], s, train, "block35", branches=BLOCK35, scale=0.17)(x, None)
        tap(self, 8, x)
        x = jnp.concatenate(
            [
                Branch(s, ((384, *HALF),), name="mixed6a_branch0")(x, train),
                Branch(s, ((256, (1, 1)), (256, (3, 3)), (384, *HALF)), name="mixed6a_branch1")(x, train),
                halve_overlapping(x),
            ],
            axis=-1,
        )
        if self.blocks[1]:
            x, _ = repeat(ResidualBlock, self.blocks[1], s, train, "block17", branches=BLOCK17, scale=0.1)(x, None)
        return x


class Upper(nn.Module):
    """mixed7a to conv7b: from the aggregation point to the CAM features, [17, 17, 1088] to [8, 8, 1536].

    Attributes:
      settings: what the network's layers share.
      blocks: as in `Lower`.
      last_block_scale: residual scale of the last block8: 1.0 in every release, 0.2 in the paper's Table 1.
    """

    settings: Settings
    blocks: tuple[int, int, int] = (10, 20, 10)
    last_block_scale: float = 1.0

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch height width channels"], train: bool
    ) -> Float[Array, "batch h w features"]:
        """Runs mixed7a, the block8 and conv7b."""
        s = self.settings
        tap(self, 16, x)
        x = jnp.concatenate(
            [
                Branch(s, ((256, (1, 1)), (384, *HALF)), name="mixed7a_branch0")(x, train),
                Branch(s, ((256, (1, 1)), (288, *HALF)), name="mixed7a_branch1")(x, train),
                Branch(s, ((256, (1, 1)), (288, (3, 3)), (320, *HALF)), name="mixed7a_branch2")(x, train),
                halve_overlapping(x),
            ],
            axis=-1,
        )
        if self.blocks[2] > 1:
            x, _ = repeat(ResidualBlock, self.blocks[2] - 1, s, train, "block8", branches=BLOCK8, scale=0.2)(x, None)
        x, _ = ResidualBlock(s, train, BLOCK8, self.last_block_scale, activate=False, name="block8_last")(x)
        x = ConvNorm(s, 1536, (1, 1), name="conv7b")(x, train)
        tap(self, 32, x)
        return x


def inception_resnet_v2(
    settings: Settings, blocks: tuple[int, int, int] = (10, 20, 10), last_block_scale: float = 1.0
) -> Backbone:
    """Inception-ResNet-v2; the options are attributes of `Lower` and `Upper`."""
    return Backbone(
        functools.partial(Lower, settings, blocks),
        functools.partial(Upper, settings, blocks, last_block_scale),
        minimum_size=75,
    )
