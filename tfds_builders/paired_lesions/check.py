"""Checks every row, file and lesion of a manifest of paired lesions, and turns the rows into records."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tfds_builders import pixels
from tfds_builders.manifest.check import SOLID, check_folds, fold_of
from tfds_builders.manifest.files import (
    NO_LESION,
    Entry,
    check_once,
    check_pictures,
    find_file,
    find_files,
    image_ids,
)
from tfds_builders.manifest.lines import Columns, Faults, Line, read_lines
from tfds_builders.paired_lesions.contour import fill_contour, read_contour
from tfds_builders.record import MODALITIES, DatasetError, Record

_REQUIRED = ("lesion_id", "modality", "image", "label")
COLUMNS = Columns(
    known=(*_REQUIRED, "view", "mask", "contour", "solid", "birads", "histology", "device", "fold"),
    required=_REQUIRED,
    keys=("lesion_id", "modality", "image"),
)
LABELS = {"benign": "benign", "malignant": "malignant"}
MODALITY = {name: name for name in MODALITIES}


@dataclass(frozen=True)
class Marked:
    """A line with its files, and the contour among them, as a path below the table's folder, where it has one."""

    entry: Entry
    contour: str | None

    @property
    def line(self) -> Line:
        """The line of the table."""
        return self.entry.line


def read_records(table: Path) -> list[Record]:
    """Reads and checks a manifest of paired lesions; a DICOM image is still a path to its file.

    Raises:
        DatasetError: with all that is wrong with rows, files and lesions, a line each; or the table is not a text in
            UTF-8.
    """
    faults = Faults(table)
    found = _find(table, faults)
    masks = []
    for marked in found:
        _check_cells(marked.line, faults)
        size = check_pictures(table.parent, marked.entry, faults)
        masks.append(faults.attempt(marked.line, _lesion, table.parent, marked, size))
    entries = [marked.entry for marked in found]
    check_once(table.parent, entries, faults)
    lines = [marked.line for marked in found]
    check_folds(lines, "lesion", faults)
    _check_lesions(lines, faults)
    faults.raise_any()
    ids = image_ids([entry.image for entry in entries if entry.image is not None])
    return [_record(table.parent, entry, ids, mask) for entry, mask in zip(entries, masks, strict=True)]


def named_files(table: Path) -> list[str]:
    """The files that a manifest names, each once, in order; those that are not there are left out.

    Raises:
        DatasetError: the table is not a text in UTF-8.
    """
    found = _find(table, Faults(table))
    named = {name for marked in found for name in (marked.entry.image, *marked.entry.masks, marked.contour)}
    return sorted(name for name in named if name is not None)


def _find(table: Path, faults: Faults) -> list[Marked]:
    """The lines of the table with those of their files that are there; notes the others."""
    found = []
    for line in read_lines(faults, COLUMNS):
        contour = None
        if line["contour"]:
            contour = faults.attempt(line, find_file, table.parent, line, "contour", line["contour"])
        found.append(Marked(find_files(table.parent, line, faults), contour))
    return found


def _check_cells(line: Line, faults: Faults) -> None:
    """Notes cells outside their values, and lesions that nothing or two things mark."""
    if not line["lesion_id"]:
        faults.add(line.number, "lesion_id is empty, expected a name that all pictures of the lesion share")
    faults.attempt(line, line.choose, "modality", MODALITY)
    faults.attempt(line, line.choose, "label", LABELS)
    faults.attempt(line, line.choose, "solid", SOLID)
    faults.attempt(line, fold_of, line)
    if line["mask"] == NO_LESION:
        faults.add(line.number, "mask none (known to hold no lesion), expected the mask or the contour of the lesion")
    elif bool(line["mask"]) == bool(line["contour"]):
        state = "are both given" if line["mask"] else "are both empty"
        faults.add(line.number, f"mask and contour {state}, expected one of them")


def _lesion(folder: Path, marked: Marked, size: tuple[int, int] | None) -> bytes | None:
    """What a contour encloses as a PNG; None of a lesion with masks, or where something else is wrong.

    Raises:
        DatasetError: the contour is no contour of this image, or the masks are all empty.
    """
    line = marked.line
    if marked.contour is not None:
        name = f"{line.where}: contour {marked.contour!r}"
        points = read_contour(folder / marked.contour, name)
        return pixels.encode_mask(fill_contour(points, size, name)) if size is not None else None
    masks = [folder / mask for mask in marked.entry.masks]
    if masks and not any(_holds_lesion(mask) for mask in masks):
        raise DatasetError(f"{line.where}: mask {line['mask']!r} is empty, expected a lesion")
    return None


def _holds_lesion(mask: Path) -> bool:
    try:
        return bool(pixels.read_mask(mask, str(mask)).any())
    except DatasetError:  # told already
        return True


def _check_lesions(lines: Sequence[Line], faults: Faults) -> None:
    """Notes lesions without one of the modalities, and rows that contradict another of their lesion."""
    lesions: dict[str, list[Line]] = {}
    for line in lines:
        if line["lesion_id"]:
            lesions.setdefault(line["lesion_id"], []).append(line)
    for name, rows in lesions.items():
        first = rows[0]
        for line in rows[1:]:
            for column, meanings in (("label", LABELS), ("solid", SOLID)):
                here, there = (meanings.get(row[column], row[column]) for row in (line, first))
                if here != there and line[column] in meanings and first[column] in meanings:
                    faults.add(
                        line.number,
                        f"{column} {line[column]!r} ({line['modality']}), but lesion {name!r} has {first[column]!r} in "
                        f"{first.where} ({first['modality']}); expected one",
                    )
        seen = {line["modality"] for line in rows}
        missing = [modality for modality in MODALITIES if modality not in seen]
        if missing and seen <= set(MODALITIES):  # a modality outside its values may be the missing one
            numbers = ", ".join(str(line.number) for line in rows)
            faults.add(
                first.number,
                f"lesion {name!r} has {' and '.join(sorted(seen))} alone (line{'s'[: len(rows) > 1]} {numbers}), "
                f"expected {' and '.join(missing)} too",
            )


def _record(folder: Path, entry: Entry, ids: dict[str, str], contour: bytes | None) -> Record:
    assert entry.image is not None
    line = entry.line
    masks: tuple[Path | bytes, ...] = tuple(folder / mask for mask in entry.masks)
    return Record(
        image=folder / entry.image,
        masks=masks if contour is None else (contour,),
        label=line["label"],
        solid=line.choose("solid", SOLID),
        image_id=ids[entry.image],
        case_id=line["lesion_id"],
        birads=line["birads"],
        histology=line["histology"],
        device=line["device"],
        fold=fold_of(line),
        modality=line["modality"],
        view=line["view"],
    )
