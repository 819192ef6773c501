"""Laying a breast out on the pixels of a view: layers, strands, lobules, ligament shadows, and the lesion."""

import numpy as np
from jaxtyping import Float
from PIL import Image
from scipy import ndimage

from tfds_builders.phantom.anatomy import TISSUE_DEPTH_MM, TISSUE_WIDTH_MM, Breast
from tfds_builders.phantom.lesion import add_lesion
from tfds_builders.phantom.plane import Grid, Plane, View, step

_COARSE = 4
_SHADOW_DEPTH_MM = 9.0
_SKIN_DB = 6.0


def scan_plane(breast: Breast, view: View, rng: np.random.Generator) -> Plane:
    """Lays a breast, and its lesion where it has one, out on the pixels of one view."""
    depth = ((np.arange(view.height, dtype=np.float32) + 0.5) * view.pixel_mm / view.pressure)[:, None]
    lateral = ((np.arange(view.width, dtype=np.float32) + 0.5 - view.width / 2) * view.pixel_mm + view.x_mm)[None, :]
    shifted = lateral + np.float32(rng.uniform(-3, 3))
    density, strands, lobes, fibres = (
        _smooth_noise(noise, view, shifted, depth, *scale)
        for noise, scale in zip(breast.texture, ((0.5, 0.45), (0.33, 1.1), (0.8, 0.7), (0.25, 1.3)), strict=True)
    )
    grid = Grid(lateral, depth, density, lobes)
    plane = _layers(breast, grid, strands, fibres)
    for lobule in breast.lobules:
        across = (lateral - lobule.x_mm) / lobule.half_width_mm
        distance = np.hypot(across, (depth - lobule.depth_mm) / lobule.half_height_mm)
        inside = step(1 - distance + 0.12 * lobes, 0.08)
        plane.echo_db[...] += inside * (breast.gland_db + lobule.echo_db + density - plane.echo_db)
        plane.echo_db[...] += 4.0 * np.exp(-(((distance - 1.08) / 0.08) ** 2))
    for x_mm, depth_mm, half_width_mm, strength in breast.shadows:
        below = step(depth - depth_mm, 0.5) * step(depth_mm + _SHADOW_DEPTH_MM - depth, 1.0)
        plane.attenuation_db_per_mm[...] += strength * np.exp(-(((lateral - x_mm) / half_width_mm) ** 2)) * below
    if breast.lesion is not None:
        add_lesion(breast.lesion, breast.gland_db, view.pressure, grid, plane, rng)
    return plane


def _layers(
    breast: Breast,
    grid: Grid,
    strands: Float[np.ndarray, "height width"],
    fibres: Float[np.ndarray, "height width"],
) -> Plane:
    """Skin, subcutaneous fat, gland, retromammary fat and muscle, with the fibrous tissue that runs through them."""
    depth, density, lobes = grid.depth, grid.density, grid.lobes
    skin, fat, gland, retro = (_boundary(breast, i, grid.lateral) for i in range(4))
    # Strands of fibrous tissue: where smooth noise crosses zero lies a net of thin lines.
    gland_db = breast.gland_db + 2.5 * density - 5.0 * np.clip(lobes - 0.4, 0, 1.5)
    gland_db += breast.strand_db * _ridge(strands, 0.25) * np.clip(0.7 + 0.5 * density, 0.1, 1.5)
    fat_db = breast.fat_db + 1.5 * density
    fat_db += (6.0 + breast.strand_db) * _ridge(strands + 0.5 * lobes, 0.13) * np.clip(0.8 + 0.4 * density, 0.1, 1.3)
    muscle_db = breast.muscle_db + 1.5 * density + 11.0 * _ridge(fibres, 0.16)

    in_fat = step(depth - skin, 0.15) * step(fat - depth, 0.4)
    in_retro_fat = step(depth - gland, 0.4) * step(retro - depth, 0.3)
    echo = gland_db + np.maximum(in_fat, in_retro_fat) * (fat_db - gland_db)
    echo += step(depth - retro, 0.3) * (muscle_db - echo)
    echo += step(skin - depth, 0.1) * (_SKIN_DB - echo)
    specular = np.zeros_like(echo)
    for boundary, strength in ((fat, 0.35), (gland, 0.3), (retro, 1.0)):
        specular += strength * np.exp(-(((depth - boundary) / 0.15) ** 2)) * np.clip(0.2 + 0.8 * lobes, 0, 1.6)
    attenuation = 0.12 * density + 0.2 * in_retro_fat
    return Plane(echo, attenuation, specular, np.zeros(echo.shape, dtype=bool))


def _ridge(noise: Float[np.ndarray, "height width"], width: float) -> Float[np.ndarray, "height width"]:
    return np.exp(-((noise / np.float32(width)) ** 2))


def _boundary(breast: Breast, index: int, lateral: Float[np.ndarray, "1 width"]) -> Float[np.ndarray, "1 width"]:
    amplitude, length, phase = (part[index][:, None] for part in breast.waves)
    mean = (breast.skin_mm, breast.fat_mm, breast.gland_mm, breast.retro_fat_mm)[index]
    return (mean + (amplitude * np.sin(2 * np.pi * lateral / length + phase)).sum(0, keepdims=True)).astype(np.float32)


def _smooth_noise(
    noise: Float[np.ndarray, "rows columns"],
    view: View,
    lateral: Float[np.ndarray, "1 width"],
    depth: Float[np.ndarray, "height 1"],
    lateral_scale: float,
    depth_scale: float,
) -> Float[np.ndarray, "height width"]:
    """Samples noise that belongs to the tissue; a larger scale packs more of it into a millimetre."""
    rows = depth[::_COARSE] * (noise.shape[0] / TISSUE_DEPTH_MM) * depth_scale
    columns = lateral[:, ::_COARSE] * (noise.shape[1] / TISSUE_WIDTH_MM) * lateral_scale + noise.shape[1] / 2
    grid = np.stack(np.broadcast_arrays(rows, columns))
    coarse = ndimage.map_coordinates(noise.astype(np.float32), grid, order=3, mode="grid-wrap", prefilter=False)
    coarse /= coarse.std() + np.float32(1e-6)
    # The noise has no detail that a grid of every fourth pixel would miss, and is 16 times cheaper on it.
    return np.asarray(Image.fromarray(coarse).resize((view.width, view.height), Image.Resampling.BICUBIC))
