"""BUSIS builder: BUSIS562.csv is the list of images; it pads the numbers with zeros, the files need not."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import tensorflow_datasets as tfds

from tfds_builders.builder import BUSBuilder
from tfds_builders.record import SOLID_BY_LABEL, DatasetError, Record
from tfds_builders.release import Facts, Part, list_files
from tfds_builders.tables import Row, read_csv

FOLDER = "BUSIS"
TABLE = "BUSIS562.csv"
IMAGE_FOLDERS = ("Original", "imgs")
IMAGE, MASK, TYPE = "img name", "Ground Truth Name", "tumor type"
LABEL_OF_TYPE = {"B": "benign", "M": "malignant"}
_ROW = re.compile(r"case(\d+)")
_IMAGE = re.compile(r"case(\d+)\.(bmp|png)", re.IGNORECASE)
_MASK = re.compile(r"case(\d+)_GT\.(bmp|png)", re.IGNORECASE)


class Busis(BUSBuilder):
    """BUSIS (Zhang et al. 2022): 562 images of five scanners, with masks agreed on by several radiologists."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {"1.0.0": "The 562 images, with the classes of BUSIS562.csv."}
    HOMEPAGE = "http://cvprip.cs.usu.edu/busbench/"
    LICENSE = "Licence agreement with the authors; not to be passed on"
    STEPS = (
        f"ask the authors by the page below for the images, put the folder {FOLDER}/ (with Original/ and GT/) in DIR, "
        f"and {TABLE} (from Benchmark.zip of MIDA-Lab/busbench on GitHub) beside it or in it."
    )
    # The table is needed, but it may lie within the folder: `records` says where it is missing.
    PARTS = (Part((FOLDER,), archive="BUSIS.zip"), Part((TABLE,), optional=True))
    FACTS = Facts(
        images=562,
        cases="562, an image each; women are not told apart",
        classes={"benign": 306, "malignant": 256},
        solid="malignant",
        masks="every image",
    )

    def records(self, release: Mapping[str, Path]) -> list[Record]:
        """As `parse`."""
        return self.parse(release)

    @classmethod
    def parse(cls, release: Mapping[str, Path]) -> list[Record]:
        """Parses the release: one record per row of BUSIS562.csv, in its order.

        Raises:
            DatasetError: a column, a folder or a file that is missing, an image or a mask without a row, two files or
                rows of one number, a tumor type other than B and M.
        """
        folder = release[FOLDER]
        table = release.get(TABLE, folder / TABLE)
        rows = _number_rows(read_csv(table, (IMAGE, MASK, TYPE)))
        image_folder = _image_folder(folder)
        images = _number_files(image_folder, _IMAGE, "caseN.bmp or caseN.png")
        masks = _number_files(folder / "GT", _MASK, "caseN_GT.bmp or caseN_GT.png")
        for number, path in [*images.items(), *masks.items()]:
            if number not in rows:
                raise DatasetError(f"{path}: no row in {table}")
        for number, row in rows.items():
            for files, place in ((images, image_folder), (masks, folder / "GT")):
                if number not in files:
                    raise DatasetError(f"{row.where}: {row[IMAGE]!r} has no file in {place}")
        return [_record(number, row, images[number], masks[number]) for number, row in rows.items()]


def _image_folder(folder: Path) -> Path:
    found = [name for name in IMAGE_FOLDERS if (folder / name).is_dir()]
    if len(found) != 1:
        raise DatasetError(
            f"{folder}: has {' and '.join(found) or 'neither Original nor imgs'}, expected one of the two"
        )
    return folder / found[0]


def _number_rows(rows: list[Row]) -> dict[int, Row]:
    """Rows by the number of their image: case0001 and case1 are one."""
    found: dict[int, Row] = {}
    for row in rows:
        match = _ROW.fullmatch(row[IMAGE])
        if match is None:
            raise DatasetError(f"{row.where}: {IMAGE} {row[IMAGE]!r}, expected case and a number")
        if row[MASK] != f"{row[IMAGE]}_GT":
            raise DatasetError(f"{row.where}: {MASK} {row[MASK]!r}, expected '{row[IMAGE]}_GT'")
        number = int(match[1])
        if number in found:
            raise DatasetError(f"{row.where}: {row[IMAGE]!r} stands already in {found[number].where}, expected once")
        found[number] = row
    return found


def _number_files(folder: Path, pattern: re.Pattern[str], expected: str) -> dict[int, Path]:
    """Files by the number in their names: case0001.bmp and case1.bmp are one."""
    found: dict[int, Path] = {}
    for path, match in list_files(folder, pattern, expected):
        number = int(match[1])
        if number in found:
            raise DatasetError(f"{path} and {found[number].name} are of one number, expected one of them")
        found[number] = path
    return found


def _record(number: int, row: Row, image: Path, mask: Path) -> Record:
    label = row.choose(TYPE, LABEL_OF_TYPE)
    name = f"case{number:04d}"
    return Record(image=image, masks=(mask,), label=label, solid=SOLID_BY_LABEL[label], image_id=name, case_id=name)
