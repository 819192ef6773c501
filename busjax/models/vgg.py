"""VGG-16 and VGG-19 (Simonyan and Zisserman 2015, Table 1, columns D and E), in two parts.

Stages of 3x3 convolutions with bias and ReLU, each followed by a 2x2 maximum; no normalisation. Keras and torchvision
have the same network. They differ in the images they expect (Keras's weights come from the authors' Caffe files,
torchvision's were trained anew) and in the order in which the map is flattened for the first hidden layer, which is a
matter of loading. Keras leaves out the published dropout of the hidden layers; it is here in either case.
"""

import functools

import flax.linen as nn
from jaxtyping import Array, Float

from busjax.models.backbone import Backbone, tap
from busjax.models.convolution import Conv
from busjax.models.hidden_layers import HiddenLayers
from busjax.models.layers import Settings
from busjax.models.pooling import halve

CHANNELS = (64, 128, 256, 512, 512)
VGG16 = (2, 2, 3, 3, 3)
VGG19 = (2, 2, 4, 4, 4)


def _convolutions(settings: Settings, stage: int, number: int, x: Array) -> Array:
    """The `number` convolutions of a stage (counted from 1), as submodules of the calling module."""
    for i in range(number):
        features = settings.channels(CHANNELS[stage - 1])
        x = nn.relu(Conv(features, (3, 3), use_bias=True, dtype=settings.dtype, name=f"conv{stage}_{i + 1}")(x))
    return x


class Lower(nn.Module):
    """Stages 1 to 4, [224, 224, 3] to [14, 14, 512].

    Attributes:
      settings: what the network's layers share.
      convolutions: how many each of these stages has.
    """

    settings: Settings
    convolutions: tuple[int, ...] = VGG16[:4]

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch height width channels"], train: bool
    ) -> Float[Array, "batch h w features"]:
        """Runs the stages; nothing here depends on `train`."""
        for stage, number in enumerate(self.convolutions, 1):
            x = _convolutions(self.settings, stage, number, x)
            if stage > 1:
                tap(self, 2 ** (stage - 1), x)
            x = halve(x)
        return x


class Upper(nn.Module):
    """Stage 5 with its pooling, [14, 14, 512] to [7, 7, 512].

    Attributes:
      settings: what the network's layers share.
      convolutions: how many the stage has.
    """

    settings: Settings
    convolutions: int = VGG16[4]

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch height width channels"], train: bool
    ) -> Float[Array, "batch h w features"]:
        """Runs the stage; nothing here depends on `train`."""
        x = _convolutions(self.settings, 5, self.convolutions, x)
        tap(self, 16, x)
        x = halve(x)
        tap(self, 32, x)
        return x


def _vgg(settings: Settings, convolutions: tuple[int, ...], hidden_dropout_rate: float) -> Backbone:
    return Backbone(
        functools.partial(Lower, settings, convolutions[:4]),
        functools.partial(Upper, settings, convolutions[4]),
        minimum_size=32,
        hidden=functools.partial(HiddenLayers, settings, size=7, dropout_rate=hidden_dropout_rate),
    )


def vgg16(settings: Settings, hidden_dropout_rate: float = 0.5) -> Backbone:
    """VGG-16: 13 convolutions, and with the hidden and the last linear layer 16.

    Args:
      settings: what the network's layers share.
      hidden_dropout_rate: share dropped after each hidden layer.
    """
    return _vgg(settings, VGG16, hidden_dropout_rate)


def vgg19(settings: Settings, hidden_dropout_rate: float = 0.5) -> Backbone:
    """VGG-19: 16 convolutions; arguments as for `vgg16`."""
    return _vgg(settings, VGG19, hidden_dropout_rate)
