"""U-Net (Ronneberger et al. 2015, Fig. 1) with 'SAME' padding: its encoder as a backbone, and the whole network.

The encoder has five levels of two 3x3 convolutions with bias and ReLU, with a 2x2 maximum between levels; its deepest
features have stride 16: [512, 512, c] to [32, 32, 1024]. The decoder doubles the size by transposed convolutions and
joins the encoder's features of that size. The paper's convolutions have no padding, so that its masks are smaller than
its images; here masks have the images' size. The paper has no batch normalisation; code since has it after every
convolution, which is the default here. No weights are released.
"""

import functools
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from busjax.models.attention import AttentionGate
from busjax.models.backbone import Backbone, tap
from busjax.models.convolution import Conv
from busjax.models.layers import ConvNorm, ExampleDropout, Settings, at_least_float32
from busjax.models.pooling import max_pool
from busjax.models.transposed_convolution import TransposedConv

LEVELS = (64, 128, 256, 512, 1024)
"""Features of the published network's levels, the finest first."""


class DoubleConv(nn.Module):
    """Two 3x3 convolutions with bias, each with batch normalisation (an option) and ReLU.

    Attributes:
      settings: what the network's layers share.
      features: number of output channels of the published network.
      normalise: whether there is batch normalisation.
      convolutions: how many there are, in decoders of others.
    """

    settings: Settings
    features: int
    normalise: bool = True
    convolutions: int = 2

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch height width channels"], train: bool
    ) -> Float[Array, "batch height width features"]:
        """Convolves `x`."""
        s = self.settings
        for name in (f"conv{i + 1}" for i in range(self.convolutions)):
            if self.normalise:
                x = ConvNorm(s, self.features, (3, 3), use_bias=True, name=name)(x, train)
            else:
                x = nn.relu(Conv(s.channels(self.features), (3, 3), use_bias=True, dtype=s.dtype, name=name)(x))
        return x


class Lower(nn.Module):
    """The levels before the deepest one, each followed by a 2x2 maximum: [512, 512, c] to [32, 32, 512].

    At an odd size the maximum's last window hangs over the edge, so that n positions become ceil(n / 2).

    Attributes:
      settings: what the network's layers share.
      levels: features of these levels.
      normalise: see `DoubleConv`.
      dropout_rate: share of the values that a dropout after each maximum drops, of callers that have keys for it.
    """

    settings: Settings
    levels: tuple[int, ...] = LEVELS[:-1]
    normalise: bool = True
    dropout_rate: float = 0.0

    @nn.compact
    def all_levels(
        self, x: Float[Array, "batch height width channels"], train: bool, dropout_keys: Any = None
    ) -> tuple[Float[Array, "batch h w features"], dict[str, Array]]:
        """The output, and the features of every level by name ("stride_1" and so on).

        Dropout acts where there is a key for each example, [batch, 2].
        """
        found = {}
        for i, features in enumerate(self.levels):
            x = DoubleConv(self.settings, features, self.normalise, name=f"level{i + 1}")(x, train)
            found[f"stride_{2**i}"] = x
            tap(self, 2**i, x)
            x = max_pool(x, (2, 2), (2, 2), "SAME")
            keys = None if dropout_keys is None else jax.vmap(jax.random.fold_in, (0, None))(dropout_keys, i)
            x = ExampleDropout(self.dropout_rate)(x, keys)
        return x, found

    def __call__(
        self, x: Float[Array, "batch height width channels"], train: bool, dropout_keys: Any = None
    ) -> Float[Array, "batch h w features"]:
        """The output alone."""
        return self.all_levels(x, train, dropout_keys)[0]


class Upper(nn.Module):
    """The deepest level: [32, 32, 512] to [32, 32, 1024].

    Attributes:
      settings: what the network's layers share.
      features: of this level.
      stride: of its positions, in pixels.
      normalise: see `DoubleConv`.
    """

    settings: Settings
    features: int = LEVELS[-1]
    stride: int = 2 ** (len(LEVELS) - 1)
    normalise: bool = True

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch height width channels"], train: bool
    ) -> Float[Array, "batch height width features"]:
        """Runs the level."""
        x = DoubleConv(self.settings, self.features, self.normalise, name="deepest")(x, train)
        tap(self, self.stride, x)
        return x


def unet(settings: Settings, levels: tuple[int, ...] = LEVELS, normalise: bool = True) -> Backbone:
    """U-Net's encoder.

    Args:
      settings: what the network's layers share.
      levels: features of each level, the finest first; two or more.
      normalise: whether there is batch normalisation.
    """
    stride = 2 ** (len(levels) - 1)
    return Backbone(
        functools.partial(Lower, settings, levels[:-1], normalise),
        functools.partial(Upper, settings, levels[-1], stride, normalise),
        minimum_size=1,
        stride=stride,
    )


def at_size(x: Array, height: int, width: int) -> Array:
    """`x` at another size: surplus rows and columns are cut off the end, where padding made them; missing ones, which
    convolutions without padding have used up, come from bilinear resizing."""
    x = x[:, :height, :width]
    if x.shape[1:3] == (height, width):
        return x
    return jax.image.resize(x, (x.shape[0], height, width, x.shape[-1]), "bilinear")


def centred(x: Array, height: int, width: int) -> Array:
    """`x` at another size: surplus rows and columns are cut off the end, where padding made them; missing ones repeat
    the outermost, half of them at each side, where convolutions without padding have used them up."""
    x = x[:, :height, :width]
    missing = [(size - found) for size, found in zip((height, width), x.shape[1:3], strict=True)]
    return jnp.pad(x, [(0, 0), *((n // 2, n - n // 2) for n in missing), (0, 0)], "edge")


class Decoder(nn.Module):
    """From the features of any backbone to a mask: at each step a transposed convolution to twice the size, the
    backbone's features of that stride beside it where there are such, and two convolutions.

    Where only the deepest features are given, nothing tells a step where the image's borders are: rows that the
    backbone has used up are then put back by `centred`, so that every position stays where its features are from.

    Attributes:
      settings: what the network's layers share.
      steps: features of each step, the coarsest first: as many as the deepest stride has factors of 2.
      outputs: channels of the mask.
      up_kernel: side of the transposed convolutions' kernels.
      normalise: see `DoubleConv`.
      mask_kernel: side of the last convolution's kernel.
      gated: strides whose features an attention gate weighs before they are joined.
      convolutions: of a step.
    """

    settings: Settings
    steps: tuple[int, ...] = LEVELS[-2::-1]
    outputs: int = 1
    up_kernel: int = 2
    normalise: bool = True
    mask_kernel: int = 1
    gated: tuple[int, ...] = ()
    convolutions: int = 2

    @nn.compact
    def __call__(
        self, features: Mapping[str, Array], size: tuple[int, int], train: bool
    ) -> Float[Array, "batch height width outputs"]:
        """Logits of a mask.

        Args:
          features: "stride_16" and so on -> [batch, h, w, channels], as `backbone.tapped` gives them.
          size: height and width of the mask.
          train: whether batch normalisation uses the batch's statistics.

        Raises:
          ValueError: if there are more or fewer steps than lead from the deepest features to stride 1.
        """
        s, by_stride = self.settings, {int(k.removeprefix("stride_")): v for k, v in features.items()}
        stride = max(by_stride)
        if stride != 2 ** len(self.steps):
            raise ValueError(f"steps: found {len(self.steps)}, expected {stride.bit_length() - 1} from stride {stride}")
        x = by_stride[stride]
        for i, step in enumerate(self.steps, 1):
            stride //= 2
            skip = by_stride.get(stride)
            if skip is not None and stride in self.gated:
                skip = AttentionGate(s, step, name=f"gate{i}")(skip, x)
            x = TransposedConv(s.channels(step), (self.up_kernel, self.up_kernel), s.dtype, name=f"up{i}")(x)
            if skip is not None:
                x = jnp.concatenate([skip, at_size(x, *skip.shape[1:3])], axis=-1)
            x = DoubleConv(s, step, self.normalise, self.convolutions, name=f"step{i}")(x, train)
        x = Conv(self.outputs, (self.mask_kernel, self.mask_kernel), use_bias=True, dtype=s.dtype, name="mask")(x)
        return at_least_float32((at_size if len(by_stride) > 1 else centred)(x, *size))


class UNet(nn.Module):
    """The segmentation network; the encoder's parts have the names that they have in a classification network.

    Attributes:
      settings: what the network's layers share.
      levels: features of each level, the finest first.
      outputs: channels of the mask.
      up_kernel: side of the transposed convolutions' kernels: 2 in the paper.
      normalise: see `DoubleConv`.
    """

    settings: Settings
    levels: tuple[int, ...] = LEVELS
    outputs: int = 1
    up_kernel: int = 2
    normalise: bool = True

    def setup(self) -> None:
        """Makes the parts."""
        s, encoder = self.settings, unet(self.settings, self.levels, self.normalise)
        self.image_tower = encoder.lower()
        self.trunk = encoder.upper()
        self.decoder = Decoder(s, self.levels[-2::-1], self.outputs, self.up_kernel, self.normalise)

    def __call__(
        self, image: Float[Array, "batch height width channels"], train: bool = False
    ) -> Float[Array, "batch height width outputs"]:
        """Logits of a mask for each pixel, of any size of image."""
        x, features = self.image_tower.all_levels(image, train)
        features[f"stride_{2 ** (len(self.levels) - 1)}"] = self.trunk(x, train)
        _, height, width, _ = image.shape
        return self.decoder(features, (height, width), train)
