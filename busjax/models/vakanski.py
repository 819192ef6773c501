"""The multi-task U-Net of Vakanski and Xian, as their public PyTorch code has it.

A U-Net of five levels (32, 64, 128, 256, 512 features; 3x3 convolutions with bias, batch normalisation with epsilon
1e-5, ReLU), whose mask comes from a 3x3 convolution. The deepest features, averaged, go through 256 and 64 with ReLU
and dropout 0.25 after each, to two outputs with a softmax. It has 7,914,147 trainable parameters. Shareef et al. give
27.3 million for the network that they compare; no uniform change of its widths gives that number, so this is the public
one. No weights are released. Its images are [256, 256, 3], divided by 255.
"""

import functools

from busjax.models.backbone import Backbone
from busjax.models.dense_head import DenseHead
from busjax.models.layers import Settings
from busjax.models.multitask import MultitaskNetwork
from busjax.models.unet import Decoder

LEVELS = (32, 64, 128, 256, 512)


def vakanski(
    settings: Settings,
    encoder: Backbone,
    *,
    classes: int = 2,
    head_widths: tuple[int, ...] = (256, 64),
    dropout_rate: float = 0.25,
) -> MultitaskNetwork:
    """The network.

    Args:
      settings: what the layers share; PyTorch's are `norm_epsilon` 1e-5 and `norm_momentum` 0.9.
      encoder: U-Net's encoder with `LEVELS`.
      classes: number of outputs.
      head_widths: of the hidden layers.
      dropout_rate: share dropped after each of them.
    """
    return MultitaskNetwork(
        encoder.lower,
        encoder.upper,
        functools.partial(Decoder, settings, LEVELS[-2::-1], mask_kernel=3),
        functools.partial(DenseHead, tuple(head_widths), dropout_rate, len(head_widths)),
        encoder.skips,
        classes,
    )
