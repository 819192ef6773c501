"""STU-Hospital builder: pairs of an image and a mask, which often is of another size; no classes."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import tensorflow_datasets as tfds

from tfds_builders.builder import BUSBuilder
from tfds_builders.record import ANY_SIZE, DatasetError, Record
from tfds_builders.release import Facts, Part, list_files

FOLDER = "Hospital"
IMAGE, MASK = "Test_Image", "mask"
_NAME = re.compile(rf"(?P<kind>{IMAGE}|{MASK})_(?P<number>[1-9]\d*)\.png")


class StuHospital(BUSBuilder):
    """STU-Hospital (Zhuang et al. 2019): 42 images with masks, released as an external test set; no classes."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {"1.0.0": "The folder Hospital of the authors' repository."}
    HOMEPAGE = "https://github.com/xbhlk/STU-Hospital"
    LICENSE = "None stated: research use, cite the paper"
    STEPS = (
        "download the repository of the page below as a zip and put STU-Hospital-master.zip, or its folder "
        f"{FOLDER}/, in DIR."
    )
    PARTS = (
        Part(
            (FOLDER, f"STU-Hospital-master/{FOLDER}", f"STU-Hospital/{FOLDER}"),
            archive="STU-Hospital-master.zip",
        ),
    )
    FACTS = Facts(images=42, cases="42, an image each; women are not told apart", solid="no image", masks="every image")

    def records(self, release: Mapping[str, Path]) -> list[Record]:
        """Parses the folder, images in the order of their numbers.

        Raises:
            DatasetError: a file whose name is not of the release, an image without a mask or a mask without an image.
        """
        folder = release[FOLDER]
        files: dict[str, dict[int, Path]] = {IMAGE: {}, MASK: {}}
        for path, match in list_files(folder, _NAME, f"{IMAGE}_N.png or {MASK}_N.png"):
            files[match["kind"]][int(match["number"])] = path
        images, masks = files[IMAGE], files[MASK]
        for number in sorted(images.keys() ^ masks.keys()):
            missing = folder / f"{MASK if number in images else IMAGE}_{number}.png"
            raise DatasetError(f"{missing} is missing; every image has a mask and every mask an image")
        return [
            Record(
                image=image,
                masks=(masks[number],),
                label=None,
                solid=-1,
                image_id=image.stem,
                case_id=image.stem,
                resize_masks=ANY_SIZE,  # 36 of the 42 masks are not of their image's size
            )
            for number, image in images.items()
        ]
