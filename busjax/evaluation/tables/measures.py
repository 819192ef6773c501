"""The metrics of a table, of one run and of several put together."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from busjax.evaluation.metrics import binary_metrics, decide
from busjax.evaluation.predictions import Predictions
from busjax.evaluation.segmentation import Segmentation, means

METRICS = (
    *("accuracy", "sensitivity", "specificity", "precision", "f1", "f2", "auc", "balanced_accuracy", "fpr", "fnr"),
    *("dice", "iou"),
)
"""In the order of the columns. `auc` is that of the scores; `balanced_accuracy` is what some papers print as AUC."""

OF_MASKS = ("dice", "iou")


@dataclass(frozen=True)
class Measures:
    """Metrics of one output on one set of test images.

    Attributes:
      values: every one of `METRICS`, from 0 to 1; NaN where it is undefined, or the run predicts no masks.
      undefined: for each metric of a class decision that is NaN, why.
      images, cases: with a known target.
      counts: images as TP, FN, TN, FP.
    """

    values: Mapping[str, float]
    undefined: Mapping[str, str]
    images: int
    cases: int
    counts: tuple[int, int, int, int]


def measure(predictions: Predictions, threshold: float, masks: Segmentation | None) -> Measures:
    """The metrics of one run's output at a threshold; Dice and IoU are means over the images that have a mask.

    Raises:
      ValueError: more than two classes, or no known target.
    """
    found = binary_metrics(predictions, threshold=threshold, beta=1.0, resamples=0)
    names = ("accuracy", "sensitivity", "specificity", "precision", "auc", "balanced_accuracy")
    values = {name: float(getattr(found, name)) for name in names}
    values["f1"] = found.f_beta
    values["f2"] = binary_metrics(predictions, threshold=threshold, beta=2.0, resamples=0).f_beta
    values["fpr"], values["fnr"] = 1 - found.specificity, 1 - found.sensitivity
    overlap = means(masks) if masks is not None else {}
    for name in OF_MASKS:
        mean = overlap.get(name)
        values[name] = math.nan if mean is None else mean
    reasons = dict(found.undefined)
    for name, source in (("f1", "f_beta"), ("f2", "f_beta"), ("fpr", "specificity"), ("fnr", "sensitivity")):
        if source in found.undefined:
            reasons[name] = found.undefined[source]
    reasons.pop("f_beta", None)
    return Measures(
        values={name: values[name] for name in METRICS},
        undefined=reasons,
        images=found.images,
        cases=found.cases,
        counts=(found.tp, found.fn, found.tn, found.fp),
    )


def pool(outputs: Sequence[Predictions], thresholds: Sequence[float], masks: Sequence[Segmentation | None]) -> Measures:
    """The metrics over the test images of all folds together, each image decided at its own fold's threshold.

    The AUC ranks the scores of all folds as if they were one network's.

    Raises:
      ValueError: an image stands in two folds, or the folds have different classes.
    """
    together = _joined(outputs, [output.scores for output in outputs])
    decisions = [decide(output, threshold) for output, threshold in zip(outputs, thresholds, strict=True)]
    # A score of 1 for the class that was decided: at 0.5 these give the same decisions, whatever the thresholds were.
    decided = _joined(outputs, [np.stack([~positive, positive], axis=1).astype(np.float64) for positive in decisions])
    given = [found for found in masks if found is not None]
    joined = _joined_masks(given) if given else None
    found, ranked = measure(decided, 0.5, joined), measure(together, 0.5, None)
    return Measures(
        values={**found.values, "auc": ranked.values["auc"]},
        undefined=found.undefined,
        images=found.images,
        cases=found.cases,
        counts=found.counts,
    )


def mean_and_deviation(folds: Sequence[Measures]) -> tuple[dict[str, float], dict[str, float]]:
    """The mean over folds of every metric, and its standard deviation with n - 1 in the denominator (ddof=1).

    A metric that is undefined in one fold has neither (NaN): a mean over the others would be of fewer folds. One fold
    has no deviation.
    """
    table = np.array([[fold.values[name] for name in METRICS] for fold in folds], dtype=np.float64)
    mean = table.mean(axis=0)
    deviation = table.std(axis=0, ddof=1) if len(folds) > 1 else np.full(len(METRICS), np.nan)
    return dict(zip(METRICS, mean.tolist(), strict=True)), dict(zip(METRICS, deviation.tolist(), strict=True))


def _joined(outputs: Sequence[Predictions], scores: Sequence[np.ndarray]) -> Predictions:
    first = outputs[0]
    for output in outputs:
        if output.classes != first.classes:
            raise ValueError(
                f"classes of '{first.name}': found {output.classes}, expected {first.classes} in all folds"
            )
    image_id, case_id, target = (
        np.concatenate([getattr(output, name) for output in outputs]) for name in ("image_id", "case_id", "target")
    )
    return Predictions(first.name, first.classes, image_id, case_id, target, np.concatenate(scores))


def _joined_masks(masks: Sequence[Segmentation]) -> Segmentation:
    names = ("image_id", "case_id", "has_mask", "counts")
    return Segmentation(*(np.concatenate([getattr(found, name) for found in masks]) for name in names))
