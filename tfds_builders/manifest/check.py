"""Checks every row of a manifest and every file it names, and turns the rows into records."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tfds_builders.manifest.files import NO_LESION, Entry, check_once, check_pictures, find_files, image_ids
from tfds_builders.manifest.lines import Columns, Faults, Line, read_lines
from tfds_builders.record import DatasetError, Record

COLUMNS = Columns(
    known=("image", "label", "mask", "case_id", "solid", "birads", "histology", "device", "fold"),
    required=("image", "label"),
    keys=("image",),
)
LABELS = {"normal": "normal", "benign": "benign", "malignant": "malignant", "": None}
# What a cell does not say is unknown, also where the rule of Qi et al. 2019 (malignant is solid, normal is not) would
# say it: the rule is the user's to take.
SOLID = {"1": 1, "yes": 1, "0": 0, "no": 0, "-1": -1, "": -1}
_FOLD = re.compile("[0-9]{1,4}|-1|")


def read_records(table: Path) -> list[Record]:
    """Reads and checks a manifest; a DICOM image is still a path to its file.

    Raises:
        DatasetError: with all that is wrong with rows and files, a line each; or the table is not a text in UTF-8.
    """
    faults = Faults(table)
    entries = [find_files(table.parent, line, faults) for line in read_lines(faults, COLUMNS)]
    for entry in entries:
        _check_cells(entry.line, faults)
        check_pictures(table.parent, entry, faults)
    check_once(table.parent, entries, faults)
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
    entries = [find_files(table.parent, line, faults) for line in read_lines(faults, COLUMNS)]
    return sorted({name for entry in entries for name in (entry.image, *entry.masks) if name is not None})


def fold_of(line: Line) -> int:
    """The cell `fold`, -1 where it is empty.

    Raises:
        DatasetError: it is no fold.
    """
    if not _FOLD.fullmatch(line["fold"]):
        raise DatasetError(f"{line.where}: fold {line['fold']!r}, expected a number from 0 on, -1 or nothing")
    return int(line["fold"] or -1)


def _check_cells(line: Line, faults: Faults) -> None:
    """Notes cells outside their values, and those that contradict the label."""
    label = faults.attempt(line, line.choose, "label", LABELS)
    solid = faults.attempt(line, line.choose, "solid", SOLID)
    faults.attempt(line, fold_of, line)
    if label == "normal" and solid == 1:
        faults.add(line.number, f"solid {line['solid']}, label normal: expected no solid nodule in a normal image")
    if label in ("benign", "malignant") and line["mask"] == NO_LESION:
        faults.add(
            line.number,
            f"mask none (known to hold no lesion), label {label}: expected masks, or nothing where there are none",
        )


def _check_cases(entries: Sequence[Entry], ids: Mapping[str, str], faults: Faults) -> None:
    """Notes cases in two folds, and images without a case whose own name is that of another case."""
    first: dict[str, Line] = {}
    for line in (entry.line for entry in entries if entry.line["case_id"]):
        first.setdefault(line["case_id"], line)
    check_folds((entry.line for entry in entries), "case", faults)
    for entry in entries:
        own = None if entry.image is None or entry.line["case_id"] else ids[entry.image]
        if own is not None and own in first:
            faults.add(
                entry.line.number,
                f"case_id is empty, and the image's own name {own!r} is the case_id of {first[own].where}; "
                "expected a case_id here too",
            )


def check_folds(lines: Iterable[Line], kind: str, faults: Faults) -> None:
    """Notes what is in two folds.

    Args:
        lines: those whose cell `<kind>_id` is empty are passed over.
        kind: what is in one fold: "case".
        faults: takes them.
    """
    seen: dict[str, tuple[int, Line]] = {}
    for line in lines:
        name = line[f"{kind}_id"]
        if not name or not _FOLD.fullmatch(line["fold"]):
            continue
        other, there = seen.setdefault(name, (fold_of(line), line))
        if other != fold_of(line):
            faults.add(
                line.number,
                f"fold {line['fold'] or -1}, but {kind} {name!r} is in fold {other} in {there.where}; expected one",
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
        fold=fold_of(line),
    )
