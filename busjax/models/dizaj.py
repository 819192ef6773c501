"""The five networks of Dizaj and Valizadeh 2021 for three classes and a mask, by our reading.

The paper (sections III.B and IV) trains VGG-16, ResNet-50, DenseNet-161, AlexNet and U-Net from scratch to classify and
to segment, and says neither how a classifier draws a mask nor how U-Net tells a class. Public code has U-Net alone,
without classes. Our reading: of every network the deepest features are averaged and, with a dropout of 33%, go to the
class outputs. The mask of U-Net comes from its own decoder. The four others get a plain one on their deepest features,
without skips: at each step a 2x2 transposed convolution to twice the size and one 3x3 convolution with batch
normalisation and ReLU, 256, 128, 64, 32 and 16 channels from stride 32; then a 1x1 convolution.

U-Net is that of the public code: 64 to 1024 channels, 3x3 transposed convolutions, a dropout of 10% after each maximum.
With its input of one channel it has 34,535,745 parameters, running statistics counted; ours takes three channels (1,152
more) and has the class outputs (3,075 more).

Parameters with three classes, running statistics counted: VGG-16 16,203,252, ResNet-50 (as Keras has it) 26,653,748,
DenseNet-161 29,922,292, AlexNet 3,695,348, U-Net 34,539,972. No weights are released.
"""

import functools
from typing import Any

import jax
from jaxtyping import Array, Float

from busjax.models.backbone import Backbone
from busjax.models.dense_head import DenseHead
from busjax.models.layers import Settings
from busjax.models.multitask import MultitaskNetwork, with_keras_norm
from busjax.models.unet import LEVELS, Decoder

STEPS = (256, 128, 64, 32, 16)
"""Features of the plain decoder's steps, from stride 32."""
ENCODER_DROPOUT = 0.1
"""Of U-Net, after each maximum."""
ENCODER = 2**16
"""Folded into the keys of the encoder's dropouts, so that they are not those of the classifier's."""


class DroppingEncoder(MultitaskNetwork):
    """A multi-task network whose encoder has dropout, too."""

    def encoded(
        self, image: Float[Array, "batch height width channels"], dropout_keys: Any, train: bool
    ) -> Float[Array, "batch h w features"]:
        """The deepest features; dropout acts where there is a key for each example."""
        keys = None if dropout_keys is None else jax.vmap(jax.random.fold_in, (0, None))(dropout_keys, ENCODER)
        return self.trunk(self.image_tower(image, train, keys), train)


def dizaj(
    settings: Settings,
    encoder: Backbone,
    *,
    classes: int = 3,
    head_widths: tuple[int, ...] = (),
    dropout_rate: float = 0.33,
) -> MultitaskNetwork:
    """A backbone with the plain decoder.

    Args:
      settings: of the backbone. The decoder has its own batch normalisation, see `with_keras_norm`.
      encoder: the backbone; where its deepest features have a smaller stride than 32, the decoder starts later.
      classes: number of outputs.
      head_widths: of hidden layers before the outputs, which our reading has none of.
      dropout_rate: share of the averaged features that is dropped, and of the first hidden layer's.
    """
    deepest, steps = f"stride_{encoder.stride}", STEPS[-(encoder.stride.bit_length() - 1) :]
    return MultitaskNetwork(
        encoder.lower,
        encoder.upper,
        functools.partial(Decoder, with_keras_norm(settings), steps, convolutions=1),
        functools.partial(DenseHead, tuple(head_widths), dropout_rate, dropout_first=True),
        {f"trunk/{deepest}": deepest},
        classes,
        image_beside=False,
    )


def dizaj_unet(
    settings: Settings,
    encoder: Backbone,
    *,
    classes: int = 3,
    head_widths: tuple[int, ...] = (),
    dropout_rate: float = 0.33,
) -> DroppingEncoder:
    """U-Net with class outputs.

    Args:
      settings: what the layers share; Keras's are `norm_epsilon` 1e-3 and `norm_momentum` 0.99.
      encoder: U-Net's encoder with the published levels.
      classes: number of outputs.
      head_widths, dropout_rate: as of `dizaj`.
    """
    return DroppingEncoder(
        functools.partial(encoder.lower, dropout_rate=ENCODER_DROPOUT),
        encoder.upper,
        functools.partial(Decoder, with_keras_norm(settings), LEVELS[-2::-1], up_kernel=3),
        functools.partial(DenseHead, tuple(head_widths), dropout_rate, dropout_first=True),
        encoder.skips,
        classes,
    )
