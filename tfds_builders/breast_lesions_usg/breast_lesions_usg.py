"""BrEaST-Lesions-USG builder: an Excel sheet names each image, its tumour mask and the masks of other lesions."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import tensorflow_datasets as tfds

from tfds_builders.breast_lesions_usg.solidity import EVIDENCE, NOT_APPLICABLE, solid_nodule
from tfds_builders.builder import BUSBuilder
from tfds_builders.record import LABELS, DatasetError, Record
from tfds_builders.release import Facts, Part, list_files, require_file
from tfds_builders.tables import Row, index_rows, read_xlsx

# The release spells its own name in two ways.
FOLDER = "BrEaST-Lesions_USG-images_and_masks"
TABLE = "BrEaST-Lesions-USG-clinical-data-Dec-15-2023.xlsx"
UPLOADS = "https://www.cancerimagingarchive.net/wp-content/uploads"
IMAGE, TUMOR, OTHER = "Image_filename", "Mask_tumor_filename", "Mask_other_filename"
COLUMNS = ("CaseID", IMAGE, TUMOR, OTHER, "BIRADS", "Classification", *EVIDENCE)
_NAME = re.compile(r"case\d{3}(_tumor|_other\d*)?\.png")


class BreastLesionsUsg(BUSBuilder):
    """BrEaST-Lesions-USG (Pawłowska et al. 2024): 256 images of 256 patients, 4 of them normal, with BI-RADS."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {"1.0.0": "The release of 15 December 2023."}
    HOMEPAGE = "https://www.cancerimagingarchive.net/collection/breast-lesions-usg/"
    LICENSE = "CC BY 4.0"
    STEPS = (
        f"download {FOLDER}-Dec-15-2023.zip and {TABLE} from the page below (no registration) and put both in DIR, "
        "the zip as it is or unpacked."
    )
    PARTS = (
        Part(
            (FOLDER, f"{FOLDER}-Dec-15-2023/{FOLDER}"),
            archive=f"{FOLDER}-Dec-15-2023.zip",
            url=f"{UPLOADS}/{FOLDER}-Dec-15-2023.zip",
            checksum="sha256:c32e49cdfa54042e065582d0cb35978b5fc5e5b5e461b33bf773fb50cfdad355",
        ),
        Part(
            (TABLE,),
            url=f"{UPLOADS}/{TABLE}",
            checksum="sha256:89a8874496a6f1f93960390b963f7369b90f7e72ee08a738f2d17e37f5eff8bf",
        ),
    )
    FACTS = Facts(
        images=256,
        cases="256 patients, an image each",
        classes={"normal": 4, "benign": 154, "malignant": 98},
        solid="normal, malignant, and benign where diagnosis, interpretation and echogenicity settle it",
        masks="every image; empty for normal",
    )

    def records(self, release: Mapping[str, Path]) -> list[Record]:
        """Parses the release: one record per row of the sheet, in its order.

        Raises:
            DatasetError: a column or a file that is missing, a file that no row names, a Classification or
                Echogenicity that is not known, a lesion without its tumour mask or a normal image with a mask.
        """
        folder = release[FOLDER]
        rows = index_rows(read_xlsx(release[TABLE], COLUMNS), "CaseID").values()
        records = [_record(folder, row) for row in rows]
        named = {name for row in rows for name in (row[IMAGE], *_masks(row))}
        for path, _ in list_files(folder, _NAME, "caseNNN.png, caseNNN_tumor.png or caseNNN_otherN.png"):
            if path.name not in named:
                raise DatasetError(f"{path}: no row of {release[TABLE]} names it")
        return records


def _masks(row: Row) -> list[str]:
    """File names of the masks: that of the tumour first, then those of other lesions."""
    return [name.strip() for column in (TUMOR, OTHER) for name in row[column].split("&") if name.strip()]


def _record(folder: Path, row: Row) -> Record:
    case = f"case{row.integer('CaseID'):03d}"
    if row[IMAGE] != f"{case}.png":
        raise DatasetError(f"{row.where}: {IMAGE} {row[IMAGE]!r}, expected '{case}.png'")
    label = row.choose("Classification", {name: name for name in LABELS})
    names = _masks(row)
    if label == "normal" and names:
        raise DatasetError(f"{row.where}: a normal image with the masks {', '.join(names)}, expected none")
    if label != "normal" and row[TUMOR] != f"{case}_tumor.png":
        raise DatasetError(f"{row.where}: {TUMOR} {row[TUMOR]!r}, expected '{case}_tumor.png'")
    return Record(
        image=require_file(folder / row[IMAGE], row.where),
        masks=tuple(require_file(folder / name, row.where) for name in names),
        label=label,
        solid=solid_nodule(row),
        image_id=case,
        case_id=case,
        birads=row["BIRADS"],
        histology="" if row["Diagnosis"] == NOT_APPLICABLE else row["Diagnosis"],
    )
