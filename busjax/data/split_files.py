"""A split as files in a work directory: train.csv, val.csv, test.csv and split.json."""

import csv
import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from busjax.atomic import write_atomic
from busjax.data.records import Table
from busjax.data.splits import BY_IMAGE, PARTS, PROTOCOLS, Split, SplitError
from busjax.names import EVERY, LEAVE_ONE_OUT
from tfds_builders.record import LABELS

COLUMNS = ("image_id", "case_id", "label", "solid")


def write_split(split: Split, table: Table, directory: str | os.PathLike[str]) -> None:
    """Writes one CSV per part (image_id, case_id, label by name or blank, solid) and split.json (protocol, seed, fold).

    Each file is complete or absent, whenever the writing is interrupted; split.json comes last and marks the whole.
    """
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in split.parts().items():
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(COLUMNS)
        for row in rows:
            writer.writerow(
                (table.image_id[row], table.case_id[row], _class_name(table.label[row]), int(table.solid[row]))
            )
        write_atomic(folder / f"{name}.csv", text.getvalue())
    facts = {"protocol": split.protocol, "seed": split.seed, "fold": split.fold}
    write_atomic(folder / "split.json", json.dumps(facts, indent=2) + "\n")


def read_split(directory: str | os.PathLike[str], table: Table) -> Split:
    """Reads a written split and checks it against the dataset.

    Raises:
      SplitError: a file is missing or malformed, an image_id is unknown or appears twice, a case_id, label or solid
        differs from the table, or a case lies in two parts (unless the protocol is of `BY_IMAGE`). Where every case is
        left out in turn, the test part is the training part.
    """
    folder = Path(directory)
    facts = _read_facts(folder / "split.json")
    row_of = {str(image_id): row for row, image_id in enumerate(table.image_id)}
    place: dict[str, str] = {}
    part_of_case: dict[str, str] = {}
    parts = {}
    in_turn = facts["protocol"] == LEAVE_ONE_OUT and facts["fold"] == EVERY
    for part in PARTS:
        if in_turn and part == "test":  # a part of its own, which the training part must be
            place, part_of_case = {}, {}
        path = folder / f"{part}.csv"
        rows = []
        for number, fields in _read_rows(path):
            here = f"{path} row {number}"
            image_id, case_id = fields["image_id"], fields["case_id"]
            if image_id not in row_of:
                raise SplitError(f"{here}: image_id {image_id!r} is not in the dataset")
            if image_id in place:
                raise SplitError(f"{here}: image_id {image_id!r} is already in {place[image_id]}, expected once")
            place[image_id] = here
            row = row_of[image_id]
            _require_same(here, fields, table, row)
            if part_of_case.setdefault(case_id, part) != part and facts["protocol"] not in BY_IMAGE:
                raise SplitError(
                    f"{here}: case {case_id!r} is already in {part_of_case[case_id]}.csv, expected one part"
                )
            rows.append(row)
        if not rows:
            raise SplitError(f"{path} lists no images, expected at least one")
        parts[part] = np.array(rows)
    if in_turn and not np.array_equal(parts["train"], parts["test"]):
        raise SplitError(
            f"{folder / 'test.csv'}: found other images than in train.csv, expected the same, left out in turn"
        )
    return Split(parts["train"], parts["val"], parts["test"], facts["protocol"], facts["seed"], facts["fold"])


def listed_cases(directory: str | os.PathLike[str], part: str) -> list[tuple[str, str]]:
    """Image and case of every row of a written part, as the file has them.

    Raises:
      SplitError: the file is missing or malformed.
    """
    return [(fields["image_id"], fields["case_id"]) for _, fields in _read_rows(Path(directory) / f"{part}.csv")]


def _class_name(label: Any) -> str:
    """As in the file: blank where the class is unknown."""
    return LABELS[int(label)] if label >= 0 else ""


def _require_same(here: str, fields: dict[str, str], table: Table, row: int) -> None:
    label, solid = _class_name(table.label[row]), str(int(table.solid[row]))
    for column, expected in (("case_id", str(table.case_id[row])), ("label", label), ("solid", solid)):
        if fields[column] != expected:
            raise SplitError(
                f"{here}: {column} of {fields['image_id']!r} is {fields[column]!r}, the dataset says {expected!r}"
            )


def _read_facts(path: Path) -> dict[str, Any]:
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SplitError(f"{path} is missing: no complete split was written there") from None
    except ValueError as error:
        raise SplitError(f"{path} is not JSON: {error}") from None
    if (
        not isinstance(facts, dict)
        or set(facts) != {"protocol", "seed", "fold"}
        or facts["protocol"] not in PROTOCOLS
        or type(facts["seed"]) is not int
        or type(facts["fold"]) is not int
    ):
        raise SplitError(
            f"{path} holds {facts!r}, expected integer seed and fold and a protocol out of {', '.join(PROTOCOLS)}"
        )
    return facts


def _read_rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Rows by column name, each with its line number as an editor shows it."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SplitError(f"{path} is missing, expected the files {', '.join(f'{p}.csv' for p in PARTS)}") from None
    reader = csv.reader(io.StringIO(text, newline=""))
    header = next(reader, [])
    if tuple(header) != COLUMNS:
        raise SplitError(f"{path} row 1: columns {header}, expected {list(COLUMNS)}")
    rows = []
    for values in reader:
        if len(values) != len(COLUMNS):
            raise SplitError(f"{path} row {reader.line_num}: {len(values)} fields, expected {len(COLUMNS)}")
        rows.append((reader.line_num, dict(zip(COLUMNS, values, strict=True))))
    return rows
