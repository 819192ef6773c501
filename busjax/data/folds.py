"""Batches for networks that are trained side by side, each without the images of one case (leave one out).

All folds draw from one stream of all cases' images, in one order, augmented once. A batch of fold f holds the next
images of the stream that are not of the case that f leaves out: for a fold that must leave k images of a batch out, the
first k spare ones behind it come in their place, which are seen again in its next batches. So a fold's batches are a
function of (seed, step, fold) alone, the same whether it is trained by itself or with all others.
"""

import dataclasses
from typing import Any

import grain
import numpy as np
from jaxtyping import Int

from busjax.data.device_batches import Batch
from busjax.names import EVERY


@dataclasses.dataclass(frozen=True, eq=False)
class Folds:
    """Which rows each fold leaves out.

    Attributes:
      of_row: the fold that leaves a row of the dataset out, from 0, or -1 for rows that none does, int [rows].
      count: number of folds.
      fold: the one that is trained; `EVERY` for all at a time.
    """

    of_row: Int[np.ndarray, " rows"]
    count: int
    fold: int

    @property
    def together(self) -> bool:
        """Whether all folds are trained at a time."""
        return self.fold == EVERY

    @property
    def spares(self) -> int:
        """How many images stand behind a batch for those that it must leave out: twice those of the largest case, all
        of which may come at the turn of an epoch."""
        return 2 * int(np.bincount(self.of_row[self.of_row >= 0]).max())

    def pool(self, stream: grain.MapDataset, batch_size: int) -> grain.MapDataset:
        """The stream as what batches are picked from: pool i is its elements i * batch_size and as many as follow in a
        batch and the spares."""
        return _Overlapping(stream, batch_size, batch_size + self.spares)

    def pick(self, pool: Batch, batch_size: int) -> Batch:
        """From a pool, with the rows in `index`, to the batch of the fold; of all folds the pool and, as `picked`, the
        places of each one's batch in it, int32 [folds, batch]."""
        fold_of = self.of_row[pool["index"]]
        if self.together:
            places = np.stack([picked(fold_of, fold, batch_size) for fold in range(self.count)])
            return {**pool, "picked": places.astype(np.int32)}
        places = picked(fold_of, self.fold, batch_size)
        return {name: values[places] for name, values in pool.items()}


def picked(fold_of: Int[np.ndarray, " pool"], fold: int, batch_size: int) -> Int[np.ndarray, " batch"]:
    """Places in a pool of the first images that a fold does not leave out.

    Raises:
      ValueError: there are too few.
    """
    free = np.flatnonzero(fold_of != fold)[:batch_size]
    if len(free) < batch_size:
        raise ValueError(f"fold {fold}: found {len(free)} images that it may see, expected a batch of {batch_size}")
    return free


class _Overlapping(grain.MapDataset):
    """Windows of a stream, one after the other, which overlap."""

    def __init__(self, stream: grain.MapDataset, step: int, length: int):
        super().__init__(stream)
        self._step, self._length = step, length

    def __len__(self) -> int:
        return len(self._parent)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return self.slice(index)
        window, place = divmod(index, self._length)
        return self._parent[window * self._step + place]
