"""What all streams of batches share: the order of rows, and reading ahead with threads."""

import functools
from collections.abc import Callable
from typing import Any

import grain
import jax
import numpy as np
from jaxtyping import Int

from busjax.data.device_batches import Batch, DeviceBatches
from busjax.data.folds import Folds
from busjax.data.records import Dataset


class ShuffledRows(grain.MapDataset):
    """Rows in a new random order every epoch: element i is in epoch i // len.

    Grain's own shuffle searches a cipher over 2**16 positions for one inside the list, which takes 13 ms an element for
    2 rows and 0.3 ms for 100; this is numpy's permutation of (seed, epoch).
    """

    def __init__(self, rows: np.ndarray, seed: int):
        super().__init__()
        self._rows = rows
        self._order = functools.lru_cache(maxsize=8)(
            lambda epoch: np.random.default_rng([seed, epoch]).permutation(len(rows))
        )

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return self.slice(index)
        epoch, position = divmod(index, len(self._rows))
        return int(self._rows[self._order(epoch)[position]])


def read_batches(
    stream: grain.MapDataset,
    local_size: int,
    batch_size: int | None,
    sharding: jax.sharding.Sharding | None,
    prefetch: int,
    threads: int,
    finish: Callable[[Batch], Batch],
) -> grain.IterDataset:
    """Batches of the stream, computed by threads ahead of their use and moved to the devices by one more.

    Args:
      stream: the examples of this host.
      local_size: size of a host's part of a batch, of `local_batch_size`.
      batch_size: size of the global batch; None where every host has the whole of it.
      sharding: of the batch axis; None leaves numpy arrays.
      prefetch: how many batches to hold ready; 0 works without threads.
      threads: how many batches are computed at a time.
      finish: what is done to a batch as a whole.

    Raises:
      ValueError: prefetch or threads are out of range.
    """
    if prefetch < 0 or threads < 1:
        raise ValueError(f"prefetch is {prefetch} and threads {threads}, expected at least 0 and 1")
    options = grain.ReadOptions(
        num_threads=threads if prefetch else 0, prefetch_buffer_size=max(prefetch, threads) if prefetch else 0
    )
    # Batched before to_iter_dataset: the stream is then the same for any number of threads.
    batches = stream.batch(local_size, drop_remainder=True).map(finish).to_iter_dataset(options)
    if sharding is None:
        return batches
    return DeviceBatches(batches, sharding, batch_size, prefetch=prefetch)


def read_folds(
    stream: grain.MapDataset,
    folds: Folds,
    batch_size: int,
    sharding: jax.sharding.Sharding | None,
    prefetch: int,
    threads: int,
    finish: Callable[[Batch], Batch],
) -> grain.IterDataset:
    """`read_batches` of folds, of one host: the batches of the one that is trained, or pools for all of them.

    Raises:
      ValueError: as `read_batches`; or the devices do not divide the batches of one fold. All of a pool is on each.
    """
    local_batch_size(batch_size, 0, 1, None if folds.together else sharding)

    def pick(pool: Batch) -> Batch:
        return finish(folds.pick(pool, batch_size))

    size, whole = batch_size + folds.spares, None if folds.together else batch_size
    return read_batches(folds.pool(stream, batch_size), size, whole, sharding, prefetch, threads, pick)


def checked_rows(indices: Int[np.ndarray, " rows"], dataset: Dataset) -> Int[np.ndarray, " rows"]:
    """The rows as an array.

    Raises:
      ValueError: there are none, or one is not of the dataset.
    """
    if not len(indices):
        raise ValueError("no rows to read: the list of indices is empty")
    low, high = int(indices.min()), int(indices.max())
    if low < 0 or high >= len(dataset):
        raise ValueError(f"indices from {low} to {high}, expected 0 to {len(dataset) - 1}, the rows of the dataset")
    return np.array(indices)


def local_batch_size(
    batch_size: int, process_index: int, process_count: int, sharding: jax.sharding.Sharding | None
) -> int:
    """The size of each host's part of a batch.

    Raises:
      ValueError: hosts or devices do not divide it.
    """
    if not 0 <= process_index < process_count:
        raise ValueError(f"process_index is {process_index}, expected 0 to {process_count - 1} (process_count - 1)")
    if batch_size < 1 or batch_size % process_count:
        raise ValueError(f"batch_size is {batch_size}, expected a positive multiple of the {process_count} host(s)")
    devices = len(sharding.device_set) if sharding is not None else 1
    if batch_size % devices:
        raise ValueError(f"batch_size is {batch_size}, expected a multiple of the {devices} devices")
    return batch_size // process_count
