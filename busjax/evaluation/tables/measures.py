"""The metrics of a table, of one run and of several put together."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from busjax.evaluation.counts import counted
from busjax.evaluation.literature import CLASS_IOUS
from busjax.evaluation.metrics import binary_metrics, decide
from busjax.evaluation.multiclass import multiclass_metrics
from busjax.evaluation.predictions import Predictions
from busjax.evaluation.rows import OF_CLASSES
from busjax.evaluation.segmentation import Segmentation, ious, means

METRICS = (
    *("accuracy", "sensitivity", "specificity", "precision", "f1", "f2", "auc", "balanced_accuracy", "fpr", "fnr"),
    "printed_accuracy",  # of published rows alone
    *(name for name in OF_CLASSES if name != "accuracy"),
    *("dice", "iou", *CLASS_IOUS, "iou_lesions"),
)
"""In the order of the columns. `auc` is that of the scores; `balanced_accuracy` is what some papers print as AUC. Those
of `OF_CLASSES` are of outputs with more than two classes, whose `accuracy` is the share of images decided rightly.
"""

OF_MASKS = ("dice", "iou", *CLASS_IOUS, "iou_lesions")


@dataclass(frozen=True)
class Measures:
    """Metrics of one output on one set of test images.

    Attributes:
      values: every one of `METRICS`, from 0 to 1; NaN where it is undefined, or the run predicts no masks.
      undefined: for each metric of a class decision that is NaN, why.
      images, cases: with a known target.
      counts: images as TP, FN, TN, FP; of more than two classes the confusion matrix, row by row.
      versions: of a run that makes versions of images, how many were tested, which is what values and counts are of;
        else None.
    """

    values: Mapping[str, float]
    undefined: Mapping[str, str]
    images: int
    cases: int
    counts: tuple[int, ...]
    versions: int | None = None


def measure(
    predictions: Predictions, threshold: float, masks: Segmentation | None, *, versions: bool = False
) -> Measures:
    """The metrics of one run's output; those of masks are means over the images that have one.

    Args:
      predictions: of the output.
      threshold: of a decision between two classes; of more the highest score decides.
      masks: the figures of predicted masks; None where the run predicts none.
      versions: whether images may be versions of others.

    Raises:
      ValueError: no known target.
    """
    found = _of_two(predictions, threshold) if len(predictions.classes) == 2 else _of_more(predictions)
    overlap = {**means(masks), **ious(masks)} if masks is not None else {}
    # Those of sensitivity and specificity are of pixels, and have no column.
    of_masks = {name: value for name, value in overlap.items() if name in OF_MASKS}
    values = {**dict.fromkeys(METRICS, math.nan), **found.values}
    values |= {name: math.nan if value is None else value for name, value in of_masks.items()}
    size = counted(predictions.image_id[predictions.known], versions)
    return Measures(values, found.undefined, size["images"], found.cases, found.counts, size.get("versions"))


def _of_two(predictions: Predictions, threshold: float) -> Measures:
    found = binary_metrics(predictions, threshold=threshold, beta=1.0, resamples=0)
    names = ("accuracy", "sensitivity", "specificity", "precision", "auc", "balanced_accuracy")
    values = {name: float(getattr(found, name)) for name in names}
    values["f1"] = found.f_beta
    values["f2"] = binary_metrics(predictions, threshold=threshold, beta=2.0, resamples=0).f_beta
    values["fpr"], values["fnr"] = 1 - found.specificity, 1 - found.sensitivity
    reasons = dict(found.undefined)
    for name, source in (("f1", "f_beta"), ("f2", "f_beta"), ("fpr", "specificity"), ("fnr", "sensitivity")):
        if source in found.undefined:
            reasons[name] = found.undefined[source]
    reasons.pop("f_beta", None)
    return Measures(values, reasons, found.images, found.cases, (found.tp, found.fn, found.tn, found.fp))


def _of_more(predictions: Predictions) -> Measures:
    found = multiclass_metrics(predictions, resamples=0)
    values = {name: float(getattr(found, source)) for name, source in OF_CLASSES.items()}
    reasons = {name: found.undefined[source] for name, source in OF_CLASSES.items() if source in found.undefined}
    return Measures(values, reasons, found.images, found.cases, tuple(n for row in found.confusion for n in row))


def pool(
    outputs: Sequence[Predictions],
    thresholds: Sequence[float],
    masks: Sequence[Segmentation | None],
    *,
    versions: bool = False,
) -> Measures:
    """The metrics over the test images of all folds together, each image decided at its own fold's threshold.

    The AUC ranks the scores of all folds as if they were one network's.

    Raises:
      ValueError: an image stands in two folds, or the folds have different classes.
    """
    together = _joined(outputs, [output.scores for output in outputs])
    given = [found for found in masks if found is not None]
    joined = _joined_masks(given) if given else None
    if len(together.classes) > 2:
        return measure(together, math.nan, joined, versions=versions)
    decisions = [decide(output, threshold) for output, threshold in zip(outputs, thresholds, strict=True)]
    # A score of 1 for the class that was decided: at 0.5 these give the same decisions, whatever the thresholds were.
    decided = _joined(outputs, [np.stack([~positive, positive], axis=1).astype(np.float64) for positive in decisions])
    found, ranked = measure(decided, 0.5, joined, versions=versions), measure(together, 0.5, None)
    return dataclasses.replace(found, values={**found.values, "auc": ranked.values["auc"]})


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
    names = ("image_id", "case_id", "has_mask", "counts", "label")
    return Segmentation(*(np.concatenate([getattr(found, name) for found in masks]) for name in names))
