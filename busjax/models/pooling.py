"""Maximum pooling: the same numbers on every backend, by the way that is fastest there.

On a GPU this is XLA's own. On a CPU the gradient of XLA's takes up to twenty times as long as the maximum itself; a
running maximum of shifted slices, along the width and then along the height, does not.
"""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from busjax.models.convolution import Padding, explicit_padding


def max_pool(
    x: Float[Array, "batch height width channels"],
    window: tuple[int, int],
    strides: tuple[int, int],
    padding: Padding = "VALID",
    backend: str | None = None,
) -> Float[Array, "batch out_height out_width channels"]:
    """The maximum of every window. Of equal values the first, by row and column, has the gradient.

    Args:
      x: the input.
      window: rows and columns of a window.
      strides: steps in height and width.
      padding: 'SAME' or 'VALID' as XLA means them, or explicit ((top, bottom), (left, right)); what is padded is never
        the maximum.
      backend: 'cpu' for shifted slices, any other name for XLA's pooling; by default the backend in use.
    """
    if (backend or jax.default_backend()) != "cpu":
        return nn.max_pool(x, window, strides, padding)
    pads = explicit_padding(padding, window, strides, x.shape[1:3])
    padded = jnp.pad(x, ((0, 0), *pads, (0, 0)), constant_values=-jnp.inf)
    # The first maximum of a row, then the first row that has it.
    return _along(_along(padded, 2, window[1], strides[1]), 1, window[0], strides[0])


def _along(x: Array, axis: int, length: int, stride: int) -> Array:
    """The maximum of so many neighbours along one axis."""
    reach = (x.shape[axis] - length) // stride * stride + 1
    shifted = (lax.slice_in_dim(x, start, start + reach, stride, axis) for start in range(length))
    return functools.reduce(lambda a, b: jnp.where((a >= b) | jnp.isnan(a), a, b), shifted)
