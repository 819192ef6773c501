"""One lesion of the paired phantom, in mammography and in ultrasound, from a seed and a number.

What a modality shows of a lesion is drawn for each modality by itself: mostly what is typical of its kind, sometimes
what is typical of another. So each of them leaves errors, and seldom the same ones.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, UInt8

from tfds_builders.phantom.anatomy import Breast, sample_breast
from tfds_builders.phantom.mammography import VIEWS, Exposure, Parenchyma, mammogram, mark
from tfds_builders.phantom.mass import Mass, sample_mass
from tfds_builders.phantom.simulation import scan_breast

KINDS = ("carcinoma", "fibroadenoma", "carcinoma", "cyst")
"""Of the lesions, in turn: half are malignant."""

IN_ULTRASOUND = {
    "carcinoma": {"carcinoma": 0.8, "fibroadenoma": 0.2},
    "fibroadenoma": {"fibroadenoma": 0.82, "carcinoma": 0.18},
    "cyst": {"cyst": 0.82, "carcinoma": 0.18},
}
"""How often a lesion of a kind looks like one of another in ultrasound."""

IN_MAMMOGRAPHY = {
    "carcinoma": {"spiculated": 0.8, "round": 0.1, "hidden": 0.1},
    "fibroadenoma": {"round": 0.8, "spiculated": 0.1, "hidden": 0.1},
    "cyst": {"round": 0.8, "spiculated": 0.1, "hidden": 0.1},
}
"""How often a lesion of a kind has one of `mass.LOOKS`; radial scars and fat necrosis are spiculated, too."""

CALCIFICATIONS = {
    "carcinoma": {"": 0.45, "fine": 0.5, "coarse": 0.05},
    "fibroadenoma": {"": 0.72, "fine": 0.08, "coarse": 0.2},
    "cyst": {"": 0.82, "fine": 0.08, "coarse": 0.1},
}
"""How often it has calcifications of a kind, whatever its look."""

ULTRASOUND_VIEWS = ("radial", "antiradial", "oblique")
DEVICE = "phantom mammograph"


@dataclass(frozen=True)
class PairedImage:
    """One picture: grey levels, where the lesion is, how it was taken, of what kind the lesion is, the machine."""

    image: UInt8[np.ndarray, "height width"]
    mask: Bool[np.ndarray, "height width"]
    modality: str
    view: str
    kind: str
    device: str


def views_of(seed: int, number: int) -> dict[str, tuple[str, ...]]:
    """The views of a lesion by modality: one or two of mammography, two or three of ultrasound.

    A malignant lesion and the benign one after it have the same: how many there are must not tell the class.
    """
    rng = np.random.default_rng([seed, number // 2, 1])
    one = VIEWS[int(rng.integers(len(VIEWS)))]
    return {
        "mammography": VIEWS if rng.random() < 0.65 else (one,),
        "ultrasound": ULTRASOUND_VIEWS[: 2 + int(rng.integers(2))],
    }


def simulate_lesion(seed: int, number: int, size: float = 1.0) -> list[PairedImage]:
    """Simulates all pictures of one lesion; the result depends on the arguments alone.

    Mammograms first, then ultrasound images; both show a lesion of one size.

    Args:
        seed: of the dataset.
        number: of the lesion, from 0; its kind is `KINDS[number % 4]`.
        size: image sides are multiplied by this (1: the short side is 200 to 280 pixels).
    """
    rng = np.random.default_rng([seed, number])
    kind = KINDS[number % len(KINDS)]
    breast = _of_any_size(sample_breast(_draw(IN_ULTRASOUND[kind], rng), rng), rng)
    assert breast.lesion is not None
    look, cluster = _draw(IN_MAMMOGRAPHY[kind], rng), _draw(CALCIFICATIONS[kind], rng)
    mass = sample_mass(look, cluster, breast.lesion.outline_mm, rng)
    tissue = Parenchyma(
        # What hides a mass is mostly a dense breast.
        density=rng.uniform(0.3, 0.5) if look == "hidden" else rng.uniform(0.08, 0.45),
        thickness_mm=rng.uniform(35, 65),
        clumps=rng.uniform(0.22, 0.45),
        strands=rng.uniform(0.06, 0.22),
    )
    mirrored = bool(rng.random() < 0.5)
    views = views_of(seed, number)
    images = []
    for view in views["mammography"]:
        exposure = _sample_exposure(view, mirrored, mass, size, rng)
        grey, mask = mammogram(mass, tissue, exposure, rng)
        images.append(PairedImage(mark(grey, exposure, rng), mask, "mammography", view, kind, DEVICE))
    scanned = scan_breast(kind, breast, len(views["ultrasound"]), size, rng)
    for view, image in zip(views["ultrasound"], scanned, strict=True):
        images.append(PairedImage(image.image, image.mask, "ultrasound", view, kind, image.device))
    return images


def _of_any_size(breast: Breast, rng: np.random.Generator) -> Breast:
    """The breast with its lesion made larger or smaller: how large it is must not tell what it looks like."""
    lesion = breast.lesion
    assert lesion is not None
    outline = lesion.outline_mm * (rng.uniform(4.0, 9.0) / float(lesion.outline_mm.mean()))
    below_skin = max(lesion.depth_mm, float(outline.max()) + 3.5)
    return replace(breast, lesion=replace(lesion, outline_mm=outline, depth_mm=below_skin))


def _draw(shares: dict[str, float], rng: np.random.Generator) -> str:
    return str(rng.choice(list(shares), p=list(shares.values())))


def _sample_exposure(view: str, mirrored: bool, mass: Mass, size: float, rng: np.random.Generator) -> Exposure:
    """A picture of some centimetres around the lesion, which is nowhere in particular in it."""
    aspect = float(np.exp(rng.uniform(np.log(0.8), np.log(1.3))))
    short = rng.uniform(200, 280) * size
    height, width = (round(short * aspect), round(short)) if aspect >= 1 else (round(short), round(short / aspect))
    reach = 1.5 * float(mass.outline_mm.max())
    pixel_mm = max(rng.uniform(44, 64), 3 * reach) / min(height, width)
    room_x, room_y = (max(0.5 * side * pixel_mm - reach - 4, 1.0) for side in (width, height))
    x_mm, y_mm = rng.uniform(-0.7, 0.7) * room_x, rng.uniform(-0.7, 0.7) * room_y
    # In half of the pictures the skin line is in sight; it lies outside the lesion.
    beyond = x_mm + reach + rng.uniform(6, 40) + width * pixel_mm / 2
    return Exposure(
        view=view,
        height=height,
        width=width,
        pixel_mm=pixel_mm,
        x_mm=x_mm,
        y_mm=y_mm,
        reach_mm=beyond + (y_mm**2) / (4 * beyond) + 4,
        muscle=view == "MLO" and bool(rng.random() < 0.5),
        mirrored=mirrored,
        noise=rng.uniform(0.006, 0.016),
        blur_mm=rng.uniform(0.12, 0.22),
        gamma=rng.uniform(0.75, 1.25),
    )
