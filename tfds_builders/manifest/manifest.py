"""Manifest builder: anyone's own images, from a CSV with a row per image and a folder."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import tensorflow_datasets as tfds

from tfds_builders.builder import BUSBuilder
from tfds_builders.manifest.check import named_files, read_records
from tfds_builders.manifest.files import digest, stored_image
from tfds_builders.record import Record
from tfds_builders.release import Facts, Part

TABLE = "manifest.csv"


class Manifest(BUSBuilder):
    """Anyone's own images: manifest.csv, with a row per image, and the images in folders below it."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {"1.0.0": "PNG, JPEG, BMP, TIFF and single-frame DICOM."}
    LICENSE = "That of the images"
    STEPS = f"write {TABLE} as tfds_builders/manifest/README.md says and put it in DIR, the images beside it or below."
    PARTS = (Part((TABLE,)),)
    FACTS = Facts(images=0, cases="as the table says", solid="where the table says", masks="where the table names them")
    CUSTOM_CONFIGS = True

    def records(self, release: Mapping[str, Path]) -> Iterator[Record]:
        """Checks the table and every file it names, then yields one record per row, in its order.

        Raises:
            DatasetError: before the first record, with everything that is wrong, a line each.
        """
        yield from map(stored_image, read_records(release[TABLE]))

    def fingerprint(self, path: Path) -> str:
        """By the contents of the table and of all files it names."""
        return digest(path, named_files(path))
