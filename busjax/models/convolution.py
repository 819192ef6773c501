"""The one convolution of every network: the same numbers on every backend, by the way that is fastest there.

On a GPU this is XLA's convolution. On a CPU, XLA's convolutions are slow in three places that have remedies: a 1x1
convolution is a matrix product; the gradient of a kernel is one matrix product for each kernel position, which is
faster where there are many channels; and convolutions that are vectorised over kernels (`jax.vmap` over networks), or
stand in a loop, are matrix products of what each position sees. Which way is taken depends on the backend, the static
shapes and vectorisation alone.
"""

import functools
from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from busjax.models.windows import Padding, explicit_padding, windows

# Below this number of channels XLA's own kernel gradient is the faster one on a CPU.
CHANNELS_FOR_PRODUCTS = 48


def _xla(x: Array, kernel: Array, strides: tuple[int, int], pads: Any) -> Array:
    return lax.conv_general_dilated(x, kernel, strides, pads, dimension_numbers=("NHWC", "HWIO", "NHWC"))


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _convolve_with_products(x: Array, kernel: Array, strides: tuple[int, int], pads: Any) -> Array:
    """XLA's convolution, whose kernel gradient is a matrix product per kernel position."""
    return _xla(x, kernel, strides, pads)


def _forward(x: Array, kernel: Array, strides: tuple[int, int], pads: Any) -> tuple[Array, tuple[Array, Array]]:
    return _xla(x, kernel, strides, pads), (x, kernel)


def _backward(strides: tuple[int, int], pads: Any, residuals: tuple[Array, Array], g: Array) -> tuple[Array, Array]:
    x, kernel = residuals
    (gradient_x,) = jax.linear_transpose(lambda v: _xla(v, kernel, strides, pads), x)(g)
    padded = jnp.pad(x, ((0, 0), *pads, (0, 0)))
    seen = windows(padded, kernel.shape[:2], strides, g.shape[1:3])
    products = jnp.stack([jnp.einsum("bhwi,bhwo->io", window, g) for window in seen])
    return gradient_x, products.reshape(kernel.shape).astype(kernel.dtype)


_convolve_with_products.defvjp(_forward, _backward)


def _of_windows(x: Array, kernel: Array, strides: tuple[int, int], pads: Any) -> Array:
    """The convolution as one matrix product: what every position sees, times the kernel."""
    padded = jnp.pad(x, ((0, 0), *pads, (0, 0)))
    size = tuple((padded.shape[1 + a] - kernel.shape[a]) // strides[a] + 1 for a in (0, 1))
    seen = jnp.concatenate(windows(padded, kernel.shape[:2], strides, size), axis=-1)
    return jnp.einsum("bhwi,io->bhwo", seen, kernel.reshape(-1, kernel.shape[-1]))


@functools.cache
def _on_cpu(strides: tuple[int, int], pads: Any, products: bool) -> Any:
    """The function of (x, kernel) that is fastest by itself, and under `jax.vmap` over kernels, where XLA would group
    channels, the matrix product; so is its gradient."""
    plain = _convolve_with_products if products else _xla

    def gradients(way: Any, x: Array, kernel: Array, g: Array) -> tuple[Array, Array]:
        return jax.vjp(lambda *primals: way(*primals, strides, pads), x, kernel)[1](g)

    forward = jax.custom_batching.custom_vmap(lambda x, kernel: plain(x, kernel, strides, pads))
    backward = jax.custom_batching.custom_vmap(functools.partial(gradients, plain))

    @forward.def_vmap
    def _forward_of_many(axis_size: int, is_mapped: Any, x: Array, kernel: Array) -> tuple[Array, bool]:
        arguments = _spread(axis_size, is_mapped, x, kernel)
        return jax.vmap(lambda x, kernel: _of_windows(x, kernel, strides, pads))(*arguments), True

    @backward.def_vmap
    def _backward_of_many(axis_size: int, is_mapped: Any, *arguments: Array) -> tuple[Any, Any]:
        return jax.vmap(functools.partial(gradients, _of_windows))(*_spread(axis_size, is_mapped, *arguments)), (
            True,
        ) * 2

    @jax.custom_vjp
    def convolution(x: Array, kernel: Array) -> Array:
        return forward(x, kernel)

    convolution.defvjp(lambda x, kernel: (forward(x, kernel), (x, kernel)), lambda kept, g: backward(*kept, g))
    return convolution


def _spread(axis_size: int, is_mapped: Any, *arguments: Array) -> list[Array]:
    """Arguments that all have the mapped axis."""
    given = zip(is_mapped, arguments, strict=True)
    return [a if mapped else jnp.broadcast_to(a, (axis_size, *a.shape)) for mapped, a in given]


def convolve(
    x: Float[Array, "batch height width channels"],
    kernel: Float[Array, "rows columns channels features"],
    strides: tuple[int, int] = (1, 1),
    padding: Padding = "SAME",
    backend: str | None = None,
) -> Float[Array, "batch out_height out_width features"]:
    """Two-dimensional cross-correlation.

    Args:
      x: the input.
      kernel: the weights, in the order height, width, input channels, output channels.
      strides: steps in height and width.
      padding: 'SAME' or 'VALID' as XLA means them, or explicit ((top, bottom), (left, right)).
      backend: 'cpu' for the CPU's remedies, any other name for XLA's convolution; by default the backend in use.
    """
    pads = explicit_padding(padding, kernel.shape[:2], strides, x.shape[1:3])
    if (backend or jax.default_backend()) != "cpu":
        return _xla(x, kernel, strides, pads)
    if kernel.shape[:2] == (1, 1) and strides == (1, 1) and not any(map(any, pads)):
        return jnp.einsum("bhwi,io->bhwo", x, kernel[0, 0])
    products = min(kernel.shape[2:]) >= CHANNELS_FOR_PRODUCTS
    return _on_cpu((strides[0], strides[1]), pads, products)(x, kernel)


class Conv(nn.Module):
    """A convolution layer with parameters `kernel` [rows, columns, channels, features] and, if asked for, `bias`.

    Attributes:
      features: number of output channels.
      kernel_size: rows and columns of the kernel.
      strides: steps in height and width.
      padding: as in `convolve`.
      use_bias: whether a bias is added.
      dtype: type of the computation; parameters are float32.
    """

    features: int
    kernel_size: Sequence[int]
    strides: Sequence[int] = (1, 1)
    padding: Padding = "SAME"
    use_bias: bool = False
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "batch height width channels"]) -> Float[Array, "batch h w features"]:
        """Convolves `x`."""
        # He et al. 2015: variance 2 / fan-in keeps the scale of activations through ReLU layers.
        init = nn.initializers.variance_scaling(2.0, "fan_in", "truncated_normal")
        kernel = self.param("kernel", init, (*self.kernel_size, x.shape[-1], self.features), jnp.float32)
        strides = (self.strides[0], self.strides[1])
        y = convolve(x.astype(self.dtype), kernel.astype(self.dtype), strides, self.padding)
        if self.use_bias:
            bias = self.param("bias", nn.initializers.zeros_init(), (self.features,), jnp.float32)
            y = y + bias.astype(self.dtype)
        return y


def _shifted_products(padded: Array, kernel: Array, strides: tuple[int, int], size: tuple[int, ...]) -> Array:
    weights = kernel.reshape(-1, kernel.shape[-1])
    seen = windows(padded, kernel.shape[:2], strides, size)
    # Added in float32 at least, and rounded once.
    precise = jnp.promote_types(padded.dtype, jnp.float32)
    products = (window.astype(precise) * weight for window, weight in zip(seen, weights, strict=True))
    return functools.reduce(jnp.add, products).astype(padded.dtype)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _depthwise_with_products(x: Array, kernel: Array, strides: tuple[int, int], pads: Any) -> Array:
    """A sum of shifted products, which XLA fuses into one pass over the input."""
    padded = jnp.pad(x, ((0, 0), *pads, (0, 0)))
    size = tuple((padded.shape[1 + a] - kernel.shape[a]) // strides[a] + 1 for a in (0, 1))
    return _shifted_products(padded, kernel, strides, size)


def _depthwise_forward(x: Array, kernel: Array, strides: tuple[int, int], pads: Any) -> tuple[Array, tuple]:
    return _depthwise_with_products(x, kernel, strides, pads), (x, kernel)


def _depthwise_backward(strides: tuple[int, int], pads: Any, residuals: tuple, g: Array) -> tuple[Array, Array]:
    x, kernel = residuals
    padded = jnp.pad(x, ((0, 0), *pads, (0, 0)))
    # The input's gradient is the same sum over the output's, spread by the strides, with the kernel turned round.
    spread = []
    for a in (0, 1):
        reached = (g.shape[1 + a] - 1) * strides[a] + 1
        edge = kernel.shape[a] - 1
        spread.append((edge, padded.shape[1 + a] - reached, strides[a] - 1))
    wide = lax.pad(g, jnp.zeros((), g.dtype), ((0, 0, 0), *spread, (0, 0, 0)))
    whole = _shifted_products(wide, kernel[::-1, ::-1], (1, 1), padded.shape[1:3])
    gradient_x = whole[:, pads[0][0] : pads[0][0] + x.shape[1], pads[1][0] : pads[1][0] + x.shape[2]]

    # The kernel's: over the images first, position by position, then over the positions of that one sum. The other way
    # round, with a sum over positions for each image, XLA takes three times as long. The barrier keeps the two apart.
    precise = jnp.promote_types(g.dtype, jnp.float32)

    def add(totals: tuple[Array, ...], pair: tuple[Array, Array]) -> tuple[tuple[Array, ...], None]:
        image, own = pair
        seen = windows(image, kernel.shape[:2], strides, own.shape[:2])
        return tuple(total + window.astype(precise) * own for total, window in zip(totals, seen, strict=True)), None

    zeros = (jnp.zeros(g.shape[1:], precise),) * (kernel.shape[0] * kernel.shape[1])
    totals = lax.optimization_barrier(lax.scan(add, zeros, (padded, g))[0])
    gradient = jnp.stack([total.sum((0, 1)) for total in totals])
    return gradient_x, gradient.reshape(kernel.shape).astype(kernel.dtype)


_depthwise_with_products.defvjp(_depthwise_forward, _depthwise_backward)


def convolve_depthwise(
    x: Float[Array, "batch height width channels"],
    kernel: Float[Array, "rows columns 1 channels"],
    strides: tuple[int, int] = (1, 1),
    padding: Padding = "SAME",
    backend: str | None = None,
) -> Float[Array, "batch out_height out_width channels"]:
    """Every channel convolved by its own kernel.

    On a CPU this is a sum of shifted products; XLA's own depthwise convolution is many times slower there, and so are
    its gradients.

    Args:
      x: the input.
      kernel: the weights.
      strides, padding, backend: as in `convolve`.
    """
    pads = explicit_padding(padding, kernel.shape[:2], strides, x.shape[1:3])
    if (backend or jax.default_backend()) != "cpu":
        return lax.conv_general_dilated(
            x, kernel, strides, pads, dimension_numbers=("NHWC", "HWIO", "NHWC"), feature_group_count=x.shape[-1]
        )
    return _depthwise_with_products(x, kernel, strides, pads)


class DepthwiseConv(nn.Module):
    """A convolution of each channel by itself, with `kernel` [rows, columns, 1, channels] and, if asked for, `bias`.

    Attributes:
      kernel_size, strides, padding, use_bias, dtype: as in `Conv`.
    """

    kernel_size: Sequence[int]
    strides: Sequence[int] = (1, 1)
    padding: Padding = "SAME"
    use_bias: bool = False
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "batch height width channels"]) -> Float[Array, "batch h w channels"]:
        """Convolves `x`."""
        init = nn.initializers.variance_scaling(2.0, "fan_in", "truncated_normal")
        kernel = self.param("kernel", init, (*self.kernel_size, 1, x.shape[-1]), jnp.float32)
        strides = (self.strides[0], self.strides[1])
        y = convolve_depthwise(x.astype(self.dtype), kernel.astype(self.dtype), strides, self.padding)
        if self.use_bias:
            bias = self.param("bias", nn.initializers.zeros_init(), (x.shape[-1],), jnp.float32)
            y = y + bias.astype(self.dtype)
        return y
