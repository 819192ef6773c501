"""QAMEBI builder: image, mask and overlay of a lesion stand side by side; the folder is the label."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import tensorflow_datasets as tfds

from tfds_builders import pixels
from tfds_builders.builder import BUSBuilder
from tfds_builders.record import SOLID_BY_LABEL, DatasetError, Record
from tfds_builders.release import Facts, Part, list_files

MASK_THRESHOLD = 150
"""From which value on a mask's pixel is lesion: other than in most datasets, as the loaders of this one have it."""

_NAME = r"(?P<name>\d+ {folder}) (?P<kind>Image\.bmp|Mask( ?\d+)?\.tif|Lesion( ?\d+)?\.bmp)"


class Qamebi(BUSBuilder):
    """QAMEBI, also called BLUI or BUID (Abbasian Ardakani et al. 2023): 232 lesions, an image and a mask each."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {"1.0.0": "The release of November 2022."}
    HOMEPAGE = "https://qamebi.com/breast-ultrasound-images-database/"
    LICENSE = "No formal licence: free download, cite the paper"
    STEPS = "download Benign.zip and Malignant.zip from the page below and put them, or their folders, in DIR."
    PARTS = tuple(Part((name,), archive=f"{name}.zip", holds=f"* {name} *") for name in ("Benign", "Malignant"))
    FACTS = Facts(
        images=232,
        cases="232 lesions; patients are not released",
        classes={"benign": 109, "malignant": 123},
        solid="malignant",
        masks="every image",
    )

    def records(self, release: Mapping[str, Path]) -> list[Record]:
        """Parses the folders Benign and Malignant, images in the order of their numbers.

        Raises:
            DatasetError: a file whose name is not QAMEBI's, an image without a mask, a mask or overlay without an
                image, a mask that cannot be read.
        """
        return [record for folder in ("Benign", "Malignant") for record in _read_folder(release[folder], folder)]


def read_mask(path: Path) -> bytes:
    """Returns a mask as PNG of 0 and 255.

    Raises:
        DatasetError: as `pixels.read_mask`, at this release's threshold.
    """
    return pixels.encode_mask(pixels.read_mask(path, str(path), MASK_THRESHOLD))


def _read_folder(path: Path, folder: str) -> list[Record]:
    images: dict[str, Path] = {}
    masks: dict[str, list[Path]] = {}
    others: dict[str, Path] = {}
    expected = f"'N {folder} Image.bmp', 'N {folder} Mask.tif' or 'N {folder} Lesion.bmp'"
    for file, match in list_files(path, re.compile(_NAME.format(folder=folder)), expected):
        if match["kind"].startswith("Image"):
            images[match["name"]] = file
            continue
        others[match["name"]] = file
        if match["kind"].startswith("Mask"):
            masks.setdefault(match["name"], []).append(file)
        # An overlay (Lesion) is a picture of image and outline; it says nothing that the mask does not.
    for name in images:
        if name not in masks:
            raise DatasetError(f"{images[name]}: {name} Mask.tif is missing, expected a mask for every image")
    for name in others:
        if name not in images:
            raise DatasetError(f"{others[name]}: {name} Image.bmp is missing, expected an image for every mask")
    label = folder.lower()
    return [
        Record(
            image=image,
            masks=tuple(map(read_mask, masks[name])),
            label=label,
            solid=SOLID_BY_LABEL[label],
            image_id=name,
            case_id=name,
            device="Aixplorer Ultimate",
        )
        for name, image in images.items()
    ]
