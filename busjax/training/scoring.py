"""From a state and images to predictions."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

from busjax.data.pipeline import EvaluationBatches
from busjax.evaluation.predictions import Predictions
from busjax.evaluation.segmentation import Segmentation, pixel_counts
from busjax.methods import Method
from busjax.methods.batch import Batch
from tfds_builders.record import LABELS


@dataclasses.dataclass(frozen=True)
class Scored:
    """What a state says of some images.

    Attributes:
      predictions: one for each output of the method, in its order.
      cams: by output, class activation maps of every view, [images, views, h, w], 0 to 1.
      maps: by pathway ('image', 'map'), shown feature maps at the aggregation point, [images, views, h, w, shown].
      rows: the images' rows in the dataset, ascending; the order of all of the above.
      losses: by output, the run's own loss, averaged over the images; None where no answer is known.
      segmentation: the counted pixels of predicted masks, in the same order; None of a method that draws none.
      measures: by name, means over the images of what else the method tells of each.
    """

    predictions: list[Predictions]
    cams: Mapping[str, np.ndarray]
    maps: Mapping[str, np.ndarray]
    rows: np.ndarray
    losses: Mapping[str, float | None]
    segmentation: Segmentation | None = None
    measures: Mapping[str, float] = dataclasses.field(default_factory=dict)


def score(
    method: Method,
    predict: Callable[[Any, Batch], Any],
    state: Any,
    batches: EvaluationBatches,
    table: Any,
    mask_threshold: float = 0.5,
) -> Scored:
    """Runs a network over a part of the data; every image counts once.

    Args:
      method: whose outputs are scored.
      predict: its compiled prediction, `parallel.map_predict`.
      state: the state.
      batches: the images.
      table: the dataset's columns, for image_id, case_id, label.
      mask_threshold: above which a pixel is called lesion. Masks are counted batch by batch and not kept.
    """
    collected = []
    for batch in batches:
        told = predict(state, batch)
        told["target"] = {name: task.target(batch) for name, task in method.outputs.items()}
        told = {**told, "weight": batch["weight"], "index": batch["index"]}
        if "masks" in told:
            told |= {"true_mask": batch["mask"], "has_mask": batch["has_mask"]}
        collected.append(_counted(on_host(told), mask_threshold))
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
    losses = {name: mean_loss(whole["losses"][name], whole["loss_weights"][name]) for name in whole["losses"]}
    segmentation = None
    if "pixels" in whole:
        ids = (predictions[0].image_id, predictions[0].case_id)
        classes = np.array([LABELS[label] if label >= 0 else "" for label in table.label[whole["index"]].tolist()])
        segmentation = Segmentation(*ids, whole["has_mask"], whole["pixels"], classes)
    measures = {name: float(values.mean(dtype=np.float64)) for name, values in whole.get("measures", {}).items()}
    return Scored(predictions, whole["cams"], whole["maps"], whole["index"], losses, segmentation, measures)


def mean_loss(values: Float[np.ndarray, "images terms"], weights: Float[np.ndarray, "images terms"]) -> float | None:
    """The sum over terms of each one's weighted mean over images, in float64; None where no image counts in any.

    A mean over images, not over batches, so that it does not depend on how many are evaluated at a time.
    """
    if not (weights > 0).any():
        return None
    terms = [
        np.average(value, weights=weight)
        for value, weight in zip(values.T.astype(np.float64), weights.T.astype(np.float64), strict=True)
        if (weight > 0).any()
    ]
    return float(sum(terms))


def _counted(told: dict[str, Any], threshold: float) -> dict[str, Any]:
    """What was told of a batch, with counts of pixels in place of masks."""
    if "masks" not in told:
        return told
    (probability,) = told.pop("masks").values()
    true = told.pop("true_mask")[..., 0] * told["has_mask"][:, None, None, None]
    images, views = probability.shape[:2]
    flat = [masks.reshape(images * views, *masks.shape[2:]) for masks in (probability, true)]
    counts = pixel_counts(flat[0], flat[1], threshold).reshape(images, views, 4)
    return {**told, "pixels": counts.sum(axis=1)}


def on_host(tree: Any) -> Any:
    """All rows as numpy, also those on the devices of other hosts."""
    if jax.process_count() == 1:
        return jax.device_get(tree)
    from jax.experimental import multihost_utils

    def gather(value: jax.Array) -> np.ndarray:
        if value.is_fully_replicated:
            return np.asarray(value)
        return np.asarray(multihost_utils.process_allgather(value, tiled=True))

    return jax.tree.map(gather, tree)
