"""The pictures of one modality in a dataset that may hold several."""

import dataclasses
from typing import Any

import numpy as np

from busjax.data.records import Table, TabledDataset
from tfds_builders.record import DatasetError


class OfModality:
    """Those rows of a dataset that are of one modality, in its order."""

    def __init__(self, dataset: TabledDataset, modality: str):
        """Selects the rows.

        Raises:
          DatasetError: there are none; it says what there is.
        """
        table: Any = dataset.table
        self._dataset = dataset
        self._rows = np.flatnonzero(table.modality == modality)
        if not len(self._rows):
            name = ", ".join(np.unique(table.dataset).tolist())
            raise DatasetError(
                f"{name}: has no pictures of data.modality {modality!r}, found {', '.join(np.unique(table.modality))}"
            )
        columns = {field.name: getattr(table, field.name)[self._rows] for field in dataclasses.fields(table)}
        self.table: Table = dataclasses.replace(table, **columns)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, row: int, /) -> dict[str, Any]:
        """The record of one of its rows."""
        if not 0 <= row < len(self):
            raise IndexError(f"row {row} is outside 0 .. {len(self) - 1}")
        return self._dataset[int(self._rows[row])]


def of_modality(dataset: TabledDataset, modality: str) -> TabledDataset:
    """The dataset with the rows of one modality; itself where they are all its rows.

    So a network of one modality never meets pictures of another unless a config asks for them.

    Args:
      dataset: its table is a dataclass.
      modality: one of `tfds_builders.record.MODALITIES`.

    Raises:
      DatasetError: it has no picture of that modality.
    """
    if bool(np.all(dataset.table.modality == modality)):
        return dataset
    return OfModality(dataset, modality)
