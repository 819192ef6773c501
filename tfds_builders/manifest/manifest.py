"""Manifest builder: anyone's own images, from a CSV with a row per image and a folder."""

import hashlib
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import tensorflow_datasets as tfds

from tfds_builders.builder import BUSBuilder
from tfds_builders.manifest import pictures
from tfds_builders.manifest.check import named_files, read_records
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
        for record in read_records(release[TABLE]):
            assert isinstance(record.image, Path)
            yield replace(record, image=pictures.stored(record.image, str(record.image)))

    def fingerprint(self, path: Path) -> str:
        """SHA-256 over the table and the contents of all files it names.

        By contents and not by date: a copy of the folder counts as the same, an edited mask does not. It reads every
        file, which takes seconds per gigabyte, several files at a time.
        """
        names = named_files(path)
        with ThreadPoolExecutor() as threads:
            contents = threads.map(lambda name: _sha256(path.parent / name), names)
            lines = [f"{content} {name}\n" for name, content in zip(names, contents, strict=True)]
        return hashlib.sha256("".join([_sha256(path), "\n", *lines]).encode()).hexdigest()


def _sha256(path: Path) -> str:
    """Of a file's contents; "" where it cannot be read, which `records` reports."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
