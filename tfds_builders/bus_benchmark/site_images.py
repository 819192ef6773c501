"""Images saved from a web site, one by one, which a table of the benchmark names, labels, groups and crops.

Source of the tables: the benchmark of Shareef et al., which lists what it took from two sites (HMSS and Thammasat).
"""

import re
import urllib.parse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import tensorflow_datasets as tfds

from tfds_builders import pixels
from tfds_builders.record import DatasetError
from tfds_builders.release import list_files
from tfds_builders.tables import Row, index_rows, read_csv

IMAGES = "imgs"
"""The folder of the images, beside the table."""
WHOLE, CROPPED = "whole", "cropped"
CORNERS = ("crop r1", "crop r2", "crop col1", "crop col2")
COLUMNS = ("img url", "img name", "case id/cover img id", "tumor type", *CORNERS)
_LABELS = {"Benign": "benign", "Malignant": "malignant", "benign": "benign", "malignant": "malignant"}
_IMAGE = re.compile(r"(?P<stem>.+)\.(jpe?g|png)", re.IGNORECASE)


@dataclass(frozen=True)
class Box:
    """Where to crop, in pixels counted from 0; bottom and right are left out."""

    top: int
    bottom: int
    left: int
    right: int


@dataclass(frozen=True)
class SiteImage:
    """One row of the table with its file."""

    row: Row
    file: Path
    name: str
    case_id: str
    label: str
    box: Box

    def source(self, config: str) -> Path | bytes:
        """The file itself for `WHOLE`, a PNG of what the box cuts out for `CROPPED`.

        Raises:
            DatasetError: the box leaves the image or is empty; the file is not a whole 8-bit image.
        """
        if config == WHOLE:
            return self.file
        encoded, (width, height) = pixels.encode_image(self.file, str(self.file))
        box = self.box
        if not (0 <= box.top < box.bottom <= height and 0 <= box.left < box.right <= width):
            cells = ", ".join(f"{column} {self.row[column]}" for column in CORNERS)
            raise DatasetError(
                f"{self.row.where}: {cells} is rows {box.top} to {box.bottom - 1} and columns {box.left} to "
                f"{box.right - 1}, expected a box in the {width}x{height} pixels of {self.file}"
            )
        cut = pixels.decode_image(encoded)[box.top : box.bottom, box.left : box.right]
        return pixels.encode_png(cut)


def configs(site: str) -> list[tfds.core.BuilderConfig]:
    """The two configs of such a dataset."""
    return [
        tfds.core.BuilderConfig(name=WHOLE, description=f"The images as they are on {site}."),
        tfds.core.BuilderConfig(name=CROPPED, description="The images cut by the boxes of the benchmark's table."),
    ]


def read_site_images(
    folder: Path, table: str, box: Callable[[int, int, int, int], Box], more_columns: Sequence[str] = ()
) -> list[SiteImage]:
    """Reads the table and finds the file of every row, by the image's name or by the last part of its address.

    Args:
        folder: holds the table and the folder `IMAGES`.
        table: the table's file name.
        box: what the table's four cells `CORNERS` mean.
        more_columns: needed beyond `COLUMNS`.

    Returns:
        The rows in the table's order.

    Raises:
        DatasetError: a missing column or file, a name that occurs twice, an unknown tumor type, a cell that is not a
            number, a row with no file or several, a file without row.
    """
    rows = index_rows(read_csv(folder / table, (*COLUMNS, *more_columns)), "img name")
    images = folder / IMAGES
    files: dict[str, list[Path]] = {}
    for path, match in list_files(images, _IMAGE, "an image, NAME.jpg or NAME.png"):
        files.setdefault(match["stem"], []).append(path)
    found = []
    for name, row in rows.items():
        case_id = row["case id/cover img id"]
        if not case_id:
            raise DatasetError(f"{row.where}: case id/cover img id is empty")
        address = Path(urllib.parse.unquote(urllib.parse.urlsplit(row["img url"]).path)).stem
        names = list(dict.fromkeys(stem for stem in (name, address) if stem))
        paths = [path for stem in names for path in files.pop(stem, [])]
        if len(paths) != 1:
            wanted = " or ".join(f"{stem}.jpg" for stem in names)
            state = f"has {', '.join(path.name for path in paths)}" if paths else "has none"
            raise DatasetError(f"{row.where}: {images} {state}, expected one of {wanted} (or .png)")
        label = row.choose("tumor type", _LABELS)
        found.append(SiteImage(row, paths[0], name, case_id, label, box(*(row.integer(cell) for cell in CORNERS))))
    for paths in files.values():
        raise DatasetError(f"{paths[0]}: no row in {folder / table} has this img name")
    return found
