"""BUSI-WHU builder: classes and patients are in a table that only the third version of the release has."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import tensorflow_datasets as tfds

from tfds_builders.builder import BUSBuilder
from tfds_builders.busi_whu.patients import case_of, read_patients
from tfds_builders.record import SOLID_BY_LABEL, DatasetError, Record
from tfds_builders.release import Facts, Part, list_pairs

FOLDER = "BUSI-WHU"
TABLE = "Patient_infos_BUSI-WHU.xlsx"
PARTS_OF_OLDER_VERSIONS = ("train", "val", "valid", "test")
IMAGES = ("img", "images")
MASKS = ("gt", "mask", "masks")

_IMAGE = re.compile(r"(?P<name>\d+(-\d+)?)\.bmp")
_MASK = re.compile(r"(?P<name>\d+(-\d+)?)_anno\.bmp")
_EXPECTED = ("'00001.bmp' or '10003-2.bmp'", "'00001_anno.bmp' or '10003-2_anno.bmp'")


class BusiWhu(BUSBuilder):
    """BUSI-WHU (Huang et al. 2023): 927 images of 816 patients of Renmin Hospital of Wuhan University."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {"1.0.0": "Version 3 of Mendeley Data k6cpmwybk3, or an older one."}
    HOMEPAGE = "https://data.mendeley.com/datasets/k6cpmwybk3/3"
    LICENSE = "CC BY 4.0"
    STEPS = f"download version 3 from the page below (no registration) and put BUSI-WHU/, unpacked, and {TABLE} in DIR."
    PARTS = (Part((FOLDER, "BUSI_WHU")),)
    FACTS = Facts(
        images=927,
        cases="816 patients",
        classes={"benign": 560, "malignant": 367},
        solid="malignant",
        masks="every image",
    )

    def fingerprint(self, path: Path) -> str:
        """As the base's, and whether the table is there: without it a dataset without classes is built."""
        return f"{super().fingerprint(path)}, {'with' if _find_table(path) else 'without'} the table"

    def records(self, release: Mapping[str, Path]) -> list[Record]:
        """Parses the release; without its table the classes are unknown.

        The first digit of a file's name is no class: 756 begin with 0 and 171 with 1, 560 are benign and 367 malignant.

        Raises:
            DatasetError: a folder that is missing, a file whose name is not BUSI-WHU's, an image without a mask or a
                mask without an image, a table that does not fit the images (see `patients.read_patients`).
        """
        folder = release[FOLDER]
        table = _find_table(folder)
        found = [
            (image, mask, fold)
            for images, masks, fold in _list_folders(folder)
            for _, image, mask in list_pairs(images, _IMAGE, masks, _MASK, _EXPECTED)
        ]
        patients = read_patients(table, [image for image, _, _ in found]) if table else {}
        return [
            Record(
                image=image,
                masks=(mask,),
                label=patients[image].label if patients else None,
                solid=SOLID_BY_LABEL[patients[image].label] if patients else -1,
                image_id=image.stem,
                case_id=patients[image].case_id if patients else case_of(image.stem),
                fold=fold,
            )
            for image, mask, fold in found
        ]


def _find_table(folder: Path) -> Path | None:
    return next((path for path in (folder / TABLE, folder.parent / TABLE) if path.is_file()), None)


def _list_folders(folder: Path) -> Iterator[tuple[Path, Path, int]]:
    """The folders of images, of their masks, and the official fold: older versions have a part that is tested."""
    parts = [folder / name for name in PARTS_OF_OLDER_VERSIONS if (folder / name).is_dir()]
    for part in parts or [folder]:
        yield _one_of(part, IMAGES), _one_of(part, MASKS), 0 if part.name == "test" and parts else -1


def _one_of(folder: Path, names: tuple[str, ...]) -> Path:
    for name in names:
        if (folder / name).is_dir():
            # Some copies keep the originals apart, beside changed ones.
            return folder / name / "ori" if (folder / name / "ori").is_dir() else folder / name
    raise DatasetError(f"{folder}: no folder {' or '.join(names)}")
