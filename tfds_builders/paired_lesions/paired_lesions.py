"""Paired lesions builder: anyone's own lesions in mammography and ultrasound, from a CSV with a row per picture."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import tensorflow_datasets as tfds

from tfds_builders.builder import BUSBuilder
from tfds_builders.manifest.files import digest, stored_image
from tfds_builders.paired_lesions.check import named_files, read_records
from tfds_builders.record import Record
from tfds_builders.release import Facts, Part

TABLE = "manifest.csv"


class PairedLesions(BUSBuilder):
    """Anyone's own lesions, each seen in mammography and in ultrasound: manifest.csv, and the pictures below it."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {"1.0.0": "Masks, or contours as files of points."}
    LICENSE = "That of the images"
    STEPS = (
        f"write {TABLE} as tfds_builders/paired_lesions/README.md says and put it in DIR, the files beside or below."
    )
    PARTS = (Part((TABLE,)),)
    FACTS = Facts(
        images=0, cases="a lesion each", solid="where the table says", masks="every image; or a contour, filled"
    )
    CUSTOM_CONFIGS = True

    @property
    def several_modalities(self) -> bool:
        """Every lesion has both."""
        return True

    def records(self, release: Mapping[str, Path]) -> Iterator[Record]:
        """Checks the table, every file it names and every lesion, then yields one record per row, in its order.

        Raises:
            DatasetError: before the first record, with everything that is wrong, a line each.
        """
        yield from map(stored_image, read_records(release[TABLE]))

    def fingerprint(self, path: Path) -> str:
        """By the contents of the table and of all files it names."""
        return digest(path, named_files(path))
