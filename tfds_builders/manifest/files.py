"""The files that a manifest names: found, decoded, named, and each used once."""

import hashlib
import os
import re
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from tfds_builders import pixels
from tfds_builders.manifest.lines import Faults, Line
from tfds_builders.manifest.pictures import SUFFIXES, check_image, check_plain, stored
from tfds_builders.record import DatasetError, Record

NO_LESION = "none"
"""In the column mask: known to hold no lesion."""


@dataclass(frozen=True)
class Entry:
    """A line and those of its files that are there, as paths below the table's folder in their plain form."""

    line: Line
    image: str | None
    masks: tuple[str, ...]


def find_files(folder: Path, line: Line, faults: Faults) -> Entry:
    """Looks for the image and the masks of a line, and notes those that are not there."""
    image = faults.attempt(line, find_file, folder, line, "image", line["image"])
    cells = [] if line["mask"] in ("", NO_LESION) else line["mask"].split(";")
    masks = [faults.attempt(line, find_file, folder, line, "mask", cell.strip()) for cell in cells]
    return Entry(line, image, tuple(mask for mask in masks if mask is not None))


def image_ids(names: Sequence[str]) -> dict[str, str]:
    """Names images by their paths without suffix, but with it where another image would get the same name.

    Args:
        names: paths, with "/" between folders.

    Returns:
        The image_id of each path; those of different paths differ.
    """
    short = {name: _without_suffix(name) for name in names}
    count = Counter(short.values())
    return {name: name if count[stem] > 1 or (stem != name and stem in short) else stem for name, stem in short.items()}


def _without_suffix(name: str) -> str:
    # Only suffixes of images: DICOM files are often named by numbers with dots in them.
    path = PurePosixPath(name)
    return str(path.with_suffix("")) if path.suffix.lower() in SUFFIXES else name


def find_file(folder: Path, line: Line, column: str, cell: str) -> str:
    """Checks a path of the table and returns it without "./" and doubled slashes.

    Raises:
        DatasetError: it is empty, leaves the folder, or is not a file.
    """
    where = f"{line.where}: {column} {cell!r}"
    if not cell:
        raise DatasetError(f"{line.where}: {column} is empty, expected a path")
    if "\\" in cell:
        raise DatasetError(f"{where} has a backslash, expected / between folders")
    path = PurePosixPath(cell)
    if path.is_absolute() or ".." in path.parts or re.match("[A-Za-z]:", cell):
        raise DatasetError(f"{where} leaves the folder of the table, expected a path below it")
    try:
        if not (folder / path).is_file():
            state = "is not a file" if (folder / path).exists() else "is missing"
            raise DatasetError(f"{where} {state}, looked for {folder / path}")
    except OSError as error:
        raise DatasetError(f"{where} cannot be read ({error.strerror or error})") from error
    return str(path)


def check_pictures(folder: Path, entry: Entry, faults: Faults) -> tuple[int, int] | None:
    """Decodes the image and its masks; notes what cannot be read and masks that do not fit.

    Returns:
        The image's size (width, height) in pixels; None where it cannot be had.
    """
    line, size = entry.line, None
    if entry.image is not None:
        size = faults.attempt(line, check_image, folder / entry.image, f"{line.where}: image {entry.image!r}")
    for mask in entry.masks:
        faults.attempt(line, _check_mask, folder / mask, f"{line.where}: mask {mask!r}", line["label"], size)
    return size


def _check_mask(path: Path, name: str, label: str, size: tuple[int, int] | None) -> None:
    check_plain(path, name)
    lesion = pixels.read_mask(path, name)
    height, width = lesion.shape
    if size is not None and (width, height) != size:
        raise DatasetError(f"{name} is {width}x{height} pixels, its image is {size[0]}x{size[1]}")
    if label == "normal" and lesion.any():
        raise DatasetError(f"{name} holds a lesion, label normal: expected none")


def check_once(folder: Path, entries: Sequence[Entry], faults: Faults) -> None:
    """Notes files that are the image of two rows, whatever they are called there, and masks that are images."""

    def key(name: str) -> tuple[int, int]:
        status = os.stat(folder / name)
        return status.st_dev, status.st_ino

    first: dict[tuple[int, int], tuple[str, Line]] = {}
    for entry in entries:
        if entry.image is None:
            continue
        name, line = first.setdefault(key(entry.image), (entry.image, entry.line))
        if line is not entry.line:
            same = "" if name == entry.image else f" is the same file as {name!r}, which"
            faults.add(entry.line.number, f"image {entry.image!r}{same} stands already in {line.where}, expected once")
    for entry in entries:
        for mask in entry.masks:
            if (owner := first.get(key(mask))) is not None:
                faults.add(entry.line.number, f"mask {mask!r} is the image of {owner[1].where}, expected a mask")


def digest(table: Path, names: Sequence[str]) -> str:
    """SHA-256 over a table and the contents of the files it names.

    By contents and not by date: a copy of the folder counts as the same, an edited mask does not. It reads every file,
    which takes seconds per gigabyte, several files at a time.

    Args:
        table: the manifest.
        names: paths below its folder, in a fixed order.
    """
    with ThreadPoolExecutor() as threads:
        contents = threads.map(lambda name: _sha256(table.parent / name), names)
        lines = [f"{content} {name}\n" for name, content in zip(names, contents, strict=True)]
    return hashlib.sha256("".join([_sha256(table), "\n", *lines]).encode()).hexdigest()


def _sha256(path: Path) -> str:
    """Of a file's contents; "" where it cannot be read, which is told when the dataset is built."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def stored_image(record: Record) -> Record:
    """The record of an image file with what is stored of it: a DICOM file as the PNG of its picture.

    Raises:
        DatasetError: as `pictures.stored`.
    """
    assert isinstance(record.image, Path)
    return replace(record, image=stored(record.image, str(record.image)))
