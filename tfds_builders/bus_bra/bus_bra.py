"""BUS-BRA builder: bus_data.csv is the list of images, 5-fold-cv.csv the official outer folds."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import tensorflow_datasets as tfds

from tfds_builders.builder import BUSBuilder
from tfds_builders.bus_bra.solidity import SOLID_BY_HISTOLOGY
from tfds_builders.record import DatasetError, Record
from tfds_builders.release import Facts, Part, list_files, require_file
from tfds_builders.tables import Row, index_rows, read_csv

FOLDER = "BUSBRA"
FOLDS = 5
COLUMNS = ("ID", "Case", "Histology", "Pathology", "BIRADS", "Device")


class BusBra(BUSBuilder):
    """BUS-BRA (Gómez-Flores, Gregorio-Calas and Pereira 2024): 1875 images of 1064 patients, all biopsied."""

    VERSION = tfds.core.Version("1.1.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {
        "1.0.0": "The release of 2023 (Zenodo record 8231412).",
        "1.1.0": "The size of released masks is kept.",
    }
    HOMEPAGE = "https://zenodo.org/records/8231412"
    LICENSE = "CC BY 4.0; the release's own LICENSE.txt asks to cite the paper"
    STEPS = "download BUSBRA.zip from the page below (no registration) and put it, or its folder BUSBRA/, in DIR."
    PARTS = (
        Part(
            (FOLDER,),
            archive="BUSBRA.zip",
            url="https://zenodo.org/records/8231412/files/BUSBRA.zip?download=1",
            checksum="sha256:ba3e6ed19cc37c682d8d39e25435bbf8a555a12cb7e641b5f2117685c95580ff",
        ),
    )
    FACTS = Facts(
        images=1875,
        cases="1064 patients",
        classes={"benign": 1268, "malignant": 607},
        solid="malignant, and benign where histology settles it",
        masks="every image",
    )

    def records(self, release: Mapping[str, Path]) -> list[Record]:
        """Parses the release: one record per row of bus_data.csv, in its order.

        Raises:
            DatasetError: a csv, column or file that is missing, a file without a row, a (pathology, histology) that is
                not in the table of `solidity`, a row without a fold, an image in two rows.
        """
        folder = release[FOLDER]
        rows = index_rows(read_csv(folder / "bus_data.csv", COLUMNS), "ID")
        folds = index_rows(read_csv(folder / "5-fold-cv.csv", ("ID", "kFold")), "ID")
        records = [_record(folder, row, folds) for row in rows.values()]
        known = {image_id.removeprefix("bus_") for image_id in rows}
        for part, begin in (("Images", "bus"), ("Masks", "mask")):
            pattern = re.compile(rf"{begin}_(?P<name>\d+-[lrs])\.png")
            for path, match in list_files(folder / part, pattern, f"{begin}_NNNN-l.png, -r or -s"):
                if match["name"] not in known:
                    raise DatasetError(f"{path}: no row in {folder / 'bus_data.csv'}")
        return records


def _record(folder: Path, row: Row, folds: Mapping[str, Row]) -> Record:
    image_id = row["ID"]
    if not image_id.startswith("bus_"):
        raise DatasetError(f"{row.where}: ID {image_id!r}, expected bus_NNNN-s, -l or -r")
    kind = (row["Pathology"], row["Histology"])
    if kind not in SOLID_BY_HISTOLOGY:
        raise DatasetError(
            f"{row.where}: Pathology {kind[0]!r} with Histology {kind[1]!r} is not in the table of bus_bra/solidity.py"
        )
    if image_id not in folds:
        raise DatasetError(f"{row.where}: ID {image_id!r} has no row in 5-fold-cv.csv")
    return Record(
        image=require_file(folder / "Images" / f"{image_id}.png", row.where),
        masks=(require_file(folder / "Masks" / f"mask_{image_id.removeprefix('bus_')}.png", row.where),),
        label=row["Pathology"],
        solid=SOLID_BY_HISTOLOGY[kind],
        image_id=image_id,
        case_id=f"{row.integer('Case'):04d}",
        birads=row["BIRADS"],
        histology=row["Histology"],
        device=row["Device"],
        # The release counts from 1.
        fold=folds[image_id].choose("kFold", {str(number): number - 1 for number in range(1, FOLDS + 1)}),
    )
