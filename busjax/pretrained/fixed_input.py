"""One image that everybody can make, and a few figures of what a network makes of it.

To compare with the original framework, repeat there:

1. The image, of the release's input size: row i, column j, channel c (of red, green, blue) is the remainder of
   37 i + 91 j + 53 c divided by 256; i, j and c count from 0.
2. The release's preprocessing: for each channel (x - mean) / deviation; then, where it says so, blue first.
3. The network in evaluation mode: its features (the last map before pooling) and its logits (before any softmax).
4. Of each: mean, standard deviation over all values, and the first five values; the features in the order row, column,
   channel.
"""

from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float, UInt8

from busjax.models import RegionEnhancedNetwork
from busjax.pretrained.release import Release

FIRST = 5


class Figures(NamedTuple):
    """What is printed of an array.

    Attributes:
      mean: over all values.
      deviation: the standard deviation over all values.
      first: the first five values.
    """

    mean: float
    deviation: float
    first: tuple[float, ...]


def fixed_image(size: int) -> UInt8[np.ndarray, "size size 3"]:
    """The image."""
    i, j, c = np.ogrid[:size, :size, :3]
    return ((37 * i + 91 * j + 53 * c) % 256).astype(np.uint8)


def figures(values: Float[Array | np.ndarray, "*shape"]) -> Figures:
    """Mean, standard deviation, first values."""
    flat = np.asarray(values, np.float64).ravel()
    return Figures(flat.mean().item(), flat.std().item(), tuple(flat[:FIRST].tolist()))


def check_sums(release: Release, network: RegionEnhancedNetwork, variables: dict) -> dict[str, Figures]:
    """Figures of the network's features and logits for the fixed image."""
    image = release.preprocessing.apply(fixed_image(release.input_size)[None])
    with jax.default_matmul_precision("highest"):  # GPUs round products of float32 by default
        outputs = jax.jit(network.apply)(variables, image)
    return {"features": figures(outputs.features), "logits": figures(outputs.logits)}
