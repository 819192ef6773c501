"""TDSC-ABUS builder: the slices of 3-D volumes that show a lesion; a case is a volume."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import ClassVar

import tensorflow_datasets as tfds

from tfds_builders.builder import BUSBuilder
from tfds_builders.pixels import encode_mask, encode_png
from tfds_builders.record import SOLID_BY_LABEL, DatasetError, Record
from tfds_builders.release import Facts, Part, list_files
from tfds_builders.tables import Row, read_csv
from tfds_builders.tdsc_abus.volumes import lesion_slices

FOLD_BY_FOLDER = {"Train": -1, "Validation": -1, "Test": 0}
LABELS_BY_LETTER = {"B": "benign", "M": "malignant"}
DEVICE = "GE Invenia ABUS"


class TdscAbus(BUSBuilder):
    """TDSC-ABUS (Luo et al. 2025): 200 automated 3-D scans with a lesion; every slice that shows it is an image."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {"1.0.0": "The release of the challenge of 2023."}
    HOMEPAGE = "https://tdsc-abus2023.grand-challenge.org/"
    LICENSE = "By signed agreement with the organisers; no redistribution"
    STEPS = (
        "ask for the files on the page below and put the folders Train/, Validation/ and Test/ (or their zips) in DIR."
    )
    PARTS = tuple(
        Part((name, name.lower(), name.upper(), *others), archive=f"{name}.zip", optional=name != "Train")
        for name, others in (("Train", ()), ("Validation", ("Val", "val")), ("Test", ()))
    )
    FACTS = Facts(
        images=0,
        cases="200 volumes (85 benign, 115 malignant), some dozens of slices each",
        solid="malignant",
        masks="every image",
    )

    def records(self, release: Mapping[str, Path]) -> Iterator[Record]:
        """Parses the release: the lesion's slices of each volume, by folder, number of the volume and of the slice.

        Raises:
            DatasetError: a labels.csv, column, volume or mask that is missing, a volume or mask without a row, an
                unknown label, a file that is not such a volume (see `volumes.lesion_slices`).
        """
        # All tables are read before the first volume, which takes long.
        found = [_find_volumes(name, release[name]) for name in FOLD_BY_FOLDER if name in release]
        return (record for volumes in found for volume in volumes for record in volume.records())


@dataclass(frozen=True)
class _Volume:
    number: int
    path: Path
    mask: Path
    label: str
    fold: int

    def records(self) -> Iterator[Record]:
        case_id = f"DATA_{self.number:03d}"
        for number, image, lesion in lesion_slices(self.path, self.mask):
            yield Record(
                image=encode_png(image),
                masks=(encode_mask(lesion),),
                label=self.label,
                solid=SOLID_BY_LABEL[self.label],
                image_id=f"{case_id}-{number:03d}",
                case_id=case_id,
                device=DEVICE,
                fold=self.fold,
            )


def _find_volumes(name: str, folder: Path) -> list[_Volume]:
    """The volumes of one of the three folders, in the order of their numbers."""
    table = folder / "labels.csv"
    rows = _read_labels(table)
    volumes, masks = (_by_number(folder / kind, kind) for kind in ("DATA", "MASK"))
    for kind, found in (("DATA", volumes), ("MASK", masks)):
        for number, row in rows.items():
            if number not in found:
                raise DatasetError(f"{row.where}: {folder / kind / f'{kind}_{number:03d}.nrrd'} is missing")
            _check_path(row, kind, found[number])
        for number, path in found.items():
            if number not in rows:
                raise DatasetError(f"{path}: no row in {table}")
    return [
        _Volume(number, volumes[number], masks[number], row.choose("label", LABELS_BY_LETTER), FOLD_BY_FOLDER[name])
        for number, row in sorted(rows.items())
    ]


def _read_labels(path: Path) -> dict[int, Row]:
    """Rows of labels.csv by the number of the volume; copies of the release differ in the case of the header."""
    rows: dict[int, Row] = {}
    for raw in read_csv(path, ()):
        row = Row(raw.where, {column.lower(): cell for column, cell in raw.cells.items()})
        key = next((column for column in ("case_id", "id") if column in row.cells), None)
        if key is None or "label" not in row.cells:
            raise DatasetError(f"{path}: found {', '.join(raw.cells)}, expected the columns case_id (or id) and label")
        number = row.integer(key)
        if number in rows:
            raise DatasetError(f"{row.where}: {key} {number} stands already in {rows[number].where}, expected once")
        rows[number] = row
    return rows


def _by_number(folder: Path, kind: str) -> dict[int, Path]:
    found: dict[int, Path] = {}
    for path, match in list_files(folder, re.compile(rf"{kind}_(\d+)\.nrrd"), f"{kind}_NNN.nrrd"):
        number = int(match[1])
        if number in found:
            raise DatasetError(f"{path}: number {number} has {found[number].name} too, expected one file")
        found[number] = path
    return found


def _check_path(row: Row, kind: str, path: Path) -> None:
    """Checks the path that some copies give beside the number, with the slashes of Windows or not."""
    given = row.cells.get(f"{kind.lower()}_path", "")
    if given and PureWindowsPath(given).name != path.name:
        raise DatasetError(f"{row.where}: {kind.lower()}_path {given!r}, expected {path.name}")
