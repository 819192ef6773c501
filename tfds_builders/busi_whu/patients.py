"""The table of BUSI-WHU: which class and which patient each image belongs to."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tfds_builders.record import DatasetError
from tfds_builders.tables import Row, index_rows, read_xlsx

PATIENT = "patient_index"
# Of the other headings only their meaning is published, so those that are likely are tried in turn.
CLASS_HEADINGS = ("class", "label", "pathology")
IMAGE_HEADINGS = ("image", "image_name", "image_index", "image_id", "img", "img_name", "filename", "file_name")

# Numbers are not taken for classes: the release does not say which is which.
CLASSES = {
    text: label
    for label in ("benign", "malignant")
    for text in (label, label.capitalize(), label.upper(), label[0], label[0].upper())
}

_NUMBER = re.compile(r"0*(?P<number>\d+)(-(?P<view>\d+))?(\.bmp)?", re.IGNORECASE)


class Patient(NamedTuple):
    """What the table says about an image."""

    label: str
    case_id: str


def read_patients(path: Path, images: Sequence[Path]) -> dict[Path, Patient]:
    """Finds the row of each image.

    A row tells its image in a column of its own or, where there is none, in `patient_index`. Numbers are compared, not
    texts, as Excel drops leading zeros: 1 is image 00001, and 10003 all of 10003-1, 10003-2, ... where these have no
    rows of their own.

    Args:
        path: the table.
        images: all images.

    Returns:
        Class and patient of each image.

    Raises:
        DatasetError: no table, a column that is missing, a cell that names no image or no class, two rows for an image,
            an image without a row, a row without an image.
    """
    rows = read_xlsx(path, (PATIENT,))
    headings = {heading.lower().replace(" ", "_"): heading for row in rows[:1] for heading in row.cells}
    klass = next((headings[name] for name in CLASS_HEADINGS if name in headings), None)
    if klass is None:
        raise DatasetError(f"{path}: no column {' or '.join(CLASS_HEADINGS)}; found {', '.join(headings.values())}")
    naming = next((headings[name] for name in IMAGE_HEADINGS if name in headings), PATIENT)
    row_of: dict[tuple[int, int | None], Row] = {}
    for row in index_rows(rows, naming).values():
        key = _key(row[naming], f"{row.where}: {naming}")
        if key in row_of:
            raise DatasetError(
                f"{row.where}: {naming} {row[naming]!r} is also that of {row_of[key].where}, expected once"
            )
        row_of[key] = row
    found: dict[Path, Patient] = {}
    used: set[str] = set()
    for image in images:
        number, view = _key(image.stem, str(image))
        own = row_of.get((number, view)) or row_of.get((number, None))
        if own is None:
            raise DatasetError(f"{image}: no row in {path}, expected one for every image")
        used.add(own.where)
        found[image] = Patient(own.choose(klass, CLASSES), _case(own))
    for row in rows:
        if row.where not in used:
            raise DatasetError(f"{row.where}: {naming} {row[naming]!r}: no such image, expected one for every row")
    return found


def case_of(stem: str) -> str:
    """The patient, as far as a file's name tells: 10003 of 10003-2."""
    return stem.partition("-")[0]


def _case(row: Row) -> str:
    if not row[PATIENT]:
        raise DatasetError(f"{row.where}: {PATIENT} is empty")
    return case_of(row[PATIENT].removesuffix(".bmp"))


def _key(text: str, where: str) -> tuple[int, int | None]:
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise DatasetError(f"{where} {text!r}, expected a number as in 00001 or 10003-2")
    return int(match["number"]), int(match["view"]) if match["view"] else None
