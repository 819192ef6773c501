"""Filters of speckle, by scipy: an optional first step of preparing an image.

Dizaj and Valizadeh 2021 (section III.A) "used a noise discount system [37]" and do not name it, so none is a default.
The grain of a B-mode image is multiplicative before the device compresses it by a logarithm and nearly additive after,
which is what is filtered here.
"""

from collections.abc import Callable

import numpy as np
import scipy.ndimage
import scipy.signal
from jaxtyping import Float64, UInt8

from busjax.data import transforms
from busjax.data.transforms import Example, is_one_channel, three_channels
from busjax.names import hint

WINDOW = 5
"""Side of the filters' windows, in pixels of the released image."""


def median(grey: UInt8[np.ndarray, "height width"]) -> Float64[np.ndarray, "height width"]:
    """The median of each pixel's window; beyond the border the image is mirrored."""
    return scipy.ndimage.median_filter(grey, WINDOW, mode="reflect").astype(np.float64)


def wiener(grey: UInt8[np.ndarray, "height width"]) -> Float64[np.ndarray, "height width"]:
    """m + max(0, 1 - n / v) (x - m), m and v the window's mean and variance, n the mean of all v (Lee 1980).

    Flat regions become their mean, edges stay. Beyond the border the image is mirrored.
    """
    if grey.min() == grey.max():
        return grey.astype(np.float64)  # no noise, and 0 / 0 below
    values = grey.astype(np.float64)
    # Not scipy's own estimate: beyond the border it has zeros, which at a bright border are taken for noise.
    mean, square = (scipy.ndimage.uniform_filter(x, WINDOW, mode="reflect") for x in (values, values**2))
    noise = float((square - mean**2).mean())
    margin = WINDOW // 2
    with np.errstate(divide="ignore", invalid="ignore"):  # v = 0, where scipy takes the mean
        filtered = scipy.signal.wiener(np.pad(values, margin, "symmetric"), WINDOW, noise)
    return filtered[margin:-margin, margin:-margin]


FILTERS: dict[str, Callable[[np.ndarray], np.ndarray]] = {"median": median, "wiener": wiener}
"""Name -> function of one channel."""


def despeckle(example: Example, name: str) -> Example:
    """The example with its image filtered; the mask stays.

    Args:
      example: at the size as released.
      name: of `FILTERS`.
    """
    image = example.image

    def filtered(channel: np.ndarray) -> np.ndarray:
        return np.clip(np.rint(FILTERS[name](channel)), 0, 255).astype(np.uint8)

    if is_one_channel(image) or (image == image[..., :1]).all():
        return Example(three_channels(filtered(np.ascontiguousarray(image[..., 0]))), example.mask)
    return Example(np.stack([filtered(image[..., i]) for i in range(3)], axis=-1), example.mask)


def first_steps(grey: bool, despeckle_by: str) -> Callable[[Example], Example]:
    """What is done to the released image before any geometry: luminance, then the filter.

    Args:
      grey: whether the image becomes its luminance.
      despeckle_by: a name of `FILTERS`, or '' for none.

    Raises:
      ValueError: for an unknown filter, with the nearest one that exists.
    """
    if despeckle_by and despeckle_by not in FILTERS:
        raise ValueError(f"unknown despeckle {despeckle_by!r}{hint(despeckle_by, list(FILTERS))}")

    def steps(example: Example) -> Example:
        if grey:
            example = transforms.grey(example)
        return despeckle(example, despeckle_by) if despeckle_by else example

    return steps
