"""The pieces that the Inception networks are made of."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, UInt32

from busjax.models.convolution import Conv, DepthwiseConv
from busjax.models.windows import Padding


@dataclasses.dataclass(frozen=True)
class Settings:
    """What all layers of one network share. Hashable: it is an attribute of every module.

    Attributes:
      width: multiplies every number of channels; 1 is the published network.
      norm_scale: whether batch normalisation learns a scale (gamma). MXNet's Inception files fix it at 1.
      norm_momentum: share of the old running statistics that an update keeps.
      norm_epsilon: added to the variance.
      axis_name: mapped axis over which batch statistics are averaged; None for each device's own.
      dtype: type of the computation.
      unroll_blocks: whether repeated blocks are unrolled in the compiled program. A convolution inside a loop is
        several times slower on XLA's CPU backend, so by default they are unrolled there and scanned elsewhere.
    """

    width: float = 1.0
    norm_scale: bool = True
    norm_momentum: float = 0.9
    norm_epsilon: float = 1e-3
    axis_name: str | None = None
    dtype: Any = jnp.float32
    unroll_blocks: bool | None = None

    def channels(self, published: int) -> int:
        """The number of channels at this width: a multiple of 8, and never less than 8, unless the width is 1."""
        if self.width == 1.0:
            return published
        return max(8, 8 * round(published * self.width / 8))

    def unroll(self, length: int) -> int:
        """How many of `length` repeated blocks each turn of the scan holds."""
        unrolled = jax.default_backend() == "cpu" if self.unroll_blocks is None else self.unroll_blocks
        return length if unrolled else 1


def _batch_norm(parent: Any, train: bool) -> nn.BatchNorm:
    """The batch normalisation called "norm" of a module that has `settings`."""
    s: Settings = parent.settings
    return nn.BatchNorm(
        use_running_average=not train,
        momentum=s.norm_momentum,
        epsilon=s.norm_epsilon,
        use_scale=s.norm_scale,
        axis_name=s.axis_name if not parent.is_initializing() else None,
        dtype=s.dtype,
        name="norm",
    )


class Norm(nn.Module):
    """Batch normalisation over all but the last axis, as `Settings` has it.

    Attributes:
      settings: what the network's layers share.
    """

    settings: Settings

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch height width channels"], train: bool
    ) -> Float[Array, "batch height width channels"]:
        """With `train`, normalises by the batch's own statistics and updates the running ones."""
        return _batch_norm(self, train)(x)


class ConvNorm(nn.Module):
    """Convolution, batch normalisation, activation.

    Attributes:
      settings: what the network's layers share.
      features: number of output channels in the published network (before the width multiplier).
      kernel_size: rows and columns of the kernel.
      strides: steps in height and width.
      padding: 'SAME', 'VALID' or explicit pairs.
      use_bias: whether the convolution has a bias.
      activation: applied last.
      depthwise: whether every channel is convolved by itself; `features` is then not used.
    """

    settings: Settings
    features: int
    kernel_size: Sequence[int]
    strides: Sequence[int] = (1, 1)
    padding: Padding = "SAME"
    use_bias: bool = False
    activation: Callable[[Array], Array] = nn.relu
    depthwise: bool = False

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch height width channels"], train: bool
    ) -> Float[Array, "batch h w features"]:
        """With `train`, normalises by the batch's own statistics and updates the running ones."""
        s = self.settings
        form = {"padding": self.padding, "use_bias": self.use_bias, "dtype": s.dtype, "name": "conv"}
        if self.depthwise:
            y = DepthwiseConv(self.kernel_size, self.strides, **form)(x)
        else:
            y = Conv(s.channels(self.features), self.kernel_size, self.strides, **form)(x)
        return self.activation(_batch_norm(self, train)(y))


class Branch(nn.Module):
    """Convolutions one after the other.

    Attributes:
      settings: what the network's layers share.
      layers: for each convolution its features, kernel size, strides and padding (the last two may be left out).
    """

    settings: Settings
    layers: Sequence[tuple]

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch height width channels"], train: bool
    ) -> Float[Array, "batch h w features"]:
        """Runs the convolutions in order."""
        for i, layer in enumerate(self.layers):
            x = ConvNorm(self.settings, *layer, name=f"conv{i}")(x, train)
        return x


class ExampleDropout(nn.Module):
    """Dropout whose mask depends on a key per example, so that it is the same however a batch is spread over devices.

    Attributes:
      rate: share of the features that is dropped; the rest is scaled by 1 / (1 - rate).
    """

    rate: float

    def __call__(
        self, x: Float[Array, "batch ..."], keys: PRNGKeyArray | UInt32[Array, "batch 2"] | None
    ) -> Float[Array, "batch ..."]:
        """Drops features of each example by its own key; without keys, returns `x`."""
        if keys is None or self.rate == 0.0:
            return x
        keep = jax.vmap(lambda key: jax.random.uniform(key, x.shape[1:], jnp.float32) >= self.rate)(keys)
        return jnp.where(keep, x / (1.0 - self.rate), 0.0).astype(x.dtype)


def repeat(block: Callable[..., nn.Module], times: int, settings: Settings, train: bool, name: str, **fields: Any):
    """`times` blocks of one kind with their parameters stacked, through `nn.scan`.

    Args:
      block: module class whose `__call__(x, _)` returns (y, None) with y of x's shape.
      times: number of blocks, at least 1.
      settings: what the network's layers share.
      train: passed to the block.
      name: name of the stacked parameters.
      **fields: further attributes of the block.

    Returns:
      A module; call it with (x, None).
    """
    stacked = nn.scan(
        block,  # type: ignore[arg-type]
        variable_axes={"params": 0, "batch_stats": 0},
        split_rngs={"params": True},
        length=times,
        unroll=settings.unroll(times),
    )
    return stacked(settings=settings, train=train, name=name, **fields)


def at_least_float32(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """`x`, where it is less precise than float32 as float32."""
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))


def average_pool(
    x: Float[Array, "batch height width channels"], count_padding: bool
) -> Float[Array, "batch height width channels"]:
    """3x3 average with stride 1 and padding 1; `count_padding` says whether padded zeros count in the mean."""
    return nn.avg_pool(x, (3, 3), (1, 1), "SAME", count_include_pad=count_padding)
