"""What is scanned: a breast and, in three of four cases, a lesion. Drawn once per case, in millimetres."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

KINDS = ("normal", "cyst", "fibroadenoma", "carcinoma")
TISSUE_WIDTH_MM, TISSUE_DEPTH_MM = 120.0, 80.0
_OUTLINE_ANGLES = 512


@dataclass(frozen=True)
class Lesion:
    """A lesion around its own centre.

    Attributes:
        kind: "cyst", "fibroadenoma" or "carcinoma".
        depth_mm: depth of the centre below the skin.
        outline_mm: distance of the boundary from the centre, one per angle from 0 to 2 pi (0 to the right, then down).
        spicules: strength of the spicules, 0 to 1, one per angle; all zero where there are none.
        echo_db: echogenicity of the inside, relative to fibroglandular tissue.
        mottle_db: standard deviation of the inside's slow variation.
        debris_db: extra echo of the lowest part of the inside (layered fluid), 0 for none.
        attenuation_db_per_mm: two-way attenuation beyond that of the tissue around (negative: sound passes more
            easily).
        wall_db: extra echo of a thin rim.
        halo_db: extra echo of a broad rim outside (desmoplastic reaction).
        blur_mm: width of the transition from inside to outside.
        edge_shadow_db_per_mm: attenuation of the flanks, where the beam is refracted.
        calcifications: bright specks inside.
    """

    kind: str
    depth_mm: float
    outline_mm: Float[np.ndarray, " angles"]
    spicules: Float[np.ndarray, " angles"]
    echo_db: float
    mottle_db: float
    debris_db: float
    attenuation_db_per_mm: float
    wall_db: float
    halo_db: float
    blur_mm: float
    edge_shadow_db_per_mm: float
    calcifications: int


@dataclass(frozen=True)
class Lobule:
    """A dark fat lobule in the gland, an ellipse; it looks like a nodule and is none."""

    x_mm: float
    depth_mm: float
    half_width_mm: float
    half_height_mm: float
    echo_db: float


@dataclass(frozen=True)
class Breast:
    """The tissue of one case.

    Attributes:
        skin_mm, fat_mm, gland_mm, retro_fat_mm: mean depths of the lower boundaries of the four layers above the
            muscle.
        waves: amplitudes [4 boundaries, 5 waves] in mm, and below them wave lengths in mm and phases in radians.
        fat_db, gland_db, muscle_db: echogenicities; strand_db: how much brighter fibrous strands are than what they
            run through.
        texture: smooth unit noise [4, rows, columns] over the tissue, for lobulation, strands and density.
        shadows: (lateral position mm, depth mm, half width mm, dB per mm) of shadows cast by ligaments.
        lobules: fat lobules in the gland.
        lesion: None for a normal breast.
    """

    skin_mm: float
    fat_mm: float
    gland_mm: float
    retro_fat_mm: float
    waves: Float[np.ndarray, "3 4 5"]
    fat_db: float
    gland_db: float
    muscle_db: float
    strand_db: float
    texture: Float[np.ndarray, "4 rows columns"]
    shadows: tuple[tuple[float, float, float, float], ...]
    lobules: tuple[Lobule, ...]
    lesion: Lesion | None


def sample_breast(kind: str, rng: np.random.Generator) -> Breast:
    """Draws a breast with a lesion of the given kind ("normal": none).

    Echogenicities and margins follow the BI-RADS lexicon's descriptions of the three lesions; the ranges overlap on
    purpose (cysts with echoes inside, lobulated fibroadenomas, round carcinomas without shadow), as in real life.
    """
    skin = rng.uniform(1.2, 2.6)
    fat = skin + rng.uniform(3.0, 12.0)
    gland = fat + rng.uniform(10.0, 24.0)
    amplitude = rng.normal(0, 1, (4, 5)) * np.array([[0.08], [0.9], [1.2], [0.7]]) / np.sqrt([1, 2, 3, 4, 5])
    length = np.array([45.0, 27.0, 17.0, 11.0, 7.0]) * rng.uniform(0.8, 1.25, (4, 5))
    phase = rng.uniform(0, 2 * np.pi, (4, 5))
    lesion = None if kind == "normal" else _LESIONS[kind](rng, fat, gland)
    return Breast(
        skin_mm=skin,
        fat_mm=fat,
        gland_mm=gland,
        retro_fat_mm=gland + rng.uniform(1.0, 5.0),
        waves=np.stack([amplitude, length, phase]),
        fat_db=rng.uniform(-16, -8),
        gland_db=rng.uniform(-5, 1),
        muscle_db=rng.uniform(-16, -9),
        strand_db=rng.uniform(4, 14),
        texture=rng.standard_normal((4, 80, 60)),
        shadows=tuple(
            (rng.uniform(-30, 30), rng.uniform(skin, gland), rng.uniform(0.6, 3.5), rng.uniform(0.2, 1.1))
            for _ in range(rng.poisson(1.6))
        ),
        lobules=tuple(_sample_lobule(rng, fat, gland) for _ in range(rng.poisson(2.0))),
        lesion=lesion,
    )


def _sample_lobule(rng: np.random.Generator, fat: float, gland: float) -> Lobule:
    half_width = rng.uniform(1.5, 6.0)
    return Lobule(
        x_mm=rng.uniform(-25, 25),
        depth_mm=rng.uniform(fat, gland),
        half_width_mm=half_width,
        half_height_mm=half_width * rng.uniform(0.35, 0.8),
        echo_db=rng.uniform(-18, -7),
    )


def _outline(
    rng: np.random.Generator, width_mm: float, height_mm: float, roughness: float, waves: int, tilt: float = 0.0
) -> Float[np.ndarray, " angles"]:
    """An ellipse whose radius is modulated by random waves of falling amplitude."""
    angle = np.linspace(0, 2 * np.pi, _OUTLINE_ANGLES, endpoint=False)
    turned = angle - tilt
    radius = 1 / np.hypot(np.cos(turned) / (width_mm / 2), np.sin(turned) / (height_mm / 2))
    order = np.arange(2, 2 + waves)
    amplitude = rng.normal(0, roughness, waves) / np.sqrt(order - 1)
    modulation = (amplitude[:, None] * np.cos(order[:, None] * angle + rng.uniform(0, 2 * np.pi, (waves, 1)))).sum(0)
    return radius * np.exp(np.clip(modulation, -0.4, 0.4))


def _spicules(rng: np.random.Generator, count: int, strength: float) -> Float[np.ndarray, " angles"]:
    angle = np.linspace(0, 2 * np.pi, _OUTLINE_ANGLES, endpoint=False)
    total = np.zeros(_OUTLINE_ANGLES)
    for centre, width in zip(rng.uniform(0, 2 * np.pi, count), rng.uniform(0.03, 0.09, count), strict=True):
        distance = np.angle(np.exp(1j * (angle - centre)))
        total = np.maximum(total, rng.uniform(0.4, 1.0) * np.exp(-((distance / width) ** 2)))
    return strength * total


def _depth(rng: np.random.Generator, fat: float, gland: float, height_mm: float) -> float:
    return float(max(rng.uniform(fat + 1, 0.35 * fat + 0.65 * gland), height_mm / 2 + 3.5))


def _cyst(rng: np.random.Generator, fat: float, gland: float) -> Lesion:
    width = rng.uniform(5, 20)
    height = width * rng.uniform(0.55, 1.0)
    complicated = rng.random() < 0.4
    return Lesion(
        kind="cyst",
        depth_mm=_depth(rng, fat, gland, height),
        outline_mm=_outline(rng, width, height, rng.uniform(0.01, 0.09), 4, rng.normal(0, 0.2)),
        spicules=np.zeros(_OUTLINE_ANGLES),
        echo_db=rng.uniform(-25, -15) if complicated else rng.uniform(-50, -30),
        mottle_db=rng.uniform(0, 2.5) if complicated else 0.0,
        debris_db=rng.uniform(6, 12) if complicated and rng.random() < 0.3 else 0.0,
        attenuation_db_per_mm=-rng.uniform(0.25, 1.1) * (0.6 if complicated else 1.0),
        wall_db=rng.uniform(0, 8),
        halo_db=0.0,
        blur_mm=rng.uniform(0.15, 0.5),
        edge_shadow_db_per_mm=rng.uniform(0, 1.6),
        calcifications=0,
    )


def _fibroadenoma(rng: np.random.Generator, fat: float, gland: float) -> Lesion:
    width = rng.uniform(7, 26)
    height = width * rng.uniform(0.45, 0.85)
    lobulated = rng.random() < 0.4
    return Lesion(
        kind="fibroadenoma",
        depth_mm=_depth(rng, fat, gland, height),
        outline_mm=_outline(rng, width, height, 0.13 if lobulated else 0.04, 5, rng.normal(0, 0.2)),
        spicules=np.zeros(_OUTLINE_ANGLES),
        echo_db=rng.uniform(-17, -8),
        mottle_db=rng.uniform(0.5, 3.0),
        debris_db=0.0,
        attenuation_db_per_mm=rng.uniform(-0.45, 0.25),
        wall_db=rng.uniform(0, 7),
        halo_db=0.0,
        blur_mm=rng.uniform(0.2, 0.7),
        edge_shadow_db_per_mm=rng.uniform(0, 1.4),
        calcifications=int(rng.integers(1, 4)) if rng.random() < 0.1 else 0,
    )


def _carcinoma(rng: np.random.Generator, fat: float, gland: float) -> Lesion:
    circumscribed = rng.random() < 0.2
    width = rng.uniform(6, 20)
    height = width * (rng.uniform(0.7, 1.1) if circumscribed else rng.uniform(0.75, 1.5))
    return Lesion(
        kind="carcinoma",
        depth_mm=_depth(rng, fat, gland, height),
        outline_mm=_outline(
            rng,
            width,
            height,
            rng.uniform(0.03, 0.1) if circumscribed else rng.uniform(0.12, 0.26),
            12,
            rng.normal(0, 0.3),
        ),
        spicules=_spicules(rng, int(rng.integers(6, 15)), 0.0 if circumscribed else rng.uniform(0.3, 1.0)),
        echo_db=rng.uniform(-22, -9),
        mottle_db=rng.uniform(1.5, 5.0),
        debris_db=0.0,
        attenuation_db_per_mm=rng.uniform(-0.3, 0.3) if circumscribed else rng.uniform(0.0, 1.4),
        wall_db=0.0,
        halo_db=0.0 if circumscribed else rng.uniform(0, 7),
        blur_mm=rng.uniform(0.3, 0.8) if circumscribed else rng.uniform(0.5, 1.6),
        edge_shadow_db_per_mm=rng.uniform(0, 0.8) if circumscribed else 0.0,
        calcifications=int(rng.integers(3, 12)) if rng.random() < 0.25 else 0,
    )


_LESIONS = {"cyst": _cyst, "fibroadenoma": _fibroadenoma, "carcinoma": _carcinoma}
