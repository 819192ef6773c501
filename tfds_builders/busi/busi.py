"""BUSI builder: the folder is the label, several mask files may belong to one image, near-duplicates share a case."""

import json
import re
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import ClassVar

import tensorflow_datasets as tfds

from tfds_builders.builder import BUSBuilder
from tfds_builders.record import LABELS, SOLID_BY_LABEL, DatasetError, Record
from tfds_builders.release import CLUTTER, Facts, Part, list_files

FOLDER = "Dataset_BUSI_with_GT"

_NAME = r"{label} \((?P<number>\d+)\)(?P<mask>_mask(_\d+)?)?\.png"


class Busi(BUSBuilder):
    """BUSI (Al-Dhabyani, Gomaa, Khaled and Fahmy 2020): 780 images of 600 women, normal breasts among them."""

    VERSION = tfds.core.Version("1.1.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {
        "1.0.0": "The release of 2019, near-duplicates grouped.",
        "1.1.0": "The size of released masks is kept.",
    }
    HOMEPAGE = "https://scholar.cu.edu.eg/?q=afahmy/pages/dataset"
    LICENSE = "No formal licence on the original page: research use, cite the paper"
    STEPS = "download Dataset_BUSI.zip from the page below and put it, or its folder Dataset_BUSI_with_GT/, in DIR."
    PARTS = (Part((FOLDER,), archive="Dataset_BUSI.zip"),)
    FACTS = Facts(
        images=780,
        cases="600, groups of near-duplicates or single images; women are not told apart",
        classes={"normal": 133, "benign": 437, "malignant": 210},
        solid="malignant and normal",
        masks="every image; empty for normal",
    )

    def records(self, release: Mapping[str, Path]) -> list[Record]:
        """As `parse`."""
        return self.parse(release)

    @classmethod
    def known_duplicates(cls) -> list[list[str]]:
        """The groups of known_groups.json: the stricter ones, against which a search is measured."""
        return _read_groups("known_groups.json")

    @classmethod
    def parse(cls, release: Mapping[str, Path]) -> list[Record]:
        """Parses the three folders, images in the order of their numbers.

        Raises:
            DatasetError: a folder that is missing or unknown, a file whose name is not BUSI's, an image without a
                mask or a mask without an image.
        """
        folder = release[FOLDER]
        found = sorted(path.name for path in folder.iterdir() if path.is_dir() and path.name not in CLUTTER)
        if found != sorted(LABELS):
            raise DatasetError(f"{folder}: folders {', '.join(found) or 'none'}, expected {', '.join(sorted(LABELS))}")
        case_of = {name: group[0] for group in near_duplicates() for name in group}
        return [record for label in LABELS for record in _read_folder(folder / label, case_of)]


def _read_groups(file: str) -> list[list[str]]:
    groups: list[list[str]] = json.loads(
        resources.files("tfds_builders.busi").joinpath(file).read_text(encoding="utf-8")
    )
    return groups


def near_duplicates() -> list[list[str]]:
    """Groups of images ("benign (1)", ...) that show nearly the same picture; the README says how they were found."""
    return _read_groups("joined_groups.json")


def _read_folder(folder: Path, case_of: dict[str, str]) -> list[Record]:
    label = folder.name
    images: dict[int, Path] = {}
    masks: dict[int, list[Path]] = {}
    expected = f"'{label} (N).png' or '{label} (N)_mask.png'"
    for path, match in list_files(folder, re.compile(_NAME.format(label=label)), expected):
        if match["mask"]:
            masks.setdefault(int(match["number"]), []).append(path)
        else:
            images[int(match["number"])] = path
    for number in sorted(images.keys() ^ masks.keys()):
        missing = f"{label} ({number}){'_mask' if number in images else ''}.png"
        raise DatasetError(f"{folder / missing} is missing; every image has a mask in BUSI and every mask an image")
    return [
        Record(
            image=image,
            masks=tuple(masks[number]),
            label=label,
            solid=SOLID_BY_LABEL[label],
            image_id=image.stem,
            case_id=case_of.get(image.stem, image.stem),
        )
        for number, image in sorted(images.items())
    ]
