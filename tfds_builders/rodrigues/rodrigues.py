"""Rodrigues builder: the folder is the label; there are no masks."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import tensorflow_datasets as tfds

from tfds_builders.builder import BUSBuilder
from tfds_builders.record import SOLID_BY_LABEL, Record
from tfds_builders.release import Facts, Part, list_files

FOLDER = "originals"
_NAME = re.compile(r"(?P<name>.+)\.bmp", re.IGNORECASE)


class Rodrigues(BUSBuilder):
    """Breast Ultrasound Image (Rodrigues 2017): 250 small crops around a lesion, without masks."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {"1.0.0": "Version 1 of Mendeley Data wmy84gzngw."}
    HOMEPAGE = "https://data.mendeley.com/datasets/wmy84gzngw/1"
    LICENSE = "CC BY 4.0 (unverified)"
    STEPS = "download us-dataset.zip from the page below (no registration) and put it, or its originals/, in DIR."
    PARTS = (Part((FOLDER, f"us-dataset/{FOLDER}"), archive="us-dataset.zip"),)
    FACTS = Facts(
        images=250,
        cases="250, an image each; patients are not released",
        classes={"benign": 100, "malignant": 150},
        solid="malignant",
        masks="none",
    )

    def records(self, release: Mapping[str, Path]) -> list[Record]:
        """Parses the folders benign and malignant, images in natural order.

        Raises:
            DatasetError: a folder that is missing, a file that is no BMP.
        """
        return [
            Record(
                image=image,
                masks=None,
                label=label,
                solid=SOLID_BY_LABEL[label],
                image_id=f"{label}/{match['name']}",
                case_id=f"{label}/{match['name']}",
            )
            for label in ("benign", "malignant")
            for image, match in list_files(release[FOLDER] / label, _NAME, "a name that ends in .bmp")
        ]
