"""The plane that a beam sweeps, and the pixels it is laid out on."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float


@dataclass(frozen=True)
class View:
    """One image of a case: where the probe is held and how large the image is.

    Attributes:
        height, width: pixels.
        pixel_mm: side of a (square) pixel.
        x_mm: lateral position of the image's centre in the breast; the lesion is at 0.
        pressure: depths are multiplied by this (below 1: the probe compresses the breast); a lesion is flattened and
            widened by it.
    """

    height: int
    width: int
    pixel_mm: float
    x_mm: float
    pressure: float


@dataclass(frozen=True)
class Grid:
    """Where the pixels of a view lie in the uncompressed breast, in mm, and two fields of smooth noise on them."""

    lateral: Float[np.ndarray, "1 width"]
    depth: Float[np.ndarray, "height 1"]
    density: Float[np.ndarray, "height width"]
    lobes: Float[np.ndarray, "height width"]


@dataclass(frozen=True)
class Plane:
    """What the beam meets, pixel by pixel.

    Attributes:
        echo_db: echogenicity of the scatterers.
        attenuation_db_per_mm: two-way attenuation beyond what time-gain compensation makes up for.
        specular: amplitude of smooth reflectors.
        mask: where the lesion is.
    """

    echo_db: Float[np.ndarray, "height width"]
    attenuation_db_per_mm: Float[np.ndarray, "height width"]
    specular: Float[np.ndarray, "height width"]
    mask: Bool[np.ndarray, "height width"]


def step(signed_mm: Float[np.ndarray, "..."], width_mm: float) -> Float[np.ndarray, "..."]:
    """0 to 1 where `signed_mm` goes from negative to positive, over about twice `width_mm`."""
    return np.clip(signed_mm / (2 * width_mm) + 0.5, 0, 1)
