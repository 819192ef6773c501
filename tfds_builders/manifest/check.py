"""Checks every row of a manifest and every file it names, and turns the rows into records."""

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tfds_builders import pixels
from tfds_builders.manifest.lines import Faults, Line, read_lines
from tfds_builders.manifest.pictures import SUFFIXES, check_image, check_plain
from tfds_builders.record import DatasetError, Record

LABELS = {"normal": "normal", "benign": "benign", "malignant": "malignant", "": None}
# What a cell does not say is unknown, also where the rule of Qi et al. 2019 (malignant is solid, normal is not) would
# say it: the rule is the user's to take.
SOLID = {"1": 1, "yes": 1, "0": 0, "no": 0, "-1": -1, "": -1}
NO_LESION = "none"
_FOLD = re.compile("[0-9]{1,4}|-1|")


@dataclass(frozen=True)
class Entry:
    """A line and those of its files that are there, as paths below the table's folder in their plain form."""

    line: Line
    image: str | None
    masks: tuple[str, ...]


def read_records(table: Path) -> list[Record]:
    """Reads and checks a manifest; a DICOM image is still a path to its file.

    Raises:
        DatasetError: with all that is wrong with rows and files, a line each; or the table is not a text in UTF-8.
    """
    faults = Faults(table)
    entries = [_find(table.parent, line, faults) for line in read_lines(faults)]
    for entry in entries:
        _check_cells(entry.line, faults)
        _check_pictures(table.parent, entry, faults)
    _check_once(table.parent, entries, faults)
    ids = image_ids([entry.image for entry in entries if entry.image is not None])
    _check_cases(entries, ids, faults)
    faults.raise_any()
    return [_record(table.parent, entry, ids) for entry in entries]


def named_files(table: Path) -> list[str]:
    """The files that a manifest names, each once, in order; those that are not there are left out.

    Raises:
        DatasetError: the table is not a text in UTF-8.
    """
    faults = Faults(table)
    entries = [_find(table.parent, line, faults) for line in read_lines(faults)]
    return sorted({name for entry in entries for name in (entry.image, *entry.masks) if name is not None})


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


def _find(folder: Path, line: Line, faults: Faults) -> Entry:
    """Looks for the files of a line, and notes those that are not there."""
    image = faults.attempt(line, _file, folder, line, "image", line["image"])
    cells = [] if line["mask"] in ("", NO_LESION) else line["mask"].split(";")
    masks = [faults.attempt(line, _file, folder, line, "mask", cell.strip()) for cell in cells]
    return Entry(line, image, tuple(mask for mask in masks if mask is not None))


def _file(folder: Path, line: Line, column: str, cell: str) -> str:
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


def _fold(line: Line) -> int:
    if not _FOLD.fullmatch(line["fold"]):
        raise DatasetError(f"{line.where}: fold {line['fold']!r}, expected a number from 0 on, -1 or nothing")
    return int(line["fold"] or -1)


def _check_cells(line: Line, faults: Faults) -> None:
    """Notes cells outside their values, and those that contradict the label."""
    label = faults.attempt(line, line.choose, "label", LABELS)
    solid = faults.attempt(line, line.choose, "solid", SOLID)
    faults.attempt(line, _fold, line)
    if label == "normal" and solid == 1:
        faults.add(line.number, f"solid {line['solid']}, label normal: expected no solid nodule in a normal image")
    if label in ("benign", "malignant") and line["mask"] == NO_LESION:
        faults.add(
            line.number,
            f"mask none (known to hold no lesion), label {label}: expected masks, or nothing where there are none",
        )


def _check_pictures(folder: Path, entry: Entry, faults: Faults) -> None:
    """Decodes the image and its masks; notes what cannot be read and masks that do not fit."""
    line, size = entry.line, None
    if entry.image is not None:
        size = faults.attempt(line, check_image, folder / entry.image, f"{line.where}: image {entry.image!r}")
    for mask in entry.masks:
        faults.attempt(line, _check_mask, folder / mask, f"{line.where}: mask {mask!r}", line["label"], size)


def _check_mask(path: Path, name: str, label: str, size: tuple[int, int] | None) -> None:
    check_plain(path, name)
    lesion = pixels.read_mask(path, name)
    height, width = lesion.shape
    if size is not None and (width, height) != size:
        raise DatasetError(f"{name} is {width}x{height} pixels, its image is {size[0]}x{size[1]}")
    if label == "normal" and lesion.any():
        raise DatasetError(f"{name} holds a lesion, label normal: expected none")


def _check_once(folder: Path, entries: Sequence[Entry], faults: Faults) -> None:
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


def _check_cases(entries: Sequence[Entry], ids: Mapping[str, str], faults: Faults) -> None:
    """Notes cases in two folds, and images without a case whose own name is that of another case."""
    first: dict[str, Line] = {}
    fold_of: dict[str, tuple[int, Line]] = {}
    for line in (entry.line for entry in entries if entry.line["case_id"]):
        case, fold = line["case_id"], line["fold"]
        first.setdefault(case, line)
        if _FOLD.fullmatch(fold):
            other, there = fold_of.setdefault(case, (_fold(line), line))
            if other != _fold(line):
                faults.add(
                    line.number,
                    f"fold {fold or -1}, but case {case!r} is in fold {other} in {there.where}; expected one",
                )
    for entry in entries:
        own = None if entry.image is None or entry.line["case_id"] else ids[entry.image]
        if own is not None and own in first:
            faults.add(
                entry.line.number,
                f"case_id is empty, and the image's own name {own!r} is the case_id of {first[own].where}; "
                "expected a case_id here too",
            )


def _record(folder: Path, entry: Entry, ids: Mapping[str, str]) -> Record:
    assert entry.image is not None
    line, image_id = entry.line, ids[entry.image]
    return Record(
        image=folder / entry.image,
        masks=tuple(folder / mask for mask in entry.masks) if line["mask"] else None,
        label=line.choose("label", LABELS),
        solid=line.choose("solid", SOLID),
        image_id=image_id,
        case_id=line["case_id"] or image_id,
        birads=line["birads"],
        histology=line["histology"],
        device=line["device"],
        fold=_fold(line),
    )
