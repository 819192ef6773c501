"""What is in a built dataset, counted, as a table for the terminal."""

from collections import Counter

import numpy as np
from jaxtyping import Bool, Int32
from rich.table import Table as RichTable

from tfds_builders.reading import BUSDataset, Table
from tfds_builders.record import LABELS


def count_masks(dataset: BUSDataset) -> dict[str, int]:
    """Counts images with a lesion in their mask ("yes"), with an empty mask ("empty") and without a mask ("none").

    Reads every image of the dataset.
    """
    counts = Counter(
        "none" if not example["has_mask"] else "yes" if example["mask"].any() else "empty"
        for example in (dataset[index] for index in range(len(dataset)))
    )
    return {name: counts[name] for name in ("yes", "empty", "none")}


def resized_masks(table: Table) -> Bool[np.ndarray, " images"]:
    """Which images were released with a mask of another size, which then was resized."""
    return table.has_mask & ((table.mask_height != table.height) | (table.mask_width != table.width))


def summarise(dataset: BUSDataset, released_images: int) -> RichTable:
    """Counts images, cases, classes, solid nodules, masks and sizes.

    Args:
        dataset: the built dataset.
        released_images: images in the whole release, told where the dataset has another number; 0 where there is no
            such number.
    """
    table = dataset.table
    images = str(len(table))
    if released_images and len(table) != released_images:
        images += f" of the {released_images} released"
    solid = {name: int((table.solid == value).sum()) for name, value in (("yes", 1), ("no", 0), ("unknown", -1))}
    classes = {name: int((table.label == index).sum()) for index, name in enumerate(LABELS)}
    if unknown := int((table.label < 0).sum()):
        classes["unknown"] = unknown
    rows = {
        "images": images,
        "cases": str(len(np.unique(table.case_id))),
        "classes": _counts(classes),
        "solid nodule": _counts(solid),
        "masks": _counts(count_masks(dataset)),
        "masks of another size than their image": str(int(resized_masks(table).sum())),
        "official folds": str(len(np.unique(table.fold[table.fold >= 0]))),
        "width, pixels": _range(table.width),
        "height, pixels": _range(table.height),
    }
    modalities = np.unique(table.modality)
    if len(modalities) > 1:
        rows["modalities"] = _counts({name: int((table.modality == name).sum()) for name in modalities.tolist()})
    printed = RichTable(title=dataset.name, show_header=False)
    for name, value in rows.items():
        printed.add_row(name, value)
    return printed


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def _range(values: Int32[np.ndarray, " images"]) -> str:
    return f"{values.min()} - {np.median(values):g} - {values.max()} (min - median - max)"
