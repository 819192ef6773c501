"""Curated BUSI builder: a part of BUSI under BUSI's numbers, one merged mask per image."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import tensorflow_datasets as tfds

from tfds_builders.builder import BUSBuilder
from tfds_builders.busi.busi import Busi, near_duplicates
from tfds_builders.record import LABELS, SOLID_BY_LABEL, DatasetError, Record
from tfds_builders.release import Facts, Part, list_pairs, require_file
from tfds_builders.tables import read_csv

FOLDER = "Curated BUSI"
IMAGES, MASKS = f"{FOLDER}/images", f"{FOLDER}/masks"
MAPPING = "mapping_curated_BUSI.csv"
_STEM = rf"(?P<name>(?P<label>{'|'.join(LABELS)})_id_\d+)"
_IMAGE = re.compile(rf"{_STEM}\.png")
_MASK = re.compile(rf"{_STEM}_mask\.png")
_EXPECTED = ("'benign_id_N.png', 'malignant_id_N.png' or 'normal_id_N.png'", "such a name that ends in '_mask.png'")


class CuratedBusi(BUSBuilder):
    """Curated BUSI (Aumente-Maestro, Díez and Remeseiro 2025): the 450 of BUSI's 780 images that are left when images
    that occur several times are taken out.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {"1.0.0": "Version 1.0 (Zenodo record 19047974)."}
    HOMEPAGE = "https://zenodo.org/records/19047974"
    LICENSE = "CC BY 4.0; BUSI itself states no licence"
    STEPS = "download it from the page below (no registration) and put its folder 'Curated BUSI', unpacked, in DIR."
    PARTS = (
        Part((IMAGES, "images"), holds="*_id_*.png"),
        Part((MASKS, "masks"), holds="*_id_*_mask.png"),
        Part((MAPPING, f"{FOLDER}/{MAPPING}"), optional=True),
    )
    NAMED_AFTER = ("busi",)
    FACTS = Facts(
        images=450,
        cases="444, a group of near-duplicates or single images; women are not told apart",
        classes={"normal": 64, "benign": 222, "malignant": 164},
        solid="malignant and normal",
        masks="every image; empty for normal",
        overlaps=("busi",),
    )

    def records(self, release: Mapping[str, Path]) -> list[Record]:
        """Parses the two folders, images in natural order, and checks them against the mapping where that is there.

        Raises:
            DatasetError: a file whose name is not Curated BUSI's, an image without a mask or a mask without an image;
                an image that is not in the mapping, or a row of it without an image.
        """
        pairs = list_pairs(release[IMAGES], _IMAGE, release[MASKS], _MASK, _EXPECTED)
        if MAPPING in release:
            _check_mapping(release[MAPPING], release[IMAGES], [match["name"] for match, _, _ in pairs])
        case_of = {name: group[0] for group in _renamed(near_duplicates()) for name in group}
        return [
            Record(
                image=image,
                masks=(mask,),
                label=match["label"],
                solid=SOLID_BY_LABEL[match["label"]],
                image_id=match["name"],
                case_id=case_of.get(match["name"], match["name"]),
            )
            for match, image, mask in pairs
        ]

    @classmethod
    def original(cls, image_id: str) -> str:
        """Of 'benign_id_20': 'busi/benign (20)'."""
        return "busi/" + re.sub(r"_id_(\d+)", r" (\1)", image_id)

    @classmethod
    def known_duplicates(cls) -> list[list[str]]:
        """BUSI's groups under the names used here, also the images that are not in this dataset."""
        return _renamed(Busi.known_duplicates())


def _check_mapping(path: Path, images: Path, names: list[str]) -> None:
    listed: dict[str, str] = {}
    for row in read_csv(path, ("class", "id"), delimiter=";"):
        name = f"{row.choose('class', {label: label for label in LABELS})}_id_{row.integer('id')}"
        if name in listed:
            raise DatasetError(f"{row.where}: {name} stands already in {listed[name]}, expected once")
        listed[name] = row.where
        require_file(images / f"{name}.png", row.where)
    for name in names:
        if name not in listed:
            raise DatasetError(f"{images / name}.png: not in {path}, expected a row for every image")


def _renamed(groups: list[list[str]]) -> list[list[str]]:
    """BUSI's groups under the names of this dataset."""
    return [[re.sub(r" \((\d+)\)", r"_id_\1", name) for name in group] for group in groups]
