"""BUS_UC builder: the folder is the label, a mask has its image's name."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import tensorflow_datasets as tfds

from tfds_builders.builder import BUSBuilder
from tfds_builders.record import SOLID_BY_LABEL, Record
from tfds_builders.release import Facts, Part, list_pairs

FOLDERS = ("Benign", "Malignant")
_NAME = re.compile(r"(?P<name>.+)\.png")
_EXPECTED = "a name that ends in .png"


class BusUc(BUSBuilder):
    """BUS_UC (Iqbal and Sharif 2024): 811 images from ultrasoundcases.info, 256x256, with masks of one radiologist."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {"1.0.0": "Version 1 of Mendeley Data 3ksd7w7jkx."}
    HOMEPAGE = "https://data.mendeley.com/datasets/3ksd7w7jkx/1"
    LICENSE = "CC BY 4.0 by its authors; the images come from ultrasoundcases.info, which is copyrighted"
    STEPS = "download it from the page below (no registration) and put its folder BUS_UC/, unpacked, in DIR."
    # A third folder, All, repeats these two and is never looked at. Some unpackers nest BUS_UC in BUS_UC.
    PARTS = tuple(Part((f"BUS_UC/{name}", f"BUS_UC/BUS_UC/{name}", name), holds="images") for name in FOLDERS)
    FACTS = Facts(
        images=811,
        cases="811, an image each; patients are not released",
        classes={"benign": 358, "malignant": 453},
        solid="malignant",
        masks="every image",
        overlaps=("hmss",),
    )

    def records(self, release: Mapping[str, Path]) -> list[Record]:
        """Parses the folders Benign and Malignant, images in natural order.

        Raises:
            DatasetError: a folder that is missing, a file that is no PNG, an image without a mask or a mask without an
                image.
        """
        return [
            Record(
                image=image,
                masks=(mask,),
                label=folder.lower(),
                solid=SOLID_BY_LABEL[folder.lower()],
                # The numbers are not known to differ between the two folders.
                image_id=f"{folder}/{match['name']}",
                case_id=f"{folder}/{match['name']}",
                resize_masks=1,  # 0319.png and its mask differ by a pixel
            )
            for folder in FOLDERS
            for match, image, mask in list_pairs(
                release[f"BUS_UC/{folder}"] / "images",
                _NAME,
                release[f"BUS_UC/{folder}"] / "masks",
                _NAME,
                (_EXPECTED, _EXPECTED),
            )
        ]
