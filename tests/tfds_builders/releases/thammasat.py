"""Thammasat: two ways of naming, several images of a case, boxes of first and last rows and columns counted from 1."""

from pathlib import Path

import numpy as np
from PIL import Image

from tests.tfds_builders.expected import Expected, picture, save

HEADER = "img url,img name,case id/cover img id,tumor type,crop r1,crop r2,crop col1,crop col2"

ROWS: tuple[tuple[str, str, str], ...] = (
    # img name, case, tumor type
    ("Case-1-U-1-1", "Case-1-U-1-1", "Malignant"),
    ("Case-1-U-1-2", "Case-1-U-1-1", "Malignant"),
    ("Case-2-U-1-1", "Case-2-U-1-1", "Benign"),
    ("Case-2-U-2-1", "Case-2-U-1-1", "Benign"),
    *((f"Case-{number}-U-1-1", f"Case-{number}-U-1-1", "Benign") for number in range(10, 18)),
    *((f"Case-{number}-U-1-1", f"Case-{number}-U-1-1", "Malignant") for number in range(101, 109)),
    ("Case-274-U1", "Case-274-U1", "Malignant"),
    ("Case-275-U1", "Case-275-U1", "Benign"),
)

# Of images 31 wide and 27 high. The cells are rows from, to, columns from, to, counted from 1; then what they keep.
BOXES = {
    "Case-1-U-1-1": ((1, 28, 1, 32), (slice(0, 27), slice(0, 31))),  # everything
    "Case-2-U-1-1": ((3, 19, 8, 23), (slice(2, 18), slice(7, 22))),  # one pixel narrower than high
    "Case-274-U1": ((4, 20, 15, 32), (slice(3, 19), slice(14, 31))),  # one pixel wider than high, to the last column
}
OTHERS = ((3, 18, 4, 22), (slice(2, 17), slice(3, 21)))


def write_release(folder: Path) -> list[Expected]:
    """Writes Thammasat/ into `folder`; what is expected are whole images."""
    release = folder / "Thammasat"
    lines = [HEADER]
    expected = []
    for row, (name, case, kind) in enumerate(ROWS):
        path = release / "imgs" / f"{name}.jpg"
        save(path, picture("RGB" if row % 3 else "L", 31, 27, row))
        image = np.asarray(Image.open(path).convert("RGB"))  # JPEG is not without loss
        cells, _ = BOXES.get(name, OTHERS)
        url = f"http://onlinemedicalimages.com//media/com_record/{name}.jpg"
        lines.append(",".join([url, name, case, kind, *map(str, cells)]))
        label, solid = {"Benign": (1, -1), "Malignant": (2, 1)}[kind]
        expected.append(Expected(name, case, label, solid, image, None))
    (release / "Thammasat.csv").write_text("\r\n".join(lines) + "\r\n", newline="")
    return expected


def crop(expected: Expected) -> np.ndarray:
    """What the table's box keeps of an expected image."""
    _, (rows, columns) = BOXES.get(expected.image_id, OTHERS)
    return expected.image[rows, columns]
