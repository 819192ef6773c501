"""What a mammogram shows of a lesion: a mass, its spicules and its calcifications, in millimetres."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

LOOKS = ("round", "spiculated", "hidden")
"""A circumscribed mass; one with spicules and a blurred margin; one that is hardly denser than the gland around."""


@dataclass(frozen=True)
class Mass:
    """A mass around its own centre.

    Attributes:
        outline_mm: distance of the boundary from the centre, one per angle from 0 to 2 pi, as seen from above.
        thickness_mm: along the rays, in the middle.
        density: attenuation beyond that of fat, in units of what gland has beyond fat.
        blur_mm: width of the margin.
        spicules: angle in radians, length beyond the margin in mm, width in mm and thickness in mm of each, in rows.
        specks: x, y and z in mm, radius in mm and strength of each calcification, in rows.
    """

    outline_mm: Float[np.ndarray, " angles"]
    thickness_mm: float
    density: float
    blur_mm: float
    spicules: Float[np.ndarray, "spicules 4"]
    specks: Float[np.ndarray, "specks 5"]


def sample_mass(look: str, cluster: str, outline_mm: Float[np.ndarray, " angles"], rng: np.random.Generator) -> Mass:
    """Draws a mass.

    Args:
        look: one of `LOOKS`.
        cluster: its calcifications: "fine" (many small ones in a heap, of all shapes), "coarse" (few large ones) or "".
        outline_mm: of the same lesion in ultrasound, which gives the size; the margin is drawn anew.
        rng: what decides.
    """
    mean = float(outline_mm.mean())
    angle = np.linspace(0, 2 * np.pi, len(outline_mm), endpoint=False)
    order = np.arange(2, 9)
    roughness = {"round": rng.uniform(0.02, 0.06), "spiculated": rng.uniform(0.12, 0.24), "hidden": 0.08}[look]
    amplitude = rng.normal(0, roughness, len(order)) / np.sqrt(order - 1)
    waves = (amplitude[:, None] * np.cos(order[:, None] * angle + rng.uniform(0, 2 * np.pi, (len(order), 1)))).sum(0)
    stretch = 1 + rng.uniform(0, 0.3) * np.cos(2 * (angle - rng.uniform(0, np.pi)))
    return Mass(
        outline_mm=mean * stretch * np.exp(np.clip(waves, -0.4, 0.4)),
        thickness_mm=mean * rng.uniform(1.2, 2.0),
        density={
            "round": rng.uniform(0.9, 1.9),
            "spiculated": rng.uniform(1.0, 2.1),
            "hidden": rng.uniform(0.15, 0.45),
        }[look],
        blur_mm={
            "round": rng.uniform(0.2, 0.8),
            "spiculated": rng.uniform(0.6, 2.0),
            "hidden": rng.uniform(1.0, 2.5),
        }[look],
        spicules=_spicules(mean, rng) if look == "spiculated" else np.zeros((0, 4)),
        specks=_specks(cluster, mean, rng),
    )


def _spicules(mean_mm: float, rng: np.random.Generator) -> Float[np.ndarray, "spicules 4"]:
    count = int(rng.integers(12, 25))
    columns = (
        rng.uniform(0, 2 * np.pi, count),
        mean_mm * rng.uniform(0.5, 1.9, count),
        rng.uniform(0.7, 1.5, count),
        rng.uniform(5.0, 12.0, count),
    )
    return np.stack(columns, axis=1)


def _specks(cluster: str, mean_mm: float, rng: np.random.Generator) -> Float[np.ndarray, "specks 5"]:
    if not cluster:
        return np.zeros((0, 5))
    fine = cluster == "fine"
    count = int(rng.integers(7, 26) if fine else rng.integers(1, 5))
    place = rng.normal(0, 1, 3) * 0.3 * mean_mm + rng.normal(0, 0.35 * mean_mm, (count, 3))
    radius = rng.uniform(0.14, 0.38, count) if fine else rng.uniform(0.5, 1.3, count)
    strength = rng.uniform(1.0, 4.0, count) if fine else rng.uniform(2.0, 5.0, count)
    return np.concatenate([place, radius[:, None], strength[:, None]], axis=1)
