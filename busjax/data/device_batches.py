"""The last stage of the input pipeline: from numpy arrays of one host to JAX arrays over all devices."""

import atexit
import weakref
from typing import Any

import grain
import jax

Batch = dict[str, Any]


class DeviceBatches(grain.IterDataset):
    """Batches moved to the devices by a thread that runs ahead of their use."""

    def __init__(
        self, batches: grain.IterDataset, sharding: jax.sharding.Sharding, batch_size: int | None, *, prefetch: int
    ):
        """Joins this host's part of each batch with those of the others into arrays divided by `sharding`.

        Args:
          batches: dicts of numpy arrays, this host's part of each batch.
          sharding: of the batch axis.
          batch_size: size of the global batch; None where each host has all of it.
          prefetch: how many batches to hold ready on the devices; 0 works without a thread.
        """

        def put(batch: Batch) -> Batch:
            return {
                name: jax.make_array_from_process_local_data(
                    sharding, array, (batch_size or len(array), *array.shape[1:])
                )
                for name, array in batch.items()
            }

        self._placed = batches.map(put)
        self._prefetch = prefetch
        super().__init__(self._placed)

    def __iter__(self) -> grain.DatasetIterator:
        """A new iterator, closed at the interpreter's exit if nobody does before: its thread uses JAX."""
        iterator = _DeviceIterator(iter(self._placed), self._prefetch)
        alive = weakref.ref(iterator)

        def close() -> None:
            found = alive()
            if found is not None:
                found.close()

        atexit.register(close)
        weakref.finalize(iterator, atexit.unregister, close).atexit = False
        return iterator


class _DeviceIterator(grain.experimental.ThreadPrefetchDatasetIterator):
    """Grain's, whose close is not idempotent: run again by its destructor at exit, it finds its module torn down."""

    _done = False

    def close(self) -> None:
        if not self._done:
            self._done = True
            super().close()
