"""Mammogram formation: from a compressed breast with a mass to grey levels.

Along every ray the attenuations of fat, gland, mass and calcifications add up (Lambert and Beer), so structures that
lie above each other overlap in the picture. The texture of the gland is noise with a power spectrum that falls with the
third power of the frequency, as that of mammograms does (Burgess, Jacobson and Judy 2001, "Human observer detection
experiments with mammograms and power-law noise"), and strands. The detector adds quantum noise, more where
fewer photons arrive, and the picture is shown between percentiles of its own tissue.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, UInt8
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from tfds_builders.phantom.mass import Mass
from tfds_builders.phantom.plane import step

VIEWS = ("CC", "MLO")
_GLAND_PER_MM = 0.035  # attenuation of gland beyond fat, as of the soft spectra of mammography
_SPECK_PER_MM = 0.9
_MUSCLE_EDGE_MM = 20.0  # left of the middle of the picture
_THIN_MM = 9.0  # how far from the skin line the breast is thinner
_OBLIQUE = np.pi / 4  # between the rays of the two views


@dataclass(frozen=True)
class Parenchyma:
    """The tissue of one breast.

    Attributes:
        density: share of gland in a ray's length, 0 (fat) to 1.
        thickness_mm: of the compressed breast.
        clumps: contrast of the texture.
        strands: strength of fibrous strands.
    """

    density: float
    thickness_mm: float
    clumps: float
    strands: float


@dataclass(frozen=True)
class Exposure:
    """One picture: what is shown, and how.

    Attributes:
        view: one of `VIEWS`.
        height, width: pixels.
        pixel_mm: side of a (square) pixel.
        x_mm, y_mm: where the lesion lies, from the middle of the picture.
        reach_mm: how far the breast reaches from the left border; beyond is air.
        muscle: whether the pectoral muscle is in the upper left corner.
        mirrored: whether the chest wall is on the right.
        noise: relative standard deviation of the quantum noise behind fat.
        blur_mm: standard deviation of focal spot and detector.
        gamma: of the display.
    """

    view: str
    height: int
    width: int
    pixel_mm: float
    x_mm: float
    y_mm: float
    reach_mm: float
    muscle: bool
    mirrored: bool
    noise: float
    blur_mm: float
    gamma: float


def mammogram(
    mass: Mass, tissue: Parenchyma, exposure: Exposure, rng: np.random.Generator
) -> tuple[UInt8[np.ndarray, "height width"], Bool[np.ndarray, "height width"]]:
    """Exposes one picture.

    Returns:
        Grey levels (dense is bright) and where the mass is, without its spicules.
    """
    y = ((np.arange(exposure.height) + 0.5 - exposure.height / 2) * exposure.pixel_mm)[:, None]
    x = ((np.arange(exposure.width) + 0.5 - exposure.width / 2) * exposure.pixel_mm)[None, :]
    breast = _breast(x, y, exposure)
    path = tissue.thickness_mm * breast * (_gland(tissue, exposure, rng) * _GLAND_PER_MM)
    if exposure.muscle:
        path += 0.5 * _GLAND_PER_MM * tissue.thickness_mm * step(-_MUSCLE_EDGE_MM - x - 0.5 * y, 1.0)
    dx, dy = x - exposure.x_mm, y - exposure.y_mm
    lesion, mask = _mass(mass, dx, dy, exposure.view, rng)
    path += lesion
    path += _specks(mass, dx, dy, exposure)
    path += 0.35 * breast  # fat, which all rays through the breast cross

    path = ndimage.gaussian_filter(path, exposure.blur_mm / exposure.pixel_mm)
    # Fewer photons arrive behind dense tissue; in the logarithm their relative noise counts.
    path += rng.standard_normal(path.shape) * exposure.noise * np.exp(np.clip(path, 0, 6) / 2)
    tissue_values = path[breast > 0.95]
    low, high = np.percentile(tissue_values, (1, 99.7))
    low -= 0.35 * (high - low) * rng.uniform(0.4, 1.0)
    grey = np.clip((path - low) / (high - low + 1e-6), 0, 1) ** exposure.gamma * (breast > 0)
    picture = (grey * 235 + 0.5).astype(np.uint8)
    if exposure.mirrored:
        picture, mask = picture[:, ::-1].copy(), mask[:, ::-1].copy()
    return picture, mask


def mark(
    picture: UInt8[np.ndarray, "height width"], exposure: Exposure, rng: np.random.Generator
) -> UInt8[np.ndarray, "height width"]:
    """Writes side and view into a corner of some pictures."""
    if rng.random() < 0.5:
        return picture
    image = Image.fromarray(picture)
    text = f"{'L' if exposure.mirrored else 'R'} {exposure.view}"
    place = (4 if exposure.mirrored else exposure.width - 34, 4)
    ImageDraw.Draw(image).text(place, text, fill=220, font=ImageFont.load_default(size=9))
    return np.array(image)


def _breast(
    x: Float[np.ndarray, "1 width"], y: Float[np.ndarray, "height 1"], exposure: Exposure
) -> Float[np.ndarray, "height width"]:
    """Thickness of the compressed breast, from 0 in air to 1; it thins out towards the skin line."""
    from_wall = x + exposure.width * exposure.pixel_mm / 2
    skin = exposure.reach_mm - y**2 / (4 * exposure.reach_mm)
    return np.sqrt(np.clip((skin - from_wall) / _THIN_MM, 0, 1))


def _gland(tissue: Parenchyma, exposure: Exposure, rng: np.random.Generator) -> Float[np.ndarray, "height width"]:
    """Share of gland along each ray."""
    clumps = _power_law(exposure, 3.0, rng)
    net = _power_law(exposure, 5.0, rng)  # smooth: a strand is a line, not a cloud
    strands = np.exp(-((net / 0.07) ** 2)) * np.clip(0.6 + 0.5 * _power_law(exposure, 3.0, rng), 0, 1.5)
    return np.clip(tissue.density * np.exp(tissue.clumps * clumps) + tissue.strands * strands, 0, 1)


def _power_law(exposure: Exposure, power: float, rng: np.random.Generator) -> Float[np.ndarray, "height width"]:
    """Unit noise whose power falls with this power of the frequency, flat below one cycle in 40 mm."""
    height, width = (2 * side for side in (exposure.height, exposure.width))  # without the wrap-around
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :]) / exposure.pixel_mm
    spectrum = np.fft.rfft2(rng.standard_normal((height, width))) * np.maximum(frequency, 1 / 40) ** (-power / 2)
    spectrum[0, 0] = 0
    noise = np.fft.irfft2(spectrum, s=(height, width))
    return (noise / noise.std())[: exposure.height, : exposure.width]


def _mass(
    mass: Mass,
    dx: Float[np.ndarray, "1 width"],
    dy: Float[np.ndarray, "height 1"],
    view: str,
    rng: np.random.Generator,
) -> tuple[Float[np.ndarray, "height width"], Bool[np.ndarray, "height width"]]:
    """Attenuation of the mass and its spicules, and where it is."""
    turn = rng.normal(0, 0.1) + (_OBLIQUE if view == "MLO" else 0.0)
    distance, angle = np.hypot(dx, dy), np.mod(np.arctan2(dy, dx) + turn, 2 * np.pi)
    angles = len(mass.outline_mm)
    edge = mass.outline_mm[np.mod((angle * (angles / (2 * np.pi))).astype(int), angles)] * rng.uniform(0.92, 1.08)
    # Along a ray through an ellipsoid; the blurred margin reaches a little beyond it.
    inside = step(edge - distance, mass.blur_mm)
    chord = mass.thickness_mm * np.maximum(np.sqrt(np.clip(1 - (distance / edge) ** 2, 0, 1)), 0.25) * inside
    for direction, length, width, thickness in mass.spicules:
        along = distance * np.cos(angle - direction)
        across = distance * np.sin(angle - direction) + 0.04 * distance * np.sin(along / 3 + direction)
        reach = (distance - 0.6 * edge) / (0.4 * edge + length)
        tapered = width * np.clip(1 - 0.6 * reach, 0.3, 1)
        shape = np.exp(-((across / tapered) ** 2)) * (along > 0) * np.clip(1 - reach, 0, 1) * (reach > 0)
        chord = np.maximum(chord, thickness * shape)
    return mass.density * _GLAND_PER_MM * chord, distance < edge


def _specks(
    mass: Mass, dx: Float[np.ndarray, "1 width"], dy: Float[np.ndarray, "height 1"], exposure: Exposure
) -> Float[np.ndarray, "height width"]:
    """Attenuation of the calcifications, which lie in three dimensions: the views see them from two sides."""
    total = np.zeros((exposure.height, exposure.width))
    turn = _OBLIQUE if exposure.view == "MLO" else 0.0
    for x, y, z, radius, strength in mass.specks:
        across = y * np.cos(turn) + z * np.sin(turn)
        shape = np.clip((radius - np.hypot(dx - x, dy - across)) / exposure.pixel_mm + 0.5, 0, 1)
        total += strength * _SPECK_PER_MM * radius * shape
    return total
