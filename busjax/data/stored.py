"""Features of images in files, and batches of them in place of images.

A store is a folder of files of rows (`npy`, float32) and index.json, which says of every image in which file and place
its features are, and what they were made of. A file is written whole, then the index; what the index does not name
counts for nothing, so a killed run leaves either more or fewer images done, never a part of one.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import grain
import jax
import numpy as np
from jaxtyping import Float32, Int

from busjax.atomic import write_atomic
from busjax.data.device_batches import Batch
from busjax.data.folds import Folds
from busjax.data.pipeline import EvaluationBatches
from busjax.data.records import Table
from busjax.data.streams import ShuffledRows, checked_rows, local_batch_size, read_batches, read_folds

INDEX = "index.json"


class FeatureStore:
    """The features that one network gives of images, each kept with a fingerprint of the image's pixels."""

    def __init__(self, folder: Path, network: str):
        """Opens a folder, or a new one.

        Args:
          folder: of the store.
          network: fingerprint of what makes the features; those that another network made are not seen.
        """
        self.folder, self.network = folder, network
        self._places: dict[str, tuple[str, str, int]] = {}  # image_id -> fingerprint of its pixels, file, row in it
        self._files: dict[str, np.ndarray] = {}
        found = self._read()
        if found.get("network") != network:
            return
        for image_id, (pixels, file, row) in found["images"].items():
            if (folder / file).is_file():
                self._places[image_id] = (pixels, file, row)

    def _read(self) -> dict[str, Any]:
        try:
            found = json.loads((self.folder / INDEX).read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):  # none, or none of ours: all is made again
            return {}
        return found if isinstance(found, dict) and isinstance(found.get("images"), dict) else {}

    def missing(self, pixels: Mapping[str, str]) -> list[str]:
        """The images, in their order, of which there are no features, or those of other pixels.

        Args:
          pixels: image_id -> fingerprint of the pixels that the network sees.
        """
        return [image_id for image_id, own in pixels.items() if self._places.get(image_id, ("",))[0] != own]

    def add(self, pixels: Mapping[str, str], features: Float32[np.ndarray, "images ..."]) -> None:
        """Writes the features of some images, in place of older ones; the index names them when they are there.

        Args:
          pixels: image_id -> fingerprint, in the order of `features`.
          features: of each image.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        taken = {int(path.stem) for path in self.folder.glob("*.npy") if path.stem.isdecimal()}
        name = f"{max(taken, default=-1) + 1:05}.npy"
        part = self.folder / f".{name}.{os.getpid()}.part"
        try:
            with open(part, "wb") as file:
                np.save(file, features)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, self.folder / name)
        finally:
            part.unlink(missing_ok=True)
        for row, (image_id, own) in enumerate(pixels.items()):
            self._places[image_id] = (own, name, row)
        index = {"network": self.network, "images": self._places}
        write_atomic(self.folder / INDEX, json.dumps(index) + "\n")

    def clear(self) -> None:
        """Removes files that the index does not name: of another network, of changed images, of a killed run."""
        named = {file for _, file, _ in self._places.values()}
        for path in [*self.folder.glob("*.npy"), *self.folder.glob(".*.part")]:
            if path.name not in named:
                path.unlink(missing_ok=True)

    def features(self, image_id: str) -> Float32[np.ndarray, "..."]:
        """The features of an image, read from its file.

        Raises:
          KeyError: there are none.
        """
        _, file, row = self._places[image_id]
        if file not in self._files:
            self._files[file] = np.load(self.folder / file, mmap_mode="r")
        return np.asarray(self._files[file][row])


@runtime_checkable
class Features(Protocol):
    """Whatever has the features of images by their names."""

    def features(self, image_id: str) -> Float32[np.ndarray, "..."]:
        """Of one image."""
        ...


class _Rows:
    """Rows of a dataset as elements of batches, with features in place of pixels."""

    def __init__(self, store: Features, table: Table):
        self._store, self._table = store, table

    def __len__(self) -> int:
        return len(self._table.image_id)

    def __getitem__(self, row: int) -> dict[str, Any]:
        table = self._table
        return {
            "features": self._store.features(str(table.image_id[row])),
            "label": np.int32(table.label[row]),
            "solid": np.int32(table.solid[row]),
            "has_mask": np.bool_(table.has_mask[row]),
            "weight": np.float32(1.0),
            "index": np.int32(row),
        }


def training_features(
    store: Features,
    table: Table,
    indices: Int[np.ndarray, " rows"],
    *,
    batch_size: int,
    seed: int,
    sharding: jax.sharding.Sharding | None = None,
    process_index: int = 0,
    process_count: int = 1,
    prefetch: int = 2,
    threads: int = 4,
    folds: Folds | None = None,
) -> grain.IterDataset:
    """Endless training batches of the rows, in the order of `pipeline.training_batches`, whose arguments these are.

    Args:
      store: with the features of all rows.
      table: columns of the dataset.
      indices, batch_size, seed, sharding, process_index, process_count, prefetch, threads, folds: as there.

    Returns:
      Batches as there, but with features [batch, ...] in place of image and mask.

    Raises:
      ValueError: an argument out of range, or a batch size that hosts or devices do not divide.
    """
    rows = _Rows(store, table)
    checked = checked_rows(indices, rows)
    stream = ShuffledRows(checked, seed).repeat().map(rows.__getitem__)
    if folds is not None:
        return read_folds(stream, folds, batch_size, sharding, prefetch, threads, dict)
    local_size = local_batch_size(batch_size, process_index, process_count, sharding)
    return read_batches(stream[process_index::process_count], local_size, batch_size, sharding, prefetch, threads, dict)


def evaluation_features(
    store: FeatureStore,
    table: Table,
    indices: Int[np.ndarray, " rows"],
    *,
    batch_size: int,
    sharding: jax.sharding.Sharding | None = None,
    process_index: int = 0,
    process_count: int = 1,
    prefetch: int = 2,
    threads: int = 4,
) -> EvaluationBatches:
    """Every given row once, in the batches of `pipeline.evaluation_batches` with one view.

    Args:
      store: with the features of all rows.
      table: columns of the dataset.
      indices, batch_size, sharding, process_index, process_count, prefetch, threads: as there.

    Returns:
      Batches as there, but with features [batch, 1, ...] in place of image and mask.

    Raises:
      ValueError: an argument out of range, or a batch size that hosts or devices do not divide.
    """
    rows = _Rows(store, table)
    checked = checked_rows(indices, rows)
    local_size = local_batch_size(batch_size, process_index, process_count, sharding)
    count = -(-len(checked) // batch_size)

    def finish(position: int) -> Batch:
        found = rows[int(checked[min(position, len(checked) - 1)])]
        weight = np.float32(position < len(checked))
        return {**found, "features": found["features"][None], "weight": weight}

    stream = grain.MapDataset.range(count * batch_size)[process_index::process_count].map(finish)
    return EvaluationBatches(read_batches(stream, local_size, batch_size, sharding, prefetch, threads, dict), count)
