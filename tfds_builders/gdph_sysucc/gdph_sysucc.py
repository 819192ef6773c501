"""GDPH & SYSUCC builder: file names are the labels; a table has the BI-RADS of two readers and the folds."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import tensorflow_datasets as tfds

from tfds_builders.builder import BUSBuilder
from tfds_builders.record import SOLID_BY_LABEL, DatasetError, Record
from tfds_builders.release import Facts, Part, list_files, natural
from tfds_builders.tables import Row, index_rows, read_csv, read_xlsx

FOLDER = "GDPH&SYSUCC"
TABLE = "BIRADS&FOLD.xlsx"
SHEET = "prediction"
HOSPITALS = ("GDPH", "SYSUCC")
READERS = ("BIRADS-reader1", "BIRADS-reader2")

# The letter occurs small and capital. A lone "c", once in the release, names no category and is kept as it is.
GRADES = {text: grade for grade in ("2", "3", "4a", "4b", "4c", "5", "c") for text in (grade, grade.upper())}

_NAME = re.compile(r"(?P<name>(?P<label>benign|malignant)\(\d+\))\.png")


class GdphSysucc(BUSBuilder):
    """GDPH & SYSUCC (Mo et al. 2023): 2405 images of two hospitals in Guangzhou, read by two radiologists."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {"1.0.0": "The release with two hospitals, BI-RADS and folds."}
    HOMEPAGE = "https://github.com/yuhaomo/HoVerTrans"
    LICENSE = "None stated: research use, cite the paper"
    STEPS = "follow the download link on the page below and put the folder GDPH&SYSUCC/, unpacked, in DIR."
    PARTS = (Part((FOLDER,)),)
    FACTS = Facts(
        images=2405,
        cases="2405, an image each; patients are not released",
        classes={"benign": 886, "malignant": 1519},
        solid="malignant",
        masks="none",
    )

    def records(self, release: Mapping[str, Path]) -> list[Record]:
        """Parses either layout: GDPH/ and SYSUCC/ with the table, or img/ with label.csv; images in natural order.

        Raises:
            DatasetError: a file whose name is not of this dataset, an image without a row or a row without an image, a
                name in both hospitals, an unknown BI-RADS category, folds with a gap, a label.csv that disagrees with
                the names.
        """
        folder = release[FOLDER]
        images = _list_images(folder)
        if (folder / "img").is_dir():
            _check_labels(folder / "label.csv", images)
        facts = _read_table(folder / TABLE, images)
        return [
            Record(
                image=images[name],
                masks=None,
                label=name.partition("(")[0],
                solid=SOLID_BY_LABEL[name.partition("(")[0]],
                image_id=name,
                case_id=name,
                birads=facts[name][0],
                fold=facts[name][1],
            )
            for name in sorted(images, key=natural)
        ]


def _list_images(folder: Path) -> dict[str, Path]:
    images: dict[str, Path] = {}
    for part in ("img",) if (folder / "img").is_dir() else HOSPITALS:
        for path, match in list_files(folder / part, _NAME, "'benign(N).png' or 'malignant(N).png'"):
            if match["name"] in images:
                raise DatasetError(f"{path}: also in {images[match['name']].parent}, expected in one hospital")
            images[match["name"]] = path
    return images


def _read_table(path: Path, images: Mapping[str, Path]) -> dict[str, tuple[str, int]]:
    """BI-RADS ("reader 1/reader 2") and fold of each image; "" and -1 in the layout that has no such table."""
    if not path.is_file() and "img" in {image.parent.name for image in images.values()}:
        return dict.fromkeys(images, ("", -1))
    rows = index_rows(read_xlsx(path, ("ID", "fold", *READERS), SHEET), "ID")
    _require_rows(path, rows, images)
    folds = sorted({row.integer("fold") for row in rows.values()})
    # Where the release starts to count is not documented: its own smallest fold tells.
    if rows and (folds[0] not in (0, 1) or folds != list(range(folds[0], folds[-1] + 1))):
        raise DatasetError(f"{path}: folds {', '.join(map(str, folds))}, expected all from 0 or 1 on without a gap")
    return {
        name: ("/".join(row.choose(reader, GRADES) for reader in READERS), row.integer("fold") - folds[0])
        for name, row in rows.items()
    }


def _check_labels(path: Path, images: Mapping[str, Path]) -> None:
    rows = index_rows(read_csv(path, ("name", "label")), "name")
    _require_rows(path, {name.removesuffix(".png"): row for name, row in rows.items()}, images)
    for name, row in rows.items():
        label = row.choose("label", {"0": "benign", "1": "malignant"})
        if not name.startswith(label):
            raise DatasetError(f"{row.where}: label {row['label']} ({label}), expected that of the name {name}")


def _require_rows(path: Path, rows: Mapping[str, Row], images: Mapping[str, Path]) -> None:
    for name, image in images.items():
        if name not in rows:
            raise DatasetError(f"{image}: no row in {path}, expected one for every image")
    for name, row in rows.items():
        if name not in images:
            raise DatasetError(f"{row.where}: no image {name}.png, expected one for every row")
