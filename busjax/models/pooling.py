"""Maximum pooling: the same numbers on every backend, by the way that is fastest there.

On a GPU this is XLA's own. On a CPU the gradient of XLA's takes many times as long as the maximum itself; that of a
maximum over shifted slices takes less. There it has derivatives in reverse mode only (`jax.grad`, not `jax.jvp`).
"""

import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from busjax.models.windows import Padding, explicit_padding, windows


def max_pool(
    x: Float[Array, "batch height width channels"],
    window: tuple[int, int],
    strides: tuple[int, int],
    padding: Padding = "VALID",
    backend: str | None = None,
) -> Float[Array, "batch out_height out_width channels"]:
    """The maximum of every window, in the input's type; nan where it sees one.

    Of equal values the first, by row and column, has the gradient; where there are nan, the first of these.

    Args:
      x: the input.
      window: rows and columns of a window.
      strides: steps in height and width.
      padding: 'SAME' or 'VALID' as XLA means them, or explicit ((top, bottom), (left, right)); what is padded is never
        the maximum.
      backend: 'cpu' for shifted slices, any other name for XLA's pooling; by default the backend in use.
    """
    pads = explicit_padding(padding, window, strides, x.shape[1:3])
    is_empty = any(size + sum(pad) < length for size, pad, length in zip(x.shape[1:3], pads, window, strict=True))
    if is_empty or (backend or jax.default_backend()) != "cpu":
        return nn.max_pool(x, window, strides, padding)
    return _of_slices(x, window, strides, pads)


def halve(x: Float[Array, "batch height width channels"]) -> Float[Array, "batch h w channels"]:
    """2x2 maximum with stride 2; a last odd row or column is left out."""
    return max_pool(x, (2, 2), (2, 2), "VALID")


def halve_overlapping(x: Float[Array, "batch height width channels"]) -> Float[Array, "batch h w channels"]:
    """3x3 maximum with stride 2 and no padding."""
    return max_pool(x, (3, 3), (2, 2), "VALID")


@functools.partial(jax.custom_vjp, nondiff_argnums=(1, 2, 3))
def _of_slices(x: Array, window: tuple[int, int], strides: tuple[int, int], pads: Any) -> Array:
    """A running maximum along the width, and of these along the height."""
    return _along(_along(_padded(x, pads), 2, window[1], strides[1]), 1, window[0], strides[0])


def _forward(x: Array, window: tuple[int, int], strides: tuple[int, int], pads: Any) -> tuple[Array, Any]:
    pooled = _of_slices(x, window, strides, pads)
    return pooled, (x, pooled)


def _backward(window: tuple[int, int], strides: tuple[int, int], pads: Any, kept: Any, g: Array) -> tuple[Array]:
    x, pooled = kept
    padded = _padded(x, pads)

    def seen(padded: Array) -> list[Array]:
        return windows(padded, window, strides, pooled.shape[1:3])

    taken, shares = jnp.zeros(pooled.shape, bool), []
    for values in seen(padded):
        found = (values == pooled) | jnp.isnan(values)
        shares.append(jnp.where(found & ~taken, g, 0))
        taken |= found
    (total,) = jax.linear_transpose(seen, padded)(shares)
    (top, _), (left, _) = pads
    return (total[:, top : top + x.shape[1], left : left + x.shape[2]],)


_of_slices.defvjp(_forward, _backward)


def _padded(x: Array, pads: Any) -> Array:
    return jnp.pad(x, ((0, 0), *pads, (0, 0)), constant_values=-jnp.inf)


def _along(x: Array, axis: int, length: int, stride: int) -> Array:
    """The maximum of so many neighbours along one axis."""
    reach = (x.shape[axis] - length) // stride * stride + 1
    shifted = (lax.slice_in_dim(x, start, start + reach, stride, axis) for start in range(length))
    return functools.reduce(jnp.maximum, shifted)
