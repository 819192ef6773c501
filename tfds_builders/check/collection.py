"""Several built datasets as one list of images."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int, Shaped

from tfds_builders.reading import BUSDataset, Table, make_builder, open_dataset
from tfds_builders.record import LABELS, DatasetError


@dataclass(frozen=True)
class Collection:
    """Images of several datasets, one after the other. Two configs of one dataset may have images of the same name.

    Attributes:
        datasets: where they come from.
        table: their tables, joined; row i is about image i.
        source: number of the dataset of every image.
        known: number of the group of every image among those that its dataset knows to be near-duplicates
            (`BUSBuilder.known_duplicates`), -1 where it is in none.
    """

    datasets: tuple[BUSDataset, ...]
    table: Table
    source: Int[np.ndarray, " images"]
    known: Int[np.ndarray, " images"]

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Reads image `index`, as `BUSDataset` does."""
        source = int(self.source[index])
        return self.datasets[source][int(index) - int(np.searchsorted(self.source, source))]

    @property
    def names(self) -> list[str]:
        """Names of the datasets."""
        return [dataset.name for dataset in self.datasets]

    @property
    def label_names(self) -> Shaped[np.ndarray, " images"]:
        """The class of every image in words, "unknown" where none was released."""
        return np.array([*LABELS, "unknown"])[self.table.label]  # -1 is the last


def open_collection(names: Sequence[str], data_dir: str | Path) -> Collection:
    """Opens built datasets by name.

    Raises:
        DatasetError: an unknown name, a dataset that is not built, or one named twice.
    """
    datasets = tuple(open_dataset(name, data_dir) for name in names)
    for number, dataset in enumerate(datasets):
        if dataset.name in [other.name for other in datasets[:number]]:
            raise DatasetError(f"dataset {dataset.name} is named twice, expected once")
    tables = [dataset.table for dataset in datasets]
    joined: dict[str, Any] = {
        field.name: np.concatenate([getattr(table, field.name) for table in tables]) for field in fields(Table)
    }
    source = np.repeat(np.arange(len(datasets)), [len(table) for table in tables])
    groups: dict[str, int] = {}
    count = 0
    for dataset in datasets:
        builder = make_builder(dataset.name, data_dir)
        for group in builder.known_duplicates():
            groups.update(dict.fromkeys((f"{builder.prefix}/{image_id}" for image_id in group), count))
            count += 1
    known = np.array([groups.get(image_id, -1) for image_id in joined["image_id"].tolist()])
    return Collection(datasets, Table(**joined), source, known)
