"""BUS-BRA builder: bus_data.csv is the list of images, 5-fold-cv.csv the official outer folds."""

import csv
from pathlib import Path
from typing import ClassVar

import tensorflow_datasets as tfds

from tfds_builders.builder import BUSBuilder
from tfds_builders.bus_bra.solidity import SOLID_BY_HISTOLOGY
from tfds_builders.record import DatasetError, Record

FOLDS = 5
COLUMNS = ("ID", "Case", "Histology", "Pathology", "BIRADS", "Device")


class BusBra(BUSBuilder):
    """BUS-BRA (Gómez-Flores, Gregorio-Calas and Pereira 2024): 1875 images of 1064 patients, all biopsied."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {"1.0.0": "The release of 2023 (Zenodo record 8231412)."}
    HOMEPAGE = "https://zenodo.org/records/8231412"
    LICENSE = "CC BY 4.0; the release's own LICENSE.txt asks to cite the paper"
    FOLDER = "BUSBRA"
    ARCHIVE = "BUSBRA.zip"
    URL = "https://zenodo.org/records/8231412/files/BUSBRA.zip?download=1"
    STEPS = "download BUSBRA.zip from the page below (no registration) and put it, or its folder BUSBRA/, in DIR."
    RELEASED_IMAGES = 1875

    def records(self, folder: Path | None) -> list[Record]:
        """Parses the release: one record per row of bus_data.csv, in its order.

        Raises:
            DatasetError: a csv, column or file that is missing, a (pathology, histology) that is not in the table of
                `solidity`, a row without a fold.
        """
        assert folder is not None
        table = folder / "bus_data.csv"
        folds = _read_folds(folder / "5-fold-cv.csv")
        return [_record(folder, table, line, row, folds) for line, row in _read_rows(table, COLUMNS)]


def _read_rows(path: Path, columns: tuple[str, ...]) -> list[tuple[int, dict[str, str]]]:
    """Reads a csv as (line number, row) pairs."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: cannot be read ({error})") from error
    reader = csv.DictReader(text.splitlines())
    missing = [column for column in columns if column not in (reader.fieldnames or ())]
    if missing:
        raise DatasetError(
            f"{path}: no column {', '.join(missing)}; found {', '.join(reader.fieldnames or ('nothing',))}"
        )
    rows = [(reader.line_num, row) for row in reader]
    for line, row in rows:
        if any(row[column] is None for column in columns):
            raise DatasetError(f"{path}, line {line}: fewer fields than the header")
    return rows


def _read_folds(path: Path) -> dict[str, int]:
    """Reads the test fold of each image, counted from 0 (the release counts from 1)."""
    folds = {}
    for line, row in _read_rows(path, ("ID", "kFold")):
        if row["kFold"] not in map(str, range(1, FOLDS + 1)):
            raise DatasetError(f"{path}, line {line}: kFold {row['kFold']!r}, expected 1 to {FOLDS}")
        folds[row["ID"]] = int(row["kFold"]) - 1
    return folds


def _record(folder: Path, table: Path, line: int, row: dict[str, str], folds: dict[str, int]) -> Record:
    image_id, where = row["ID"], f"{table}, line {line}"
    if not image_id.startswith("bus_"):
        raise DatasetError(f"{where}: ID {image_id!r}, expected bus_NNNN-s, -l or -r")
    if not row["Case"].isdigit():
        raise DatasetError(f"{where}: Case {row['Case']!r}, expected a number")
    kind = (row["Pathology"], row["Histology"])
    if kind not in SOLID_BY_HISTOLOGY:
        raise DatasetError(
            f"{where}: Pathology {kind[0]!r} with Histology {kind[1]!r} is not in the table of bus_bra/solidity.py"
        )
    if image_id not in folds:
        raise DatasetError(f"{where}: ID {image_id!r} has no row in 5-fold-cv.csv")
    image = folder / "Images" / f"{image_id}.png"
    mask = folder / "Masks" / f"mask_{image_id.removeprefix('bus_')}.png"
    for path in (image, mask):
        if not path.is_file():
            raise DatasetError(f"{where}: {path} is missing")
    return Record(
        image=image,
        masks=(mask,),
        label=row["Pathology"],
        solid=SOLID_BY_HISTOLOGY[kind],
        image_id=image_id,
        case_id=f"{int(row['Case']):04d}",
        birads=row["BIRADS"],
        histology=row["Histology"],
        device=row["Device"],
        fold=folds[image_id],
    )
