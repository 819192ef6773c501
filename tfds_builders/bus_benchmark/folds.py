"""The benchmark's released folds: which image is tested in which."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tfds_builders.record import DatasetError
from tfds_builders.tables import Row, index_rows, read_csv

FOLDS = 5
LOST_CASES = frozenset({"hmss/41569-Afbeelding1", "hmss/56828-Afbeelding1"})
"""Cases that the released fifth fold lost: their nine images are tested nowhere."""
_LABELS = {"0": "benign", "1": "malignant"}


@dataclass(frozen=True)
class Listed:
    """An image as the folds know it.

    Attributes:
        name: its name in the benchmark, unique over the five sets.
        image_id: its name here ("hmss/2879").
        case_id: the benchmark's case ("hmss/2879").
        label: "benign" or "malignant".
    """

    name: str
    image_id: str
    case_id: str
    label: str


def read_folds(folder: Path, images: Iterable[Listed]) -> dict[str, int]:
    """Reads the five test folds (`folder1` to `folder5`, each with a test.csv).

    In a case with both labels the benchmark gave all images the label of the case's first image, so a fold may call an
    image by any label of its case.

    Args:
        folder: the folder of the five.
        images: every image of the benchmark.

    Returns:
        image_id -> test fold, counted from 0; the images of `LOST_CASES` are not in it.

    Raises:
        DatasetError: a missing table or column, an image that is unknown, in two test folds, in none, or labelled
            otherwise than in its set; two images of one name.
    """
    known: dict[str, Listed] = {}
    labels_of: dict[str, set[str]] = {}
    for image in images:
        if image.name in known:
            raise DatasetError(
                f"{image.image_id} and {known[image.name].image_id}: both are {image.name!r} in the folds, expected "
                "names that differ"
            )
        known[image.name] = image
        labels_of.setdefault(image.case_id, set()).add(image.label)
    rows: dict[str, Row] = {}
    folds: dict[str, int] = {}
    for fold in range(FOLDS):
        table = read_csv(folder / f"folder{fold + 1}" / "test.csv", ("img name", "tumor types"))
        for name, row in index_rows(table, "img name").items():
            if name not in known:
                raise DatasetError(f"{row.where}: img name {name!r}, expected an image of the five sets")
            if name in rows:
                raise DatasetError(
                    f"{row.where}: img name {name!r} stands already in {rows[name].where}, expected once"
                )
            image, label = known[name], row.choose("tumor types", _LABELS)
            if label not in labels_of[image.case_id]:
                raise DatasetError(
                    f"{row.where}: tumor types {row['tumor types']!r} ({label}) for {name!r}, "
                    f"expected {image.label} as in its set"
                )
            rows[name] = row
            folds[image.image_id] = fold
    for name, image in known.items():
        if name not in rows and image.case_id not in LOST_CASES:
            raise DatasetError(f"{folder}: img name {name!r} is in no test.csv, expected in one")
    return folds
