"""Batches for training and evaluation: Grain reads, transforms and prefetches; JAX places them on devices.

A batch is a dict of image (float32, as `Preprocessing` scales it), mask (float32, 0 or 1), label and solid (int32),
has_mask (bool), weight (float32, 0 for padding) and index (int32, the row in the dataset), all with the batch as
leading axis. At evaluation image and mask have a second axis, the views. With resize 'lesion' there is also extra
(float32, 3 numbers; `lesion.Patch`). Of pairs image and mask are the mammogram's, and partner, as image, is the
ultrasound image (`pairs.PairDataset`).
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
from busjax.data.despeckle import first_steps
from busjax.data.device_batches import Batch
from busjax.data.folds import Folds
from busjax.data.lesion import lesion_patch, lesion_square
from busjax.data.pairs import PairDataset, PreparedPairs
from busjax.data.prepared import PreparedExamples
from busjax.data.preprocessing import HALVES, Preprocessing
from busjax.data.records import Dataset
from busjax.data.streams import ShuffledRows, checked_rows, local_batch_size, read_batches, read_folds
from busjax.names import hint

RESIZES: dict[str, Callable[..., transforms.Example]] = {
    "squash": transforms.squash,
    "pad": transforms.pad_to_square,
    "short_side": transforms.resize_short_side,
    "lesion": lesion_patch,
    "lesion_square": lesion_square,
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
    grey: bool = False,
    despeckle: str = "",
    folds: Folds | None = None,
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
        side to image_size, then a random crop (Qi et al. 2019, multi-input prediction). 'lesion': the region of the
        lesion to image_size x image_size (Cheng et al. 2016). 'lesion_square': that region with a margin, its aspect
        kept (Habib et al. 2020).
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
      grey: whether images become their luminance, in three equal channels.
      despeckle: filter of the image before it is resized, a name of `despeckle.FILTERS`, or '' for none.
      folds: where each leaves a case out; of one host alone.

    Returns:
      Batches with image [batch, image_size, image_size, 3] and mask [batch, image_size, image_size, 1]; of all folds
      at a time, a pool with spares and `picked` (`Folds.pick`), the same on every device.

    Raises:
      ValueError: an argument out of range, an unknown name, or a batch size that hosts or devices do not divide.
    """
    prepared = _prepared(dataset, _preparation(resize, image_size, preprocessing, grey, despeckle), cache)
    rows = checked_rows(indices, dataset)
    augmentation = Augmentation.from_mapping(augment)
    if not 0 <= seed < 2**32:
        raise ValueError(f"seed is {seed}, expected 0 to 2**32 - 1")

    def finish(record: dict[str, Any], rng: np.random.Generator) -> Batch:
        example, *partner = (
            augmentation.apply(record[name], image_size, crop=resize == "short_side", rng=rng)
            for name in ("example", "partner")
            if name in record
        )
        return _batch_element(record, example.image, example.mask, [one.image for one in partner], weight=1.0)

    stream = ShuffledRows(rows, seed).repeat().map(prepared.__getitem__).random_map(finish, seed=seed)
    finished = functools.partial(_scaled, preprocessing)
    if folds is not None:
        return read_folds(stream, folds, batch_size, sharding, prefetch, threads, finished)
    local_size = local_batch_size(batch_size, process_index, process_count, sharding)
    # Sliced last, so that the position that keys the augmentation is the one in the global stream.
    return read_batches(
        stream[process_index::process_count], local_size, batch_size, sharding, prefetch, threads, finished
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
    grey: bool = False,
    despeckle: str = "",
    folds: Folds | None = None,
) -> EvaluationBatches:
    """Every given row once, in order, in batches of one size; the last is padded with its last row at weight 0.

    Arguments, devices and hosts as in `training_batches`; host p of P computes elements p, p + P, ... and every host
    has the same number of batches.

    Args:
      dataset: records by row.
      indices: rows to evaluate.
      image_size: height and width of a view, in pixels.
      resize: 'squash', 'pad', 'lesion' or 'lesion_square' (one view), or 'short_side' and windows along the longer
        side (Qi et al. 2019).
      views: number of windows per image; 5 in the paper; 1 is the centre.
      batch_size: number of images (not views) in a global batch.
      sharding: of the batch axis; None leaves numpy arrays of this host's part.
      process_index: number of this host.
      process_count: number of hosts.
      prefetch: how many batches to hold ready; 0 works without threads.
      threads: how many batches are computed at a time.
      cache: keep decoded and resized images in memory between passes.
      preprocessing: what the network expects of pixels.
      grey: whether images become their luminance, in three equal channels.
      despeckle: filter of the image before it is resized, a name of `despeckle.FILTERS`, or '' for none.
      folds: of networks trained side by side; batches then tell of every row the `fold` whose network is to answer,
        the one that leaves it out, or the first where none does.

    Returns:
      Batches with image [batch, views, image_size, image_size, 3] and mask [batch, views, image_size, image_size, 1].

    Raises:
      ValueError: an argument out of range, an unknown name, or a batch size that hosts or devices do not divide.
    """
    prepared = _prepared(dataset, _preparation(resize, image_size, preprocessing, grey, despeckle), cache)
    rows = checked_rows(indices, dataset)
    local_size = local_batch_size(batch_size, process_index, process_count, sharding)
    if views < 1 or (resize != "short_side" and views != 1):
        one = f"1 with resize {resize}"
        raise ValueError(f"views is {views}, expected {'at least 1' if resize == 'short_side' else one}")
    count = -(-len(rows) // batch_size)

    def finish(position: int) -> Batch:
        record = prepared[int(rows[min(position, len(rows) - 1)])]
        cut, *partner = (
            transforms.windows(record[name], image_size, views) for name in ("example", "partner") if name in record
        )
        images = [one.image for one in partner]
        made = _batch_element(record, cut.image, cut.mask, images, weight=float(position < len(rows)))
        return made if folds is None else {**made, "fold": np.int32(max(folds.of_row[record["index"]], 0))}

    stream = grain.MapDataset.range(count * batch_size)[process_index::process_count].map(finish)
    finished = functools.partial(_scaled, preprocessing)
    return EvaluationBatches(read_batches(stream, local_size, batch_size, sharding, prefetch, threads, finished), count)


def _prepared(dataset: Dataset, prepare: Callable[[transforms.Example], transforms.Example], cache: bool) -> Any:
    kind: Any = PreparedPairs if isinstance(dataset, PairDataset) else PreparedExamples
    return kind(dataset, prepare, cache=cache)


def _batch_element(
    record: dict[str, Any], image: np.ndarray, mask: np.ndarray, partner: list[np.ndarray], *, weight: float
) -> Batch:
    return {
        "image": image,
        "mask": mask,
        "label": record["label"],
        "solid": record["solid"],
        "has_mask": record["has_mask"],
        "weight": np.float32(weight),
        "index": record["index"],
        **({"extra": record["extra"]} if "extra" in record else {}),
        **({"partner": partner[0]} if partner else {}),
    }


def _scaled(preprocessing: Preprocessing, batch: Batch) -> Batch:
    """Pixels as the network takes them: a batch at a time, since stacking 8-bit images is several times faster."""
    pictures = [name for name in ("image", "partner") if name in batch]
    return {
        **batch,
        **{name: preprocessing.apply(batch[name]) for name in pictures},
        "mask": (batch["mask"] > 0).astype(np.float32),
    }


def _preparation(
    resize: str, image_size: int, preprocessing: Preprocessing, grey: bool, despeckle: str
) -> Callable[[transforms.Example], transforms.Example]:
    """What is done to every image in the same way, once."""
    if resize not in RESIZES:
        raise ValueError(f"unknown resize {resize!r}{hint(resize, list(RESIZES))}")
    if image_size < 1:
        raise ValueError(f"image_size is {image_size}, expected at least 1 pixel")
    first = first_steps(grey, despeckle)

    def prepare(example: transforms.Example) -> transforms.Example:
        return RESIZES[resize](first(example), size=image_size, interpolation=preprocessing.interpolation)

    return prepare
