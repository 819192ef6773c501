"""One affine warp for an image and its mask, each resampled once."""

import dataclasses
import math

import numpy as np
from jaxtyping import Float64
from PIL import Image

from busjax.data.transforms import Example, is_one_channel, sample_bilinear, three_channels

FILLS = ("zero", "edge")


@dataclasses.dataclass(frozen=True)
class Warp:
    """Sheared, scaled and turned about the centre, then shifted.

    Attributes:
      degrees: of the turn, counter-clockwise.
      down, right: of the shift, in pixels.
      scale: factor; above 1 the image grows and its border is lost.
      shear: degrees by which upright lines lean: what is below the centre moves right, what is above it left. Keras
        also draws the image together along its height, by the cosine of the angle.
    """

    degrees: float = 0.0
    down: float = 0.0
    right: float = 0.0
    scale: float = 1.0
    shear: float = 0.0

    def sources(self, height: int, width: int) -> Float64[np.ndarray, "2 3"]:
        """The matrix that takes a place (x, y, 1) in the result to the place (x, y) that it shows.

        Places are in pixels from the upper left corner of the image; the centre of the first pixel is (0.5, 0.5).
        """
        angle = math.radians(self.degrees)
        cosine, sine = math.cos(angle) / self.scale, math.sin(angle) / self.scale
        turn = np.array([[cosine, -sine], [sine, cosine]])
        if self.shear:
            turn = np.array([[1.0, -math.tan(math.radians(self.shear))], [0.0, 1.0]]) @ turn
        centre = np.array([width / 2, height / 2])
        return np.column_stack([turn, centre - turn @ (centre + np.array([self.right, self.down]))])


def warp(example: Example, change: Warp, fill: str = "zero") -> Example:
    """The image resampled bilinearly, the mask to the nearest pixel, so that it holds only 0 and 255. The size stays.

    Args:
      example: an image and its mask.
      change: what is done to both.
      fill: what is seen outside of the image: 'zero', or 'edge', its nearest pixel, in the mask too.

    Raises:
      ValueError: for an unknown fill.
    """
    if fill not in FILLS:
        raise ValueError(f"fill: found {fill!r}, expected one of {', '.join(FILLS)}")
    if change == Warp():
        return example
    matrix = change.sources(*example.image.shape[:2])
    once = is_one_channel(example.image)
    image, mask = example.image[..., 0] if once else example.image, example.mask[..., 0]
    height, width = mask.shape
    if fill == "edge":
        # Pillow knows black outside of an image alone, so the image is continued first, as far as the result sees.
        corners = matrix @ np.array([[0, width, 0, width], [0, 0, height, height], [1, 1, 1, 1]])
        left, top = (np.maximum(0, np.ceil(-corners.min(axis=1))) + 1).astype(int)
        right, bottom = (np.maximum(0, np.ceil(corners.max(axis=1) - [width, height])) + 1).astype(int)
        margins = [(top, bottom), (left, right)]
        image = np.pad(image, margins if once else [*margins, (0, 0)], mode="edge")
        mask = np.pad(mask, margins, mode="edge")
        matrix = matrix + np.array([[0.0, 0.0, left], [0.0, 0.0, top]])
    image = sample_bilinear(image, matrix, height, width)
    nearest = Image.fromarray(mask).transform(
        (width, height), Image.Transform.AFFINE, tuple(matrix.ravel()), Image.Resampling.NEAREST
    )
    return Example(three_channels(image) if once else image, np.asarray(nearest)[..., None])
