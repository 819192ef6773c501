"""Contours: files of points, and the pixels that they enclose.

Coordinates count pixels from the upper left corner of the image, x to the right and y down. That corner is (0, 0) and
the lower right one (width, height), so the centre of the first pixel is (0.5, 0.5). A pixel is lesion where its centre
lies inside the closed polygon, by the even-odd rule.
"""

import math
import re
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from tfds_builders.record import DatasetError

_BETWEEN = re.compile(r"\s*[,;]\s*|\s+")


def read_contour(path: Path, name: str) -> Float[np.ndarray, "points 2"]:
    """Reads a file with a point (x, y) in each line, divided by a comma, semicolon, tab or blanks.

    Empty lines are passed over, and so is a first line of two words (a header). The last point may repeat the first.

    Args:
        path: a text in UTF-8.
        name: what an error message calls it.

    Raises:
        DatasetError: it cannot be read, a line is not two numbers, or there are fewer than three points.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DatasetError(f"{name}: cannot be read ({error.strerror or error})") from error
    except UnicodeDecodeError as error:
        raise DatasetError(f"{name}: not a text in UTF-8, expected a point in each line, as 12.5,30") from error
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
    points: list[tuple[float, float]] = []
    for place, (number, line) in enumerate(lines):
        cells = _BETWEEN.split(line)
        if place == 0 and len(cells) == 2 and not any(map(_is_number, cells)):
            continue
        if len(cells) != 2 or not all(map(_is_number, cells)):
            raise DatasetError(f"{name}: line {number} is {line[:40]!r}, expected two numbers, x and y, as 12.5,30")
        points.append((float(cells[0]), float(cells[1])))
    if len(points) > 1 and points[-1] == points[0]:
        points.pop()
    if len(set(points)) < 3:
        raise DatasetError(f"{name}: {len(set(points))} different points, expected at least 3")
    return np.array(points)


def _is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False


def fill_contour(
    points: Float[np.ndarray, "points 2"], size: tuple[int, int], name: str
) -> Bool[np.ndarray, "height width"]:
    """The pixels whose centres a contour encloses.

    Args:
        points: x and y, in pixels, as this file's head says.
        size: of the image, (width, height) in pixels.
        name: what an error message calls the contour.

    Raises:
        DatasetError: a point lies outside the image, or the contour encloses no pixel's centre.
    """
    width, height = size
    outside = points[((points < 0) | (points > (width, height))).any(axis=1)]
    if len(outside):
        x, y = outside[0].tolist()
        raise DatasetError(
            f"{name}: {len(outside)} of {len(points)} points lie outside its image, the first is ({x:g}, {y:g}); "
            f"expected x from 0 to {width} and y from 0 to {height}"
        )
    centre = np.arange(height) + 0.5
    mask = np.zeros((height, width), dtype=bool)
    for (x0, y0), (x1, y1) in zip(points, np.roll(points, -1, axis=0), strict=True):
        # A centre on the line belongs to what is right of it and below, so that neighbours share none.
        rows = np.flatnonzero((y0 <= centre) != (y1 <= centre))
        crossing = x0 + (centre[rows] - y0) * (x1 - x0) / (y1 - y0 if y1 != y0 else 1.0)
        mask[rows] ^= np.arange(width) + 0.5 >= crossing[:, None]
    if not mask.any():
        raise DatasetError(f"{name}: encloses the centre of no pixel, expected a lesion")
    return mask
