"""Lesions seen in two modalities: every mammogram of a lesion with every ultrasound image of it (Habib et al. 2020).

The paper pairs the two modalities of a lesion and scores "all its appearances in the dataset"; which of several views
go together it does not say. Ours are all combinations.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Int

from busjax.data.prepared import PreparedExamples
from busjax.data.records import Table, TabledDataset
from busjax.data.transforms import Example
from tfds_builders.record import MAMMOGRAPHY, ULTRASOUND, DatasetError

JOINT = "+"
"""Between the names of the two pictures, in the name of a pair."""


class PairDataset:
    """The pairs of a dataset, ordered by the rows of their mammograms and then of their ultrasound images.

    A pair has the table's columns of its mammogram, but for its name 'MAMMOGRAM+ULTRASOUND' and its view; `pictures`
    has the rows of both in the dataset beneath. Lesions that groups join into one case (two of one patient) are paired
    each by itself.
    """

    def __init__(self, dataset: TabledDataset):
        """Pairs the pictures of `dataset`, whose table is a dataclass.

        Raises:
          DatasetError: lesions without one of the modalities, or whose two have different labels; all are listed.
        """
        table: Any = dataset.table
        self.beneath = dataset
        rows = {name: np.flatnonzero(table.modality == name) for name in (MAMMOGRAPHY, ULTRASOUND)}
        lesions = getattr(dataset, "own_case", table.case_id)
        _require_both(table, lesions, rows)
        of_lesion: dict[str, list[int]] = {}
        for row in rows[ULTRASOUND].tolist():
            of_lesion.setdefault(str(lesions[row]), []).append(row)
        self.pictures: Int[np.ndarray, "pairs 2"] = np.array(
            [(row, other) for row in rows[MAMMOGRAPHY].tolist() for other in of_lesion[str(lesions[row])]]
        )
        first, second = self.pictures.T
        self.own_case = lesions[first]
        columns = {field.name: getattr(table, field.name)[first] for field in dataclasses.fields(table)}
        for field in ("image_id", "view"):
            own, other = getattr(table, field)[first], getattr(table, field)[second]
            columns[field] = np.array([f"{a}{JOINT}{b}" for a, b in zip(own.tolist(), other.tolist(), strict=True)])
        self.table: Table = dataclasses.replace(table, **columns)

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, row: int, /) -> dict[str, Any]:
        """The record of a pair's mammogram, under the pair's name, and as `partner` that of its ultrasound image."""
        if not 0 <= row < len(self):
            raise IndexError(f"row {row} is outside 0 .. {len(self) - 1}")
        first, second = (self.beneath[int(picture)] for picture in self.pictures[row])
        return {**first, "image_id": str(self.table.image_id[row]), "partner": second}


class PreparedPairs:
    """`PreparedExamples` of the pairs of a dataset: every picture is prepared and kept once, however often paired."""

    def __init__(self, dataset: PairDataset, prepare: Callable[[Example], Example], *, cache: bool = True):
        """Prepares the pictures of `dataset` with `prepare`, keeping the results if `cache`."""
        self._pairs = dataset.pictures
        self._prepared = PreparedExamples(dataset.beneath, prepare, cache=cache)

    def __getitem__(self, row: int) -> dict[str, Any]:
        """What `PreparedExamples` gives of the mammogram, with the pair's own index, and `partner`, the example of the
        ultrasound image."""
        first, second = (self._prepared[int(picture)] for picture in self._pairs[row])
        return {**first, "partner": second["example"], "index": np.int32(row)}


def _require_both(table: Any, lesions: np.ndarray, rows: dict[str, np.ndarray]) -> None:
    """Checks that every lesion has pictures of both modalities, with one label.

    Raises:
      DatasetError: listing all that have not.
    """
    wrong = []
    for lesion in np.unique(lesions).tolist():
        own = {name: found[lesions[found] == lesion] for name, found in rows.items()}
        if missing := [name for name, found in own.items() if not len(found)]:
            wrong.append(f"{lesion}: found no picture of {' nor of '.join(missing)}")
        elif len(labels := np.unique(np.concatenate([table.label[found] for found in own.values()]))) > 1:
            wrong.append(f"{lesion}: found the labels {', '.join(map(str, labels.tolist()))}")
    name = ", ".join(np.unique(table.dataset).tolist())
    if absent := [kind for kind, found in rows.items() if not len(found)]:
        raise DatasetError(f"{name}: found no picture of {absent[0]} at all, expected some of every lesion")
    if wrong:
        raise DatasetError(
            f"{name}: expected pictures of {MAMMOGRAPHY} and {ULTRASOUND} of every lesion, with one label:\n  "
            + "\n  ".join(wrong)
        )
