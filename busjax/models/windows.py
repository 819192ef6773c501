"""Where the windows of convolutions and pooling lie, and what they see."""

from jax import lax
from jaxtyping import Array, Shaped

Padding = str | tuple[tuple[int, int], tuple[int, int]]
"""'SAME' or 'VALID' as XLA means them, or explicit ((top, bottom), (left, right))."""


def explicit_padding(
    padding: Padding, window: tuple[int, ...], strides: tuple[int, int], size: tuple[int, ...]
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Padding as explicit pairs, ((top, bottom), (left, right)).

    Args:
      padding: by name or explicit already.
      window: rows and columns of a window.
      strides: steps in height and width.
      size: height and width of what is padded.
    """
    vertical, horizontal = lax.padtype_to_pads(size, window, strides, padding) if isinstance(padding, str) else padding
    return (vertical[0], vertical[1]), (horizontal[0], horizontal[1])


def windows(
    padded: Shaped[Array, "*batch height width channels"],
    window: tuple[int, ...],
    strides: tuple[int, int],
    size: tuple[int, ...],
) -> list[Shaped[Array, "*batch out_height out_width channels"]]:
    """What each position of a window sees, row by row.

    Args:
      padded: the input with its padding.
      window: rows and columns of a window.
      strides: steps in height and width.
      size: how many windows there are in height and width.
    """
    batch = padded.ndim - 3
    first, step = (0,) * batch, (1,) * batch
    found = []
    for i in range(window[0]):
        for j in range(window[1]):
            end = (i + (size[0] - 1) * strides[0] + 1, j + (size[1] - 1) * strides[1] + 1)
            limits = (*padded.shape[:batch], *end, padded.shape[-1])
            found.append(lax.slice(padded, (*first, i, j, 0), limits, (*step, *strides, 1)))
    return found
