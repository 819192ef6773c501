"""Networks that classify an image and segment its lesion: any backbone with the decoder of Shareef et al.'s benchmark.

The decoder starts at stride 16: the backbone's deepest features, of stride 32, are only classified. Four times a 2x2
transposed convolution with bias doubles the size (to 128, 64, 32 and 16 channels), the backbone's features of that
size, and at the last step the image itself, are put beside the result, and two 3x3 convolutions follow, each with bias,
batch normalisation and ReLU. A 1x1 convolution gives the mask. The classifier is the benchmark's `DenseHead`.

This is the decoder of the authors' code (DenseNet121_Multi.py); the paper has "an upsampling layer and two 3x3
convolutions". Only that script runs, so which features the other backbones give is our reading: the last ReLU of each
stride (MobileNet conv_pw_11, 5, 3 and 1; ResNet-50 conv4_block6_out, conv3_block4_out, conv2_block3_out and conv1_relu;
VGG-16 block5_conv3, 4_3, 3_3 and 2_2), and EfficientNet-B0's expand_activation of blocks 6a, 4a, 3a and 2a.

Parameters with Keras's backbones, running statistics counted: DenseNet-121 9,312,978, MobileNet 4,873,554, ResNet-50
26,387,474, VGG-16 16,484,306, EfficientNet-B0 5,907,246 and in Keras 7 more, which belong to the scaling of pixels
that it keeps inside the network.
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from busjax.models.backbone import Backbone, watching
from busjax.models.dense_head import DenseHead
from busjax.models.layers import Settings
from busjax.models.unet import Decoder

STEPS = (128, 64, 32, 16)
"""Features of the decoder's steps, the coarsest first."""


class MultitaskOutputs(NamedTuple):
    """What a multi-task network gives.

    Attributes:
      logits: float32 [batch, classes]; one class means the logit of a sigmoid.
      mask_logits: float32 [batch, height, width, 1], of the image's size; None from a network without segmentation.
      features: what is classified, before it is averaged, [batch, h, w, channels].
    """

    logits: Array
    mask_logits: Array | None
    features: Array


def with_keras_norm(settings: Settings) -> Settings:
    """Settings for layers beside a backbone: Keras's batch normalisation (learned scale, epsilon 1e-3), whatever the
    backbone's release has."""
    return dataclasses.replace(settings, norm_scale=True, norm_epsilon=1e-3)


class MultitaskNetwork(nn.Module):
    """A backbone, a decoder on its features, and a classifier on its deepest ones.

    Attributes:
      lower: makes the part of the backbone that is called `image_tower`, and
      upper: the part called `trunk`, so that released weights find them.
      decoder: makes the module that is called with (features by stride, size, train) and gives the mask's logits.
      hidden: makes the hidden layers of the classifier, called with (features, dropout keys).
      skips: see `Backbone`.
      classes: number of outputs.
      image_unit: what the channels of the image are multiplied by where the decoder takes it beside decoded features.
        Pixels come as the encoder's weights expect them, with some by hundreds; the decoder's are to be of one range.
      image_beside: whether the decoder takes the image at its last step, where the backbone gives nothing of that size.
    """

    lower: Callable[..., nn.Module]
    upper: Callable[..., nn.Module]
    decoder: Callable[..., nn.Module]
    hidden: Callable[..., nn.Module]
    skips: Mapping[str, str]
    classes: int = 1
    image_unit: tuple[float, float, float] = (1.0, 1.0, 1.0)
    image_beside: bool = True

    def setup(self) -> None:
        """Makes the parts."""
        self.image_tower = self.lower()
        self.trunk = self.upper()
        self.mask_decoder = self.decoder()
        self.hidden_layers = self.hidden()
        self.classifier = nn.Dense(self.classes)

    def encoded(self, image: Array, dropout_keys: Any, train: bool) -> Array:
        """The deepest features; here no encoder has a dropout."""
        return self.trunk(self.image_tower(image, train), train)

    def classified(self, features: Array, mask_logits: Array) -> Array:
        """What the classifier averages; here the features as they are."""
        return features

    def __call__(
        self, image: Float[Array, "batch height width channels"], dropout_keys: Any = None, *, train: bool = False
    ) -> MultitaskOutputs:
        """Classifies and segments. Dropout acts where there is a key for each example.

        Args:
          image: of any size from the backbone's smallest; where a size is odd, decoded features are cut or resized to
            those beside them.
          dropout_keys: [batch, 2].
          train: whether batch normalisation uses the batch's statistics.
        """
        with watching(self, self.skips) as skips:
            features = self.encoded(image, dropout_keys, train)
        if self.image_beside:
            skips.setdefault("stride_1", image * jnp.asarray(self.image_unit, image.dtype))
        mask_logits = self.mask_decoder(skips, image.shape[1:3], train)
        hidden = self.hidden_layers(self.classified(features, mask_logits), dropout_keys)
        return MultitaskOutputs(self.classifier(hidden), mask_logits, features)


def benchmark_multitask(
    settings: Settings,
    encoder: Backbone,
    *,
    classes: int = 1,
    head_widths: tuple[int, ...] = (512, 64),
    dropout_rate: float = 0.3,
) -> MultitaskNetwork:
    """The benchmark's multi-task network on a backbone.

    Args:
      settings: of the backbone. The decoder has its own batch normalisation, see `with_keras_norm`.
      encoder: the backbone.
      classes: number of outputs.
      head_widths, dropout_rate: of the `DenseHead`.

    Raises:
      ValueError: the backbone has no features of stride 16, where the decoder starts.
    """
    if encoder.stride < 2 ** len(STEPS):
        found = f"benchmark: found features of stride {encoder.stride} at most"
        raise ValueError(f"{found}, expected a backbone with {2 ** len(STEPS)}, where the decoder starts")
    return MultitaskNetwork(
        encoder.lower,
        encoder.upper,
        functools.partial(Decoder, with_keras_norm(settings), STEPS),
        functools.partial(DenseHead, tuple(head_widths), dropout_rate),
        encoder.skips,
        classes,
    )
