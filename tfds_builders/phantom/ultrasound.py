"""B-mode image formation: from a plane of tissue to grey levels.

Fully developed speckle is the sum of many scatterers per resolution cell: a circular complex Gaussian field whose
envelope is Rayleigh distributed (Wagner et al. 1983, "Statistics of speckle in ultrasound B-scans"). Here the field
is drawn with the tissue's local amplitude, blurred by the pulse (short along the beam, wider across it, widest away
from the focus), attenuated along the beam, and shown on a logarithmic scale.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from scipy import ndimage

from tfds_builders.phantom.plane import Plane


@dataclass(frozen=True)
class Scanner:
    """A machine and its settings.

    Attributes:
        axial_mm, lateral_mm: standard deviation of the pulse along and across the beam at the focus.
        focus_mm: depth of the focus.
        spread: lateral width per focus depth away from the focus, relative to that at the focus.
        dynamic_range_db: decibels from black to white.
        gain_db: shifts all grey levels.
        tgc_error_db: brightness error from top to bottom of the image that time-gain compensation leaves.
        noise_db: electronic noise at the bottom, relative to fibroglandular tissue.
        smoothing: standard deviation in pixels of the display filter.
    """

    axial_mm: float
    lateral_mm: float
    focus_mm: float
    spread: float
    dynamic_range_db: float
    gain_db: float
    tgc_error_db: float
    noise_db: float
    smoothing: float


def b_mode(
    plane: Plane, pixel_mm: float, scanner: Scanner, rng: np.random.Generator
) -> UInt8[np.ndarray, "height width"]:
    """Forms an image of a plane; grey 0.62 of white is about the mean level of fibroglandular tissue at gain 0."""
    height, width = plane.echo_db.shape
    amplitude = np.exp(plane.echo_db * np.float32(np.log(10) / 20))
    noise = rng.standard_normal((2, height, width), dtype=np.float32)
    field = noise * amplitude
    field[0] += plane.specular * np.float32(1.6)
    field = ndimage.gaussian_filter1d(field, scanner.axial_mm / pixel_mm, axis=1, truncate=3)
    narrow_px = scanner.lateral_mm / pixel_mm
    narrow = ndimage.gaussian_filter1d(field, narrow_px, axis=2, truncate=3)
    wide = ndimage.gaussian_filter1d(field, narrow_px * (1 + scanner.spread), axis=2, truncate=3)
    depth = (np.arange(height, dtype=np.float32) + 0.5)[:, None] * np.float32(pixel_mm)
    defocus = np.clip(np.abs(depth - scanner.focus_mm) / scanner.focus_mm, 0, 1)
    field = (1 - defocus) * narrow * _unit_power(narrow_px) + defocus * wide * _unit_power(
        narrow_px * (1 + scanner.spread)
    )
    field *= _unit_power(scanner.axial_mm / pixel_mm)

    loss_db = np.cumsum(plane.attenuation_db_per_mm * np.float32(pixel_mm), axis=0)
    loss_db = ndimage.gaussian_filter1d(loss_db, 2 * narrow_px, axis=1, truncate=3)
    loss_db += np.float32(scanner.tgc_error_db) * (depth / depth[-1] - np.float32(0.3))
    field *= np.exp(loss_db * np.float32(-np.log(10) / 20))
    floor = 10 ** ((scanner.noise_db + 12 * (depth / depth[-1] - 1)) / 20)
    field += floor * 0.35 * rng.standard_normal((2, height, width), dtype=np.float32)

    power = field[0] ** 2 + field[1] ** 2
    level_db = np.float32(10) * np.log10(power + np.float32(1e-8))
    level_db = ndimage.gaussian_filter(level_db, scanner.smoothing, truncate=3)
    grey = np.float32(0.62) + (level_db + np.float32(scanner.gain_db)) / np.float32(scanner.dynamic_range_db)
    return (np.clip(grey, 0, 1) * 255 + np.float32(0.5)).astype(np.uint8)


def _unit_power(sigma_px: float) -> np.float32:
    """What white noise must be multiplied with to keep its power under a Gaussian kernel of this width."""
    return np.float32(np.sqrt(2 * np.sqrt(np.pi) * sigma_px))
