"""Geometry of images, in numpy and Pillow: one geometry for an image and its mask.

Images are resized bilinearly (or bicubically) with antialiasing (Pillow widens the filter when it shrinks), masks to
the nearest pixel, so that a mask holds only 0 and 255.
"""

import dataclasses

import numpy as np
from jaxtyping import UInt8
from PIL import Image


@dataclasses.dataclass(frozen=True)
class Example:
    """An image and its mask (0 or 255), of one size."""

    image: UInt8[np.ndarray, "height width 3"]
    mask: UInt8[np.ndarray, "height width 1"]


@dataclasses.dataclass(frozen=True)
class Windows:
    """Square windows of one image and the same windows of its mask."""

    image: UInt8[np.ndarray, "views size size 3"]
    mask: UInt8[np.ndarray, "views size size 1"]


def squash(example: Example, size: int, interpolation: str = "bilinear") -> Example:
    """Resizes to size x size, whatever the aspect (the conventional way: the BASIC variant of Qi et al. 2019)."""
    return _resize(example, size, size, interpolation)


def resize_short_side(example: Example, size: int, interpolation: str = "bilinear") -> Example:
    """Resizes so that the shorter side is `size`, keeping the aspect (Qi et al. 2019, multi-input prediction).

    The longer side is rounded to the nearest pixel, halves up. Smaller images are enlarged.
    """
    height, width = example.image.shape[:2]
    short, long = min(height, width), max(height, width)
    scaled = (2 * long * size + short) // (2 * short)
    if height <= width:
        return _resize(example, size, scaled, interpolation)
    return _resize(example, scaled, size, interpolation)


def random_crop(example: Example, size: int, rng: np.random.Generator) -> Example:
    """Cuts out a size x size square, uniform over all positions inside the image.

    Raises:
      ValueError: the image is smaller than `size` on a side.
    """
    height, width = example.image.shape[:2]
    if min(height, width) < size:
        raise ValueError(f"cannot crop {size} x {size} from an image of {height} x {width} (height x width)")
    top = int(rng.integers(height - size + 1))
    left = int(rng.integers(width - size + 1))
    return Example(
        example.image[top : top + size, left : left + size], example.mask[top : top + size, left : left + size]
    )


def windows(example: Example, size: int, count: int = 5) -> Windows:
    """Cuts `count` squares at equal steps along the longer side (Qi et al. 2019, multi-input prediction).

    Offsets are i * (long - size) / (count - 1) for i = 0 .. count - 1, rounded to the nearest pixel, halves up; one
    window alone lies in the centre.

    Raises:
      ValueError: `count` is not positive, or the shorter side is not `size`.
    """
    height, width = example.image.shape[:2]
    if count < 1:
        raise ValueError(f"the number of windows must be at least 1, found {count}")
    if min(height, width) != size:
        raise ValueError(f"windows of {size} need a shorter side of {size}, found {height} x {width} (height x width)")
    spare = max(height, width) - size
    offsets = (
        [(2 * i * spare + count - 1) // (2 * (count - 1)) for i in range(count)] if count > 1 else [(spare + 1) // 2]
    )
    cuts = [np.s_[:, o : o + size] if width >= height else np.s_[o : o + size] for o in offsets]
    return Windows(np.stack([example.image[cut] for cut in cuts]), np.stack([example.mask[cut] for cut in cuts]))


def flip_horizontal(example: Example, rng: np.random.Generator) -> Example:
    """Mirrors left and right with probability one half."""
    if rng.random() < 0.5:
        return example
    return Example(example.image[:, ::-1], example.mask[:, ::-1])


def rotate(example: Example, rng: np.random.Generator, max_degrees: float) -> Example:
    """Turns about the centre by an angle uniform in [-max_degrees, max_degrees]; the size stays, corners turn black."""
    angle = float(rng.uniform(-max_degrees, max_degrees))
    image = Image.fromarray(example.image).rotate(angle, Image.Resampling.BILINEAR)
    mask = Image.fromarray(example.mask[..., 0]).rotate(angle, Image.Resampling.NEAREST)
    return Example(np.asarray(image), np.asarray(mask)[..., None])


def _resize(example: Example, height: int, width: int, interpolation: str) -> Example:
    if example.image.shape[:2] == (height, width):
        return example
    # Of a grey image that is stored once, one channel is resized for all three.
    once = is_one_channel(example.image)
    source = Image.fromarray(example.image[..., 0] if once else example.image)
    image = np.asarray(source.resize((width, height), Image.Resampling[interpolation.upper()]))
    mask = Image.fromarray(example.mask[..., 0]).resize((width, height), Image.Resampling.NEAREST)
    return Example(three_channels(image) if once else image, np.asarray(mask)[..., None])


def is_one_channel(image: UInt8[np.ndarray, "height width 3"]) -> bool:
    """Whether the three channels are one in memory."""
    return image.strides[-1] == 0


def three_channels(grey: UInt8[np.ndarray, "height width"]) -> UInt8[np.ndarray, "height width 3"]:
    """A read-only view with three channels that are one in memory."""
    return np.broadcast_to(grey[..., None], (*grey.shape, 3))
