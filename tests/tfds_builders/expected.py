"""What a release written by a test must be read as, and the pictures it is made of."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

_CHANNELS: dict[str, tuple[int, ...]] = {"L": (), "RGB": (3,), "RGBA": (4,)}


@dataclass(frozen=True)
class Expected:
    """One record, written down by hand, its ids without the dataset's name.

    `image` is uint8 [height, width, 3]; `mask` bool [height, width], None where there is none; `mask_size` the mask's
    (height, width) as released where it is not the image's; `label` -1 where it is unknown.
    """

    image_id: str
    case_id: str
    label: int
    solid: int
    image: np.ndarray
    mask: np.ndarray | None
    birads: str = ""
    histology: str = ""
    device: str = ""
    fold: int = -1
    mask_size: tuple[int, int] | None = None
    modality: str = "ultrasound"
    view: str = ""


def picture(mode: str, width: int, height: int, seed: int) -> np.ndarray:
    """Random values of a mode: uint8 [height, width] for L, [height, width, 3] for RGB, [height, width, 4] for RGBA."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, *_CHANNELS[mode]), dtype=np.uint8)


def rgb(values: np.ndarray) -> np.ndarray:
    """The three channels that a reader gets: grey repeated, alpha left out."""
    return np.stack([values] * 3, axis=-1) if values.ndim == 2 else values[..., :3]


def box(width: int, height: int, left: int, top: int, right: int, bottom: int) -> np.ndarray:
    """A bool array [height, width] that is true in a rectangle, right and bottom left out."""
    values = np.zeros((height, width), dtype=bool)
    values[top:bottom, left:right] = True
    return values


def save(path: Path, values: np.ndarray, mode: str | None = None) -> None:
    """Writes an image file in the format of its suffix, folders included; bool becomes 0 and 255.

    Args:
        path: the file.
        values: uint8 or bool.
        mode: to which Pillow converts before it writes ("1", "RGBA", ...); None for the array's own.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(np.where(values, np.uint8(255), np.uint8(0)) if values.dtype == bool else values)
    (image.convert(mode) if mode else image).save(path)
