"""Batches for training and evaluation: Grain reads, transforms and prefetches; JAX places them on devices.

A batch is a dict of image (float32, as `Preprocessing` scales it), mask (float32, 0 or 1), label and solid (int32),
has_mask (bool), weight (float32, 0 for padding) and index (int32, the row in the dataset), all with the batch as
leading axis. At evaluation image and mask have a second axis, the views.
"""

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import grain
import jax
import numpy as np
from jaxtyping import Int

from busjax.data import transforms
from busjax.data.augmentation import Augmentation
from busjax.data.device_batches import Batch, DeviceBatches
from busjax.data.prepared import PreparedExamples
from busjax.data.preprocessing import HALVES, Preprocessing
from busjax.data.records import Dataset
from busjax.names import hint

RESIZES: dict[str, Callable[..., transforms.Example]] = {
    "squash": transforms.squash,
    "pad": transforms.pad_to_square,
    "short_side": transforms.resize_short_side,
}
"""Name -> function of (example, size, interpolation)."""


class EvaluationBatches:
    """A finite, repeatable pass over some rows of a dataset; `len` is the number of batches.

    Each `iter` starts a new pass in the same order; prepared images stay in memory between passes. Threads end with the
    pass, also when it is left early.
    """

    def __init__(self, batches: grain.IterDataset, count: int):
        """Wraps `batches`, which yields `count` of them."""
        self._batches = batches
        self._count = count

    def __len__(self) -> int:
        """Number of batches, the same on every host."""
        return self._count

    def __iter__(self) -> Iterator[Batch]:
        """One pass."""
        iterator = iter(self._batches)
        try:
            yield from iterator
        finally:
            iterator.close()


def training_batches(
    dataset: Dataset,
    indices: Int[np.ndarray, " rows"],
    *,
    image_size: int,
    resize: str,
    augment: Mapping[str, Any],
    batch_size: int,
    seed: int,
    sharding: jax.sharding.Sharding | None = None,
    process_index: int = 0,
    process_count: int = 1,
    prefetch: int = 2,
    threads: int = 4,
    cache: bool = True,
    preprocessing: Preprocessing = HALVES,
) -> grain.IterDataset:
    """Endless training batches, a pure function of (seed, step).

    The rows are shuffled anew every epoch and the epochs follow each other without a gap: a batch may hold the end of
    one and the start of the next, and no example is dropped. Augmentation is keyed by (seed, position in this stream),
    so neither threads nor the number of hosts change a single pixel. Host p of P computes elements p, p + P, ... of
    each global batch.

    The iterator's `get_state` is the number of batches consumed, whatever has been prefetched; `set_state` continues
    from there. Call its `close` to end its threads.

    Args:
      dataset: records by row.
      indices: rows to train on; each is seen once per epoch.
      image_size: height and width of the network's input, in pixels.
      resize: 'squash' to image_size x image_size, 'pad' with zeros to a square first, or 'short_side': the shorter
        side to image_size, then a random crop (Qi et al. 2019, multi-input prediction).
      augment: fields of `Augmentation`.
      batch_size: size of the global batch, over all hosts and devices.
      seed: integer in [0, 2**32).
      sharding: of the batch axis; None leaves numpy arrays of this host's part.
      process_index: number of this host.
      process_count: number of hosts.
      prefetch: how many batches to hold ready, on the host and again on the devices; 0 works without threads.
      threads: how many batches are computed at a time.
      cache: keep decoded and resized images in memory.
      preprocessing: what the network expects of pixels.

    Returns:
      Batches with image [batch, image_size, image_size, 3] and mask [batch, image_size, image_size, 1].

    Raises:
      ValueError: an argument out of range, an unknown name, or a batch size that hosts or devices do not divide.
    """
    prepared = PreparedExamples(dataset, _resizer(resize, image_size, preprocessing), cache=cache)
    rows = _checked_rows(indices, dataset)
    augmentation = Augmentation.from_mapping(augment)
    local_size = _local_batch_size(batch_size, process_index, process_count, sharding)
    if not 0 <= seed < 2**32:
        raise ValueError(f"seed is {seed}, expected 0 to 2**32 - 1")

    def finish(record: dict[str, Any], rng: np.random.Generator) -> Batch:
        example = augmentation.apply(record["example"], image_size, crop=resize == "short_side", rng=rng)
        return _batch_element(record, example.image, example.mask, weight=1.0)

    stream = _ShuffledRows(rows, seed).repeat().map(prepared.__getitem__).random_map(finish, seed=seed)
    # Sliced last, so that the position that keys the augmentation is the one in the global stream.
    return _read(
        stream[process_index::process_count], local_size, batch_size, sharding, prefetch, threads, preprocessing
    )


def evaluation_batches(
    dataset: Dataset,
    indices: Int[np.ndarray, " rows"],
    *,
    image_size: int,
    resize: str,
    views: int,
    batch_size: int,
    sharding: jax.sharding.Sharding | None = None,
    process_index: int = 0,
    process_count: int = 1,
    prefetch: int = 2,
    threads: int = 4,
    cache: bool = True,
    preprocessing: Preprocessing = HALVES,
) -> EvaluationBatches:
    """Every given row once, in order, in batches of one size; the last is padded with its last row at weight 0.

    Arguments, devices and hosts as in `training_batches`; host p of P computes elements p, p + P, ... and every host
    has the same number of batches.

    Args:
      dataset: records by row.
      indices: rows to evaluate.
      image_size: height and width of a view, in pixels.
      resize: 'squash' or 'pad' (one view), or 'short_side' and windows along the longer side (Qi et al. 2019).
      views: number of windows per image; 5 in the paper; 1 is the centre.
      batch_size: number of images (not views) in a global batch.
      sharding: of the batch axis; None leaves numpy arrays of this host's part.
      process_index: number of this host.
      process_count: number of hosts.
      prefetch: how many batches to hold ready; 0 works without threads.
      threads: how many batches are computed at a time.
      cache: keep decoded and resized images in memory between passes.
      preprocessing: what the network expects of pixels.

    Returns:
      Batches with image [batch, views, image_size, image_size, 3] and mask [batch, views, image_size, image_size, 1].

    Raises:
      ValueError: an argument out of range, an unknown name, or a batch size that hosts or devices do not divide.
    """
    prepared = PreparedExamples(dataset, _resizer(resize, image_size, preprocessing), cache=cache)
    rows = _checked_rows(indices, dataset)
    local_size = _local_batch_size(batch_size, process_index, process_count, sharding)
    if views < 1 or (resize != "short_side" and views != 1):
        one = f"1 with resize {resize}"
        raise ValueError(f"views is {views}, expected {'at least 1' if resize == 'short_side' else one}")
    count = -(-len(rows) // batch_size)

    def finish(position: int) -> Batch:
        record = prepared[int(rows[min(position, len(rows) - 1)])]
        cut = transforms.windows(record["example"], image_size, views)
        return _batch_element(record, cut.image, cut.mask, weight=float(position < len(rows)))

    stream = grain.MapDataset.range(count * batch_size)[process_index::process_count].map(finish)
    return EvaluationBatches(_read(stream, local_size, batch_size, sharding, prefetch, threads, preprocessing), count)


class _ShuffledRows(grain.MapDataset):
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


def _read(
    stream: grain.MapDataset,
    local_size: int,
    batch_size: int,
    sharding: jax.sharding.Sharding | None,
    prefetch: int,
    threads: int,
    preprocessing: Preprocessing,
) -> grain.IterDataset:
    """Batches of the stream, computed by threads ahead of their use and moved to the devices by one more."""
    if prefetch < 0 or threads < 1:
        raise ValueError(f"prefetch is {prefetch} and threads {threads}, expected at least 0 and 1")
    options = grain.ReadOptions(
        num_threads=threads if prefetch else 0, prefetch_buffer_size=max(prefetch, threads) if prefetch else 0
    )
    # Batched before to_iter_dataset: the stream is then the same for any number of threads.
    batches = (
        stream.batch(local_size, drop_remainder=True)
        .map(functools.partial(_scaled, preprocessing))
        .to_iter_dataset(options)
    )
    if sharding is None:
        return batches
    return DeviceBatches(batches, sharding, batch_size, prefetch=prefetch)


def _batch_element(record: dict[str, Any], image: np.ndarray, mask: np.ndarray, *, weight: float) -> Batch:
    return {
        "image": image,
        "mask": mask,
        "label": record["label"],
        "solid": record["solid"],
        "has_mask": record["has_mask"],
        "weight": np.float32(weight),
        "index": record["index"],
    }


def _scaled(preprocessing: Preprocessing, batch: Batch) -> Batch:
    """Pixels as the network takes them: a batch at a time, since stacking 8-bit images is several times faster."""
    return {
        **batch,
        "image": preprocessing.apply(batch["image"]),
        "mask": (batch["mask"] > 0).astype(np.float32),
    }


def _resizer(resize: str, image_size: int, preprocessing: Preprocessing) -> Any:
    if resize not in RESIZES:
        raise ValueError(f"unknown resize {resize!r}{hint(resize, list(RESIZES))}")
    if image_size < 1:
        raise ValueError(f"image_size is {image_size}, expected at least 1 pixel")
    return functools.partial(RESIZES[resize], size=image_size, interpolation=preprocessing.interpolation)


def _checked_rows(indices: np.ndarray, dataset: Dataset) -> np.ndarray:
    if not len(indices):
        raise ValueError("no rows to read: the list of indices is empty")
    low, high = int(indices.min()), int(indices.max())
    if low < 0 or high >= len(dataset):
        raise ValueError(f"indices from {low} to {high}, expected 0 to {len(dataset) - 1}, the rows of the dataset")
    return np.array(indices)


def _local_batch_size(
    batch_size: int, process_index: int, process_count: int, sharding: jax.sharding.Sharding | None
) -> int:
    if not 0 <= process_index < process_count:
        raise ValueError(f"process_index is {process_index}, expected 0 to {process_count - 1} (process_count - 1)")
    if batch_size < 1 or batch_size % process_count:
        raise ValueError(f"batch_size is {batch_size}, expected a positive multiple of the {process_count} host(s)")
    devices = len(sharding.device_set) if sharding is not None else 1
    if batch_size % devices:
        raise ValueError(f"batch_size is {batch_size}, expected a multiple of the {devices} devices")
    return batch_size // process_count
