"""What a validation says, and what follows from it: the best so far, and when to stop."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from busjax.evaluation.multiclass import is_multiclass, metrics_of
from busjax.evaluation.predictions import Predictions
from busjax.evaluation.segmentation import SEGMENTATION, means
from busjax.methods import pretraining_epochs
from busjax.training.picked import cam_examples, varied
from busjax.training.picked_masks import mask_examples
from busjax.training.run import Run
from busjax.training.scoring import Scored
from busjax.training.summaries import validation_images

SHOWN = ("auc", "f_beta", "accuracy", "sensitivity", "specificity", "balanced_accuracy")
OF_CLASSES = ("auc", "accuracy", "accuracy_ovr", "precision", "f1", "balanced_accuracy")

# One row for each epoch: 'epoch', 'step', and numbers by tag ('val/mt_auc'); None where a metric is not defined.
History = list[dict[str, Any]]


def in_units(outputs: Sequence[Predictions], rows: np.ndarray, run: Run) -> list[Predictions]:
    """The scores that metrics are of: of images, or with `eval.unit` 'case' of cases, each the mean over its images.

    Args:
      outputs: scores of images.
      rows: of these in the dataset.
      run: whose config and data.
    """
    if run.config.eval.unit == "image":
        return list(outputs)
    return [output.by_case(run.data.units[rows]) for output in outputs]


def validation_metrics(scored: Scored, run: Run) -> dict[str, float | None]:
    """Metrics and losses by tag, without intervals."""
    values, config = {}, run.config
    for output in in_units(scored.predictions, scored.rows, run):
        metrics = metrics_of(output, threshold=config.eval.threshold, beta=config.eval.beta, resamples=0).to_json()
        shown = OF_CLASSES if is_multiclass(metrics) else SHOWN
        values.update({f"val/{output.name}_{name}": metrics[name] for name in shown})
        values[f"val/{output.name}_loss"] = scored.losses[output.name]
    values.update({f"val/{name}": value for name, value in scored.measures.items()})
    if scored.segmentation is not None:
        values.update({f"val/{SEGMENTATION}_{name}": value for name, value in means(scored.segmentation).items()})
    return values  # type: ignore[return-value]


def selected(row: dict[str, Any], selectors: Sequence[str], config: ConfigDict) -> dict[str, float | None]:
    """The metrics of an epoch by which checkpoints are chosen, for each selector.

    None where one is not defined, in pre-training, and until the share `selection.after` of the epochs after it has
    passed.
    """
    counts = row["epoch"] - pretraining_epochs(config) > config.selection.after * config.train.epochs
    return {name: row[f"val/{name}_{config.selection.metric}"] if counts else None for name in selectors}


def best_epochs(history: History, selectors: Sequence[str], config: ConfigDict) -> dict[str, int]:
    """For each selector the epoch that first reached its best metric; 0 where none was defined."""
    sign = 1.0 if config.selection.mode == "max" else -1.0
    best = dict.fromkeys(selectors, 0)
    for name in selectors:
        reached = -math.inf
        for row in history:
            value = selected(row, selectors, config)[name]
            if value is not None and sign * value > reached:
                reached, best[name] = sign * value, row["epoch"]
    return best


def stopped_early(history: History, selectors: Sequence[str], config: ConfigDict) -> bool:
    """Whether no selector has come to a new best in the last `train.patience` epochs that could be chosen."""
    if not history:
        return False
    first = pretraining_epochs(config) + math.floor(config.selection.after * config.train.epochs)
    last_best = max(first, *best_epochs(history, selectors, config).values())
    return history[-1]["epoch"] - last_best >= config.train.patience


def write_pictures(writer: Any, run: Run, scored: Scored, state: Any, step: int) -> None:
    """Inputs with maps or masks, ROC curves and confusion matrices of a validation, for TensorBoard."""
    examples = {
        name: cam_examples(run.config, run.data, scored, name, varied(scored, name, 2, run.config.eval.threshold))
        for name in run.method.selectors
        if name in scored.cams
    }
    masks = mask_examples(run, state, scored, 2)
    writer.write_images(
        step,
        validation_images(
            scored.predictions, examples, run.config.eval.threshold, masks, run.config.eval.mask_threshold
        ),
    )
