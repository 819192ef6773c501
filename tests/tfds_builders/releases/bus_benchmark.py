"""The benchmark: the five sets side by side, and the released folds with what they lost and mislabelled."""

import dataclasses
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from tests.tfds_builders.expected import Expected
from tests.tfds_builders.releases import busi, busis, dataset_b, hmss, thammasat

LOST = ("hmss/41569-Afbeelding1", "hmss/56828-Afbeelding1")


def write_release(folder: Path) -> list[Expected]:
    """Writes the five sets and folds/ into `folder`; what is expected is the default config."""
    sets = {
        "hmss": [dataclasses.replace(e, image=hmss.crop(e)) for e in hmss.write_release(folder)],
        "busi": [e for e in busi.write_release(folder) if e.label != 0],
        "busis": busis.write_release(folder),
        "thammasat": [dataclasses.replace(e, image=thammasat.crop(e)) for e in thammasat.write_release(folder)],
        "dataset_b": dataset_b.write_release(folder),
    }
    expected = [
        dataclasses.replace(
            record,
            image_id=f"{name}/{record.image_id}",
            case_id=f"{name}/{record.case_id}",
            image=square(record.image),
            mask=None if record.mask is None else square(record.mask),
            mask_size=None,
        )
        for name, records in sets.items()
        for record in records
    ]
    fold_of, label_of = deal(expected)
    write_folds(folder / "folds", expected, fold_of, label_of)
    return [dataclasses.replace(record, fold=fold_of[record.case_id]) for record in expected]


def square(values: np.ndarray) -> np.ndarray:
    """Zeros around an image or a mask, half of them before, the odd one behind."""
    height, width = values.shape[:2]
    rows, columns = max(width - height, 0), max(height - width, 0)
    around = [(rows // 2, rows - rows // 2), (columns // 2, columns - columns // 2)]
    return np.pad(values, [*around, (0, 0)] if values.ndim == 3 else around)


def deal(expected: Iterable[Expected]) -> tuple[dict[str, int], dict[str, int]]:
    """Fold of every case, and its label in the folds, which is that of its first image."""
    fold_of: dict[str, int] = {}
    label_of: dict[str, int] = {}
    for record in expected:
        if record.case_id not in label_of:
            alike = sum(label == record.label for label in label_of.values())
            fold_of[record.case_id] = -1 if record.case_id in LOST else alike % 5
            label_of[record.case_id] = record.label
    return fold_of, label_of


def write_folds(folder: Path, expected: list[Expected], fold_of: dict[str, int], label_of: dict[str, int]) -> None:
    """Writes folder1 to folder5 with their three tables; nothing is lost from the training part here."""
    for fold in range(5):
        tables: dict[str, list[str]] = {"train": [], "valid": [], "test": []}
        for record in expected:
            part = {fold: "test", (fold + 1) % 5: "valid"}.get(fold_of[record.case_id], "train")
            # A benchmark's case is an image in BUSI, BUSIS and Dataset B, whose images so keep their own labels.
            label = label_of[record.case_id] if record.image_id.startswith("hmss/") else record.label
            tables[part].append(f"{len(tables[part])},{record.image_id.split('/')[1]},{label - 1}")
        for part, lines in tables.items():
            path = folder / f"folder{fold + 1}" / f"{part}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("\n".join([",img name,tumor types", *lines, ""]))
