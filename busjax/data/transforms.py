"""Geometry of images, in numpy and Pillow: one geometry for an image and its mask.

Images are resized bilinearly (or bicubically) with antialiasing (Pillow widens the filter when it shrinks), masks to
the nearest pixel, so that a mask holds only 0 and 255. 'bilinear_point' is without antialiasing: each pixel is the
bilinear value at its centre, as OpenCV has it.
"""

import dataclasses

import numpy as np
from jaxtyping import Float64, UInt8
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


def pad_to_square(example: Example, size: int, interpolation: str = "bilinear") -> Example:
    """Zeros on both sides of the shorter dimension, an odd one at the bottom or the right; then size x size.

    The aspect stays, and all of the image is seen (Shareef et al.).
    """
    height, width = example.image.shape[:2]
    side = max(height, width)
    top, left = (side - height) // 2, (side - width) // 2
    margins = [(top, side - height - top), (left, side - width - left)]
    if is_one_channel(example.image):
        image = three_channels(np.pad(example.image[..., 0], margins))
    else:
        image = np.pad(example.image, [*margins, (0, 0)])
    return _resize(Example(image, np.pad(example.mask, [*margins, (0, 0)])), size, size, interpolation)


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


def grey(example: Example) -> Example:
    """The luminance in three equal channels, by the weights of ITU-R BT.601; a grey image stays as it is."""
    if is_one_channel(example.image):
        return example
    return Example(three_channels(np.asarray(Image.fromarray(example.image).convert("L"))), example.mask)


def flip_horizontal(example: Example, rng: np.random.Generator) -> Example:
    """Mirrors left and right with probability one half."""
    if rng.random() < 0.5:
        return example
    return Example(example.image[:, ::-1], example.mask[:, ::-1])


def _resize(example: Example, height: int, width: int, interpolation: str) -> Example:
    if example.image.shape[:2] == (height, width):
        return example
    # Of a grey image that is stored once, one channel is resized for all three.
    once = is_one_channel(example.image)
    values = example.image[..., 0] if once else example.image
    if interpolation == "bilinear_point":
        old_height, old_width = values.shape[:2]
        steps = np.array([[old_width / width, 0.0, 0.0], [0.0, old_height / height, 0.0]])
        image = sample_bilinear(values, steps, height, width)
    else:
        image = np.asarray(Image.fromarray(values).resize((width, height), Image.Resampling[interpolation.upper()]))
    mask = Image.fromarray(example.mask[..., 0]).resize((width, height), Image.Resampling.NEAREST)
    return Example(three_channels(image) if once else image, np.asarray(mask)[..., None])


def sample_bilinear(
    values: UInt8[np.ndarray, "rows columns *channels"], matrix: Float64[np.ndarray, "2 3"], height: int, width: int
) -> UInt8[np.ndarray, "height width *channels"]:
    """The bilinear values at given places, rounded to the nearest grey level; black outside.

    Args:
      values: an image or one channel of it.
      matrix: from a place (x, y, 1) in the result to a place (x, y) in `values`, in pixels from the upper left corner.
      height, width: of the result.
    """
    if values.ndim == 3:
        channels = [sample_bilinear(values[..., i], matrix, height, width) for i in range(values.shape[2])]
        return np.stack(channels, axis=-1)
    # As floats, for Pillow cuts the fractions of 8-bit results off.
    source = Image.fromarray(values.astype(np.float32))
    how = Image.Resampling.BILINEAR
    sampled = source.transform((width, height), Image.Transform.AFFINE, tuple(matrix.ravel()), how)
    return np.rint(np.asarray(sampled)).astype(np.uint8)


def is_one_channel(image: UInt8[np.ndarray, "height width 3"]) -> bool:
    """Whether the three channels are one in memory."""
    return image.strides[-1] == 0


def three_channels(grey: UInt8[np.ndarray, "height width"]) -> UInt8[np.ndarray, "height width 3"]:
    """A read-only view with three channels that are one in memory."""
    return np.broadcast_to(grey[..., None], (*grey.shape, 3))
