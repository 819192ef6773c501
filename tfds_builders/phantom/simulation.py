"""One case of the phantom: a breast, one to three views of it, their images and masks, from a seed and a number."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, UInt8

from tfds_builders.phantom.anatomy import KINDS, Breast, sample_breast
from tfds_builders.phantom.export import decorate
from tfds_builders.phantom.plane import View
from tfds_builders.phantom.tissue import scan_plane
from tfds_builders.phantom.ultrasound import Scanner, b_mode

VIEWS_PROBABILITY = (0.4, 0.4, 0.2)
DEVICES = ("phantom linear 7-10 MHz", "phantom linear 10-14 MHz")


@dataclass(frozen=True)
class PhantomImage:
    """One exported image: grey levels, where the lesion is, what it is ("normal" where there is none), the machine."""

    image: UInt8[np.ndarray, "height width"]
    mask: Bool[np.ndarray, "height width"]
    kind: str
    device: str


def simulate_case(seed: int, case: int, size: float = 1.0) -> list[PhantomImage]:
    """Simulates all views of one case; the result depends on the arguments alone, not on what was simulated before.

    The kind of lesion is `KINDS[case % 4]`. Views of one case share tissue and lesion and differ in plane, pressure,
    crop, gain and speckle; the machine is the case's.

    Args:
        seed: of the dataset.
        case: its number, from 0.
        size: image sides are multiplied by this (1: the short side is 200 to 280 pixels).
    """
    rng = np.random.default_rng([seed, case])
    kind = KINDS[case % len(KINDS)]
    views = 1 + int(rng.choice(3, p=VIEWS_PROBABILITY))
    return scan_breast(kind, sample_breast(kind, rng), views, size, rng)


def scan_breast(kind: str, breast: Breast, views: int, size: float, rng: np.random.Generator) -> list[PhantomImage]:
    """Scans a breast with one machine.

    Args:
        kind: what is written on the images.
        breast: what is scanned.
        views: how many images.
        size: image sides are multiplied by this.
        rng: decides on the machine, its settings and the planes.
    """
    machine = int(rng.integers(len(DEVICES)))
    depth_mm = rng.uniform(28, 48) if machine else rng.uniform(32, 55)
    if breast.lesion is not None:
        depth_mm = max(depth_mm, breast.lesion.depth_mm + 0.75 * float(breast.lesion.outline_mm.max()) + 6)
    images = []
    for _ in range(views):
        view = _sample_view(breast, depth_mm, size, rng)
        plane = scan_plane(breast, view, rng)
        grey = b_mode(plane, view.pixel_mm, _sample_scanner(machine, depth_mm, rng), rng)
        images.append(PhantomImage(decorate(grey, view.pixel_mm, rng), plane.mask, kind, DEVICES[machine]))
    return images


def _sample_view(breast: Breast, depth_mm: float, size: float, rng: np.random.Generator) -> View:
    aspect = float(np.exp(rng.uniform(np.log(0.75), np.log(1.6))))
    short = rng.uniform(200, 280) * size
    height, width = (round(short), round(short * aspect)) if aspect >= 1 else (round(short / aspect), round(short))
    pixel_mm = depth_mm * rng.uniform(0.95, 1.1) / height
    room = max(width * pixel_mm / 2 - 4, 1.0)
    if breast.lesion is not None:
        room = max(width * pixel_mm / 2 - 0.8 * float(breast.lesion.outline_mm.max()), 1.0)
    return View(height, width, pixel_mm, x_mm=rng.uniform(-0.6, 0.6) * room, pressure=rng.uniform(0.84, 1.0))


def _sample_scanner(machine: int, depth_mm: float, rng: np.random.Generator) -> Scanner:
    fine = 0.75 if machine else 1.0
    return Scanner(
        axial_mm=fine * rng.uniform(0.13, 0.2),
        lateral_mm=fine * rng.uniform(0.28, 0.48),
        focus_mm=depth_mm * rng.uniform(0.3, 0.6),
        spread=rng.uniform(0.3, 1.1),
        dynamic_range_db=rng.uniform(50, 60),
        gain_db=rng.normal(-8, 4.5),
        tgc_error_db=rng.normal(10, 7),
        noise_db=rng.uniform(-46, -26),
        smoothing=rng.uniform(0.5, 1.1),
    )
