"""Putting a lesion into a plane of tissue."""

import numpy as np

from tfds_builders.phantom.anatomy import Lesion
from tfds_builders.phantom.plane import Grid, Plane, step

_HALO_REACH = 0.45
_SPICULE_REACH = 0.9


def add_lesion(
    lesion: Lesion, gland_db: float, pressure: float, grid: Grid, plane: Plane, rng: np.random.Generator
) -> None:
    """Writes a lesion, centred at lateral position 0, into the arrays of `plane`, mask included."""
    dx = grid.lateral * np.float32(pressure)  # what is pressed flat becomes wider
    dy = grid.depth - np.float32(lesion.depth_mm)
    distance = np.hypot(dx, dy)
    # Another plane through the lesion shows a slightly different outline.
    angle = np.arctan2(dy, dx) + np.float32(rng.normal(0, 0.08))
    angles = len(lesion.outline_mm)
    index = np.mod(np.floor(angle * (angles / (2 * np.pi))).astype(np.int32), angles)
    edge = lesion.outline_mm.astype(np.float32)[index] * np.float32(rng.uniform(0.92, 1.08))
    beyond = distance - edge
    reach = beyond / edge
    inside = step(-beyond, lesion.blur_mm / 2)
    outside = reach > 0

    echo = plane.echo_db
    inner_db = gland_db + lesion.echo_db
    interior = inner_db + lesion.mottle_db * 0.6 * (grid.lobes + grid.density)
    interior = interior + lesion.debris_db * step(dy - 0.15 * edge, 0.3)
    spicules = lesion.spicules.astype(np.float32)[index] * np.clip(1 - reach / _SPICULE_REACH, 0, 1) * outside
    echo += lesion.halo_db * np.exp(-((reach / _HALO_REACH) ** 2)) * outside
    # A spicule is a strand of tumour or of fibrous tissue: dark here, bright there.
    echo += spicules * np.where(grid.lobes > 0, inner_db - echo, 4.0)
    echo += inside * (interior - echo)
    rim = np.exp(-((beyond / 0.3) ** 2))
    echo += lesion.wall_db * rim

    plane.specular[...] *= 1 - inside
    # A smooth wall reflects most where the beam meets it head-on: above and below.
    head_on = np.abs(dy) / np.maximum(distance, np.float32(1e-3))
    plane.specular[...] += 0.06 * lesion.wall_db * rim * head_on**4
    rows, columns = np.nonzero(beyond < -0.25 * edge)
    if lesion.calcifications and len(rows):
        chosen = rng.integers(0, len(rows), lesion.calcifications)
        plane.specular[rows[chosen], columns[chosen]] += rng.uniform(3, 8, lesion.calcifications).astype(np.float32)

    flank = np.exp(-((reach / 0.12) ** 2)) * (np.abs(dx) > 0.85 * distance)
    plane.attenuation_db_per_mm[...] += lesion.attenuation_db_per_mm * np.clip(inside + 0.5 * spicules, 0, 1)
    plane.attenuation_db_per_mm[...] += lesion.edge_shadow_db_per_mm * flank
    plane.mask[...] = beyond < 0
