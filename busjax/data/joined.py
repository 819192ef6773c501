"""Several datasets as one, and the cases that span them."""

import bisect
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Shaped
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from busjax.data.records import Table, TabledDataset


class JoinedDataset:
    """The records of several datasets, one after the other; `table` is that of all of them."""

    def __init__(self, datasets: Sequence[TabledDataset], groupings: Sequence[Mapping[str, str]] = ()):
        """Joins `datasets` in their order.

        Args:
          datasets: at least one, their tables of one dataclass.
          groupings: each tells groups by image_id, of images that must stay together beyond their case_id
            (near-duplicates); a case whose images are in a group becomes one with the other cases of that group. Images
            that it does not name are in none of its groups.
        """
        self._datasets = tuple(datasets)
        self._starts = np.cumsum([0, *(len(dataset) for dataset in datasets)]).tolist()
        tables: list[Any] = [dataset.table for dataset in datasets]
        columns = {
            field.name: np.concatenate([getattr(table, field.name) for table in tables])
            for field in dataclasses.fields(tables[0])
        }
        for groups in groupings:
            columns["case_id"] = _joined_cases(columns["image_id"], columns["case_id"], groups)
        self.own_case = np.concatenate([table.case_id for table in tables])
        """Of every row, the case as its dataset has it: of the cases that groups join, each by itself."""
        self.table: Table = dataclasses.replace(tables[0], **columns)

    def __len__(self) -> int:
        return self._starts[-1]

    def __getitem__(self, row: int, /) -> dict[str, Any]:
        """The record of one row, as its dataset has it, but for the case_id of the joined table."""
        if not 0 <= row < len(self):
            raise IndexError(f"row {row} is outside 0 .. {len(self) - 1}")
        at = bisect.bisect_right(self._starts, row) - 1
        return {**self._datasets[at][row - self._starts[at]], "case_id": str(self.table.case_id[row])}


def _joined_cases(
    image_id: Shaped[np.ndarray, " images"], case_id: Shaped[np.ndarray, " images"], groups: Mapping[str, str]
) -> Shaped[np.ndarray, " images"]:
    """The case of every image, where cases that share a group, directly or through others, are one.

    It is called by the first of their names.
    """
    found = [(row, groups[name]) for row, name in enumerate(image_id.tolist()) if name in groups]
    if not found:
        return case_id
    names, cases = np.unique(case_id, return_inverse=True)
    rows = np.array([row for row, _ in found])
    group = np.unique([name for _, name in found], return_inverse=True)[1]
    # A graph of cases and groups, with an edge for every image that is in a group.
    nodes = len(names) + int(group.max()) + 1
    edges = coo_array((np.ones(len(rows)), (cases[rows], len(names) + group)), shape=(nodes, nodes))
    component = connected_components(edges, directed=False)[1][: len(names)]
    first = np.full(component.max() + 1, len(names))
    np.minimum.at(first, component, np.arange(len(names)))
    return names[first[component]][cases]
