"""The second stage of separate fusion: descriptors of every pair, computed once, in place of pictures.

Habib et al. 2020 extract "high-level perceptual descriptors of matched lesions" from both trained networks and train
the fusion network on them (section 3.2). They are of the pictures as they are, without augmentation (not given), and
kept in memory: a run that goes on computes them again, from the same state and in the same batches.
"""

from typing import Any

import grain
import jax
import numpy as np
from jaxtyping import Float32
from ml_collections import ConfigDict
from rich.console import Console

from busjax.data.stored import training_features
from busjax.training.programs import Programs
from busjax.training.run_data import RunData, evaluation_stream
from busjax.training.scoring import on_host


class Descriptors:
    """The descriptors of pairs by their names."""

    def __init__(self, values: dict[str, Float32[np.ndarray, "..."]]):
        """Of every pair, both networks' one beside the other; of several folds, each fold's."""
        self._values = values

    def __len__(self) -> int:
        return len(self._values)

    def features(self, image_id: str) -> Float32[np.ndarray, "..."]:
        """Of one pair.

        Raises:
          KeyError: there are none.
        """
        return self._values[image_id]


def compute_descriptors(config: ConfigDict, data: RunData, programs: Programs, state: Any) -> Descriptors:
    """Those of every pair that training draws from. A fold's networks describe the lesion that it leaves out, too; no
    batch of that fold holds it."""
    compute, names = programs.features(), data.dataset.table.image_id
    found: dict[str, np.ndarray] = {}
    # Of the size of training batches, which no resumed run may change.
    size = config.train.batch_size
    for batch in evaluation_stream(config, data, data.drawn, programs.batches, size, cache=False):
        values = compute(state, {name: batch[name] for name in ("image", "partner")})
        values, index, weight = on_host((values, batch["index"], batch["weight"]))
        for at in np.flatnonzero(weight > 0):
            found[str(names[index[at]])] = values[at, ..., 0, :].astype(np.float32)  # of one view
    return Descriptors(found)


def descriptor_stream(
    config: ConfigDict, data: RunData, programs: Programs, state: Any, console: Console
) -> grain.IterDataset:
    """Endless batches of stored descriptors on the devices, which are computed first."""
    store = compute_descriptors(config, data, programs, state)
    console.print(f"descriptors of {len(store)} pairs computed")
    return training_features(
        store,
        data.dataset.table,
        data.drawn,
        batch_size=config.train.batch_size,
        seed=config.seed,
        sharding=programs.batches,
        process_index=jax.process_index(),
        process_count=jax.process_count(),
        folds=data.folds,
    )
