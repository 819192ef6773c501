"""MT-ESTAN (Shareef et al.): ResNet-50 and ESTAN's blocks side by side, a decoder on both, a classifier before it.

The layers are those of the authors' code. Two encoders see the image: ResNet-50 as Keras has it (version 1, with
biases), and five ESTAN blocks, whose second branch has kernels of one row and one column (15, 13, 11, 9 and 7 long).
ResNet-50 gives its activated features r1 to r5 and, of each stage, the first 1x1 convolution before its ReLU, c1 and b2
to b5 (c1 before batch normalisation too). The classifier averages u6, where both encoders are joined at stride 16; the
decoder goes on from there. Outside ResNet-50 every convolution has a bias and a ReLU, every transposed one (2x2) a bias
and no activation, and batch normalisation, where there is any, comes after the ReLU.

At [224, 224, 3] it has 55,980,162 parameters: 23,587,712 of ResNet-50 and 32,392,450 others; 55,040 of all are running
statistics. Where the paper differs: it has three convolutions in a row in each step of the decoder.

At sizes that are no multiple of 32, where the original does not run, sizes are rounded up at each halving, as in
ResNet-50, and doubled features are cut to those beside them.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from busjax.models.backbone import Backbone, watching
from busjax.models.convolution import Conv
from busjax.models.dense_head import DenseHead
from busjax.models.layers import Norm, Settings, at_least_float32
from busjax.models.multitask import MultitaskOutputs, with_keras_norm
from busjax.models.pooling import max_pool
from busjax.models.transposed_convolution import TransposedConv
from busjax.models.unet import at_size

Kernel = tuple[int, int]


class BlockSizes(NamedTuple):
    """What tells one ESTAN block from another.

    Attributes:
      features: of every convolution.
      first, second: kernels of the branches' convolutions, in order.
      fuse: kernel of the convolution on both branches.
      normalise: whether batch normalisation stands before the last convolution of each branch.
    """

    features: int
    first: tuple[Kernel, ...]
    second: tuple[Kernel, ...]
    fuse: Kernel
    normalise: bool = True


BLOCKS = (
    BlockSizes(32, ((1, 1), (3, 3)), ((1, 15), (15, 1), (3, 3)), (5, 5)),
    BlockSizes(64, ((3, 3), (3, 3)), ((1, 13), (13, 1), (3, 3)), (5, 5)),
    BlockSizes(128, ((3, 3), (3, 3)), ((1, 11), (11, 1), (1, 1)), (3, 3)),
    BlockSizes(256, ((3, 3), (3, 3)), ((1, 9), (9, 1), (3, 3)), (1, 1)),
    BlockSizes(512, ((3, 3), (3, 3)), ((3, 7), (7, 3), (3, 3)), (1, 1), normalise=False),
)

# Where ResNet-50's features are that the decoder takes; r5 is the trunk's output.
TAPS = {
    "image_tower/conv1/conv": "c1",
    "image_tower/stride_2": "r1",
    "image_tower/stage1/block1/conv1/norm": "b2",
    "image_tower/stride_4": "r2",
    "image_tower/stage2/block1/conv1/norm": "b3",
    "image_tower/stride_8": "r3",
    "image_tower/stage3/block1/conv1/norm": "b4",
    "trunk/stride_16": "r4",
    "trunk/stage4/block1/conv1/norm": "b5",
}


def _activated(settings: Settings, features: int, kernel: Kernel, name: str, *parts: Array) -> Array:
    """A convolution with bias and ReLU on the parts' channels, as a submodule `name` of the calling module."""
    x = jnp.concatenate(parts, axis=-1) if len(parts) > 1 else parts[0]
    return nn.relu(Conv(settings.channels(features), kernel, use_bias=True, dtype=settings.dtype, name=name)(x))


class EstanBlock(nn.Module):
    """Two branches of convolutions and one convolution on both.

    Attributes:
      settings: what the network's layers share.
      sizes: of the block.
    """

    settings: Settings
    sizes: BlockSizes

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch height width channels"], train: bool
    ) -> Float[Array, "batch height width features"]:
        """With `train`, normalises by the batch's own statistics and updates the running ones."""
        s, sizes = self.settings, self.sizes
        ends = []
        for branch, kernels in (("first", sizes.first), ("second", sizes.second)):
            y = x
            for i, kernel in enumerate(kernels, 1):
                if sizes.normalise and i == len(kernels):
                    y = Norm(s, name=f"{branch}_norm")(y, train)
                y = _activated(s, sizes.features, kernel, f"{branch}{i}", y)
            ends.append(y)
        return _activated(s, sizes.features, sizes.fuse, "fuse", *ends)


class Estan(nn.Module):
    """The ESTAN blocks, with a 2x2 maximum between them; [224, 224, 3] to e1 [224, 224, 32] ... e5 [14, 14, 512].

    Attributes:
      settings: what the network's layers share.
    """

    settings: Settings

    @nn.compact
    def __call__(self, x: Float[Array, "batch height width channels"], train: bool) -> list[Array]:
        """The output of every block, the finest first. Odd sizes are rounded up when halved."""
        found: list[Array] = []
        for i, sizes in enumerate(BLOCKS, 1):
            x = max_pool(found[-1], (2, 2), (2, 2), "SAME") if found else x
            found.append(EstanBlock(self.settings, sizes, name=f"block{i}")(x, train))
        return found


class UpStep(nn.Module):
    """A step of the decoder: a convolution, features of both encoders, and twice the size.

    Attributes:
      settings: what the network's layers share.
      features: of every convolution.
      join: kernel of the first convolution after the size is doubled.
      second_look: whether features from before the doubling are doubled by themselves and joined once more.
    """

    settings: Settings
    features: int
    join: Kernel = (1, 1)
    second_look: bool = False

    @nn.compact
    def __call__(self, parts: tuple[Array, ...], inner: Array, fine: Array) -> Array:
        """[batch, h, w, ...] to [batch, height, width, features].

        Args:
          parts: features of one size, joined by channels.
          inner: ResNet's features before a ReLU, of that size.
          fine: ESTAN's features of twice the size.
        """
        s = self.settings

        def doubled(x: Array, name: str) -> Array:
            return at_size(TransposedConv(s.channels(self.features), dtype=s.dtype, name=name)(x), *fine.shape[1:3])

        x = _activated(s, self.features, (3, 3), "reduce", *parts)
        x = doubled(jnp.concatenate([x, inner], axis=-1), "up")
        x = _activated(s, self.features, self.join, "join", x, fine)
        more = (doubled(inner, "up_inner"),) if self.second_look else ()
        return _activated(s, self.features, (3, 3), "last", x, *more)


class MTEstan(nn.Module):
    """The network.

    Attributes:
      settings: of ResNet-50. The other layers have their own batch normalisation, see `with_keras_norm`.
      lower: makes the part of ResNet-50 that is called `image_tower`, and
      upper: the part called `trunk`, so that released weights find them.
      hidden: makes the hidden layers of the classifier, called with (features, dropout keys).
      classes: number of outputs.
      segmentation: whether there is a decoder above u6. Without it this is the network's own encoder and classifier.
    """

    settings: Settings
    lower: Callable[..., nn.Module]
    upper: Callable[..., nn.Module]
    hidden: Callable[..., nn.Module]
    classes: int = 1
    segmentation: bool = True

    def setup(self) -> None:
        """Makes the parts."""
        s = with_keras_norm(self.settings)
        self.image_tower = self.lower()
        self.trunk = self.upper()
        self.estan = Estan(s)
        self.deepest = TransposedConv(s.channels(512), dtype=s.dtype)
        if self.segmentation:
            self.up1 = UpStep(s, 256)
            self.up2 = UpStep(s, 128)
            self.up3 = UpStep(s, 64)
            self.up4 = UpStep(s, 32, (5, 5), second_look=True)
            self.mask = Conv(1, (1, 1), use_bias=True, dtype=s.dtype)
        self.hidden_layers = self.hidden()
        self.classifier = nn.Dense(self.classes)

    def __call__(
        self, image: Float[Array, "batch height width channels"], dropout_keys: Any = None, *, train: bool = False
    ) -> MultitaskOutputs:
        """Classifies and segments. Dropout acts where there is a key for each example.

        Args:
          image: of any size.
          dropout_keys: [batch, 2].
          train: whether batch normalisation uses the batch's statistics.
        """
        with watching(self, TAPS) as r:
            r5 = self.trunk(self.image_tower(image, train), train)
        e1, e2, e3, e4, e5 = self.estan(image, train)
        up = at_size(self.deepest(jnp.concatenate([r5, r["b5"]], axis=-1)), *e5.shape[1:3])
        u6 = jnp.concatenate([up, e5, r["r4"]], axis=-1)
        logits = self.classifier(self.hidden_layers(u6, dropout_keys))
        if not self.segmentation:
            return MultitaskOutputs(logits, None, u6)
        x = self.up1((u6,), r["b4"], e4)
        x = self.up2((x, r["r3"]), r["b3"], e3)
        x = self.up3((x, r["r2"]), r["b2"], e2)
        x = self.up4((x, r["r1"]), r["c1"], e1)
        return MultitaskOutputs(logits, at_least_float32(self.mask(x)), u6)


def mt_estan(
    settings: Settings,
    encoder: Backbone,
    *,
    classes: int = 1,
    head_widths: tuple[int, ...] = (512, 128),
    dropout_rate: float = 0.5,
    segmentation: bool = True,
) -> MTEstan:
    """MT-ESTAN.

    Args:
      settings: of ResNet-50.
      encoder: ResNet-50, version 1.
      classes: number of outputs.
      head_widths, dropout_rate: of the classifier's `DenseHead`.
      segmentation: whether there is a decoder.
    """
    head = functools.partial(DenseHead, tuple(head_widths), dropout_rate)
    return MTEstan(settings, encoder.lower, encoder.upper, head, classes, segmentation)
