"""Padding to a square with zeros, right and as the benchmark's own code did it."""

import numpy as np
from jaxtyping import UInt8


def pad_to_square(
    values: UInt8[np.ndarray, "height width *channels"], *, as_published: bool = False
) -> UInt8[np.ndarray, "rows columns *channels"]:
    """Adds zeros on both sides of the shorter dimension; an odd one goes to the bottom or the right.

    Source: Shareef et al., Preprocessing.ipynb of the benchmark, which has two faults.

    Args:
        values: an image or a mask.
        as_published: with those faults: an image one pixel narrower than high comes out black, one that is one pixel
            wider than high is left as it is.

    Returns:
        max(height, width) rows and columns; `values` itself in the second fault.
    """
    height, width = values.shape[:2]
    side = max(height, width)
    if as_published and width == height + 1:
        return values
    square = np.zeros((side, side, *values.shape[2:]), dtype=np.uint8)
    if as_published and width == height - 1:
        return square
    top, left = (side - height) // 2, (side - width) // 2
    square[top : top + height, left : left + width] = values
    return square
