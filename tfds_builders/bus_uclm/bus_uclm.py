"""BUS-UCLM builder: INFO.csv is the list of images; names begin with the patient, mask colours repeat the label."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
import tensorflow_datasets as tfds

from tfds_builders import pixels
from tfds_builders.builder import BUSBuilder
from tfds_builders.record import SOLID_BY_LABEL, DatasetError, Record
from tfds_builders.release import Facts, Part, list_files, require_file
from tfds_builders.tables import Row, index_rows, read_csv

FOLDER = "BUS-UCLM"
WRAPPER = "BUS-UCLM Breast ultrasound lesion segmentation dataset"
TABLE = "INFO.csv"
DEVICE = "Siemens ACUSON S2000"
TEST_PATIENTS = frozenset(("COPE", "ANFO", "ELCO", "CRCI", "FLKA"))
"""Those of prepare_partitions.py in the authors' repository; all others train."""
LABELS_AS_RELEASED = {"Normal": "normal", "Benign": "benign", "Malignant": "malignant"}
CUT_PATIENT = "HESN"
"""Whose 13 images are cut out of larger ones in early versions, at places that nobody tells; their masks are not."""
COLOURS = {"benign": (0, 255, 0), "malignant": (255, 0, 0)}
_NAME = re.compile(r"(?P<patient>[A-Z]{4})_\d{3}\.png")


class BusUclm(BUSBuilder):
    """BUS-UCLM (Vallez et al. 2025): 683 images of 38 patients, 419 of them normal, with an official test part."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {"1.0.0": "Any version of the release, 1 to 3."}
    HOMEPAGE = "https://data.mendeley.com/datasets/7fvgj4jsp7/3"
    LICENSE = "CC BY 4.0 for version 3 of the release; versions 1 and 2 are for non-commercial use (CC BY-NC)"
    STEPS = (
        "download all files of version 3 from the page below (no registration) and put the zip, or its folder "
        f"{FOLDER}/, in DIR."
    )
    PARTS = (Part((FOLDER, f"{WRAPPER}/{FOLDER}", f"{WRAPPER}/{WRAPPER}/{FOLDER}"), archive=f"{WRAPPER}.zip"),)
    FACTS = Facts(
        images=683,
        cases="38 patients",
        classes={"normal": 419, "benign": 174, "malignant": 90},
        solid="normal and malignant",
        masks="every image (early versions: not the 13 of one patient); empty for normal",
    )

    def records(self, release: Mapping[str, Path]) -> Iterator[Record]:
        """Parses the release: one record per row of INFO.csv, in its order.

        Raises:
            DatasetError: a column or a file that is missing, an image or a mask without a row, an unknown Label, a mask
                whose colours contradict the Label.
        """
        folder = release[FOLDER]
        rows = index_rows(read_csv(folder / TABLE, ("Image", "Label"), delimiter=";"), "Image")
        for part in ("images", "masks"):
            for path, _ in list_files(folder / part, _NAME, "four letters, _ and three digits (ALWI_000.png)"):
                if path.name not in rows:
                    raise DatasetError(f"{path}: no row in {folder / TABLE}")
        return (_record(folder, row) for row in rows.values())


def _record(folder: Path, row: Row) -> Record:
    match = _NAME.fullmatch(row["Image"])
    if match is None:
        raise DatasetError(f"{row.where}: Image {row['Image']!r}, expected four letters, _ and three digits, .png")
    label = row.choose("Label", LABELS_AS_RELEASED)
    image = require_file(folder / "images" / row["Image"], row.where)
    mask = require_file(folder / "masks" / row["Image"], row.where)
    _require_colours(mask, label, row)
    return Record(
        image=image,
        masks=_trusted(mask, image, match["patient"]),
        label=label,
        solid=SOLID_BY_LABEL[label],
        image_id=image.stem,
        case_id=match["patient"],
        device=DEVICE,
        fold=0 if match["patient"] in TEST_PATIENTS else -1,
    )


def _trusted(mask: Path, image: Path, patient: str) -> tuple[Path] | None:
    """The mask, or None where the image is a cut-out that it cannot be laid upon."""
    sizes = [pixels.encode_image(path, str(path))[1] for path in (mask, image)]
    return None if patient == CUT_PATIENT and sizes[0] != sizes[1] else (mask,)


def _require_colours(mask: Path, label: str, row: Row) -> None:
    """Raises a DatasetError where a mask's colours are not those of the label."""
    values = pixels.decode_image(pixels.encode_image(mask, str(mask))[0])
    colour, claim = COLOURS.get(label), f"{row.where}: Label {row['Label']!r}, but {mask}"
    lesion = np.all(values == colour, axis=-1) if colour else np.zeros(values.shape[:2], dtype=bool)
    strange = values[values.any(axis=-1) & ~lesion]
    if len(strange):
        found = tuple(map(int, strange[0]))
        expected = f"only {colour} and black" if colour else "black only"
        raise DatasetError(f"{claim} has the colour {found}, expected {expected}")
    if colour and not lesion.any():
        raise DatasetError(f"{claim} is black, expected {colour} in it")
