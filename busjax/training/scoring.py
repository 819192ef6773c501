"""From a state and images to predictions."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from busjax.data.pipeline import EvaluationBatches
from busjax.evaluation.predictions import Predictions
from busjax.methods import Method
from busjax.methods.batch import Batch


@dataclasses.dataclass(frozen=True)
class Scored:
    """What a state says of some images.

    Attributes:
      predictions: one for each output of the method, in its order.
      cams: by output, class activation maps of every view, [images, views, h, w], 0 to 1.
      maps: by pathway ('image', 'map'), shown feature maps at the aggregation point, [images, views, h, w, shown].
      rows: the images' rows in the dataset, ascending; the order of all of the above.
    """

    predictions: list[Predictions]
    cams: Mapping[str, np.ndarray]
    maps: Mapping[str, np.ndarray]
    rows: np.ndarray


def score(
    method: Method, predict: Callable[[Any, Batch], Any], state: Any, batches: EvaluationBatches, table: Any
) -> Scored:
    """Runs a network over a part of the data; every image counts once.

    Args:
      method: whose outputs are scored.
      predict: its compiled prediction, `parallel.map_predict`.
      state: the state.
      batches: the images.
      table: the dataset's columns, for image_id, case_id.
    """
    collected = []
    for batch in batches:
        told = predict(state, batch)
        told["target"] = {name: task.target(batch) for name, task in method.outputs.items()}
        told = {**told, "weight": batch["weight"], "index": batch["index"]}
        collected.append(_on_host(told))
    whole = jax.tree.map(lambda *parts: np.concatenate(parts), *collected)
    real = np.flatnonzero(whole["weight"] > 0)
    order = real[np.argsort(whole["index"][real])]
    whole = jax.tree.map(lambda values: values[order], whole)
    predictions = [
        Predictions(
            name=name,
            classes=task.classes,
            image_id=table.image_id[whole["index"]],
            case_id=table.case_id[whole["index"]],
            target=whole["target"][name],
            scores=whole["scores"][name].astype(np.float64),
        )
        for name, task in method.outputs.items()
    ]
    return Scored(predictions, whole["cams"], whole["maps"], whole["index"])


def _on_host(tree: Any) -> Any:
    """All rows as numpy, also those on the devices of other hosts."""
    if jax.process_count() == 1:
        return jax.device_get(tree)
    from jax.experimental import multihost_utils

    def gather(value: jax.Array) -> np.ndarray:
        if value.is_fully_replicated:
            return np.asarray(value)
        return np.asarray(multihost_utils.process_allgather(value, tiled=True))

    return jax.tree.map(gather, tree)
