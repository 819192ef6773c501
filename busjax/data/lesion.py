"""The region of a lesion, as classical computer-aided diagnosis takes it (Cheng et al. 2016; Habib et al. 2020).

The region is the smallest rectangle that holds all lesion pixels of the mask; two lesions of one image are one region.
Cheng et al.'s is squashed to a square; a margin is not known of the paper, so there is none. Habib et al. crop the
contoured lesion and give no more; theirs has a margin and keeps its aspect. Where there is no mask, or an empty one (a
normal image), it is the middle of the image, 60 % of its height and width. The mask is the true one wherever it is
asked for, also at test: the method answers about lesions that someone has outlined.
"""

import dataclasses

import numpy as np
from jaxtyping import Float32, UInt8

from busjax.data.transforms import Example, pad_to_square, squash

MARGIN = 0.15  # of the region's height above and below it, and of its width on both sides (Habib et al. do not say)
CENTRAL = 0.6  # share of height and width that stands for a lesion where none is marked


@dataclasses.dataclass(frozen=True)
class Patch(Example):
    """A region that was resized to a square, and what the resize hides.

    Attributes:
      extra: the factors by which height and width were multiplied (pixels of the patch per pixel of the released
        image), and the region's aspect ratio, width / height.
    """

    extra: Float32[np.ndarray, "3"]


def lesion_patch(example: Example, size: int, interpolation: str = "bilinear") -> Patch:
    """The region of the lesion, resized to size x size whatever its aspect."""
    top, bottom, left, right = lesion_box(example.mask)
    region = Example(example.image[top:bottom, left:right], example.mask[top:bottom, left:right])
    height, width = bottom - top, right - left
    patch = squash(region, size, interpolation)
    return Patch(patch.image, patch.mask, np.array([size / height, size / width, width / height], np.float32))


def lesion_square(example: Example, size: int, interpolation: str = "bilinear") -> Example:
    """The region of the lesion and a margin, as far as the image reaches; zeros make it a square, then size x size.

    Its aspect stays, and zeros stand only where its shorter side is short.
    """
    height, width = example.image.shape[:2]
    top, bottom, left, right = lesion_box(example.mask)
    above, beside = round(MARGIN * (bottom - top)), round(MARGIN * (right - left))
    rows = slice(max(0, top - above), min(height, bottom + above))
    columns = slice(max(0, left - beside), min(width, right + beside))
    return pad_to_square(Example(example.image[rows, columns], example.mask[rows, columns]), size, interpolation)


def lesion_box(mask: UInt8[np.ndarray, "height width 1"]) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of the region, in pixels; bottom and right are the first outside of it."""
    height, width = mask.shape[:2]
    rows, columns = np.flatnonzero(mask.any(axis=(1, 2))), np.flatnonzero(mask.any(axis=(0, 2)))
    if not len(rows):
        tall, wide = (max(1, round(CENTRAL * side)) for side in (height, width))
        top, left = (height - tall) // 2, (width - wide) // 2
        return top, top + tall, left, left + wide
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
