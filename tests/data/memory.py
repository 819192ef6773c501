"""An in-memory stand-in for a built dataset."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np


@dataclasses.dataclass
class MemoryTable:
    image_id: np.ndarray
    case_id: np.ndarray
    label: np.ndarray
    solid: np.ndarray
    fold: np.ndarray
    has_mask: np.ndarray
    dataset: np.ndarray
    modality: np.ndarray
    view: np.ndarray

    def reordered(self, order: np.ndarray) -> "MemoryTable":
        return MemoryTable(*(getattr(self, field.name)[order] for field in dataclasses.fields(self)))


class MemoryDataset:
    """Records held as dicts; counts how often each row is read."""

    def __init__(self, records: Sequence[dict[str, Any]]):
        self.records = list(records)
        self.reads = [0] * len(self.records)

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, row: int) -> dict[str, Any]:
        self.reads[row] += 1
        return self.records[row]


def memory_table(
    cases: Sequence[Sequence[tuple[int, int]]], folds: Sequence[int] | None = None, dataset: str = "memory"
) -> MemoryTable:
    """A table of cases, each a list of (label, solid), one per image."""
    before = "" if dataset == "memory" else f"{dataset}/"
    rows = [
        (
            f"{before}image{case:04d}-{view}",
            f"{before}case{case:04d}",
            label,
            solid,
            folds[case] if folds is not None else -1,
        )
        for case, images in enumerate(cases)
        for view, (label, solid) in enumerate(images)
    ]
    image_id, case_id, label, solid, fold = zip(*rows, strict=True)
    integers = (np.array(column, np.int32) for column in (label, solid, fold))
    return MemoryTable(
        np.array(image_id),
        np.array(case_id),
        *integers,
        np.ones(len(rows), bool),
        np.full(len(rows), dataset),
        np.full(len(rows), "ultrasound"),
        np.full(len(rows), ""),
    )


def memory_dataset(count: int) -> MemoryDataset:
    """Small random images, colour and grey, portrait and landscape; one in five has no mask."""
    rng = np.random.default_rng(1)
    records = []
    for row in range(count):
        height, width = (int(side) for side in rng.integers(20, 48, size=2))
        image = rng.integers(0, 256, size=(height, width, 3 if row % 2 else 1), dtype=np.uint8)
        mask = np.zeros((height, width, 1), np.uint8)
        if row % 5:
            mask[height // 4 : height // 2, width // 4 : width // 2] = 255
        records.append(
            {
                "image": np.broadcast_to(image, (height, width, 3)).copy(),
                "mask": mask,
                "has_mask": bool(row % 5),
                "label": row % 3,
                "solid": row % 3 - 1,
                "image_id": f"image{row}",
                "case_id": f"case{row // 2}",
            }
        )
    return MemoryDataset(records)
