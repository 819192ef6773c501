"""Metrics of an output with more than two classes: confusion matrix, means over classes, and their intervals.

Conventions, the same everywhere:

* An image is decided as the class with the highest score; the first of them at a tie. There is no threshold.
* `accuracy` is the share of images whose class is decided rightly (micro). `accuracy_ovr` asks of every class "this one
  or another", counts (TP + TN) / all, and takes the mean over classes: it counts the images that are rightly not called
  a class, too, so it is the higher of the two. Of k classes it is 1 - 2 (1 - accuracy) / k.
* Precision, recall and F1 are those of each class against the rest, and their unweighted mean over classes (macro).
  `f1_of_means` is the harmonic mean of macro precision and macro recall, which some papers print as F1; it is not the
  macro mean of the F1s. AUC is the macro mean of the areas of every class against the rest.
* A value whose denominator is zero is undefined: NaN here, null in JSON, never 0; and so is every mean over classes
  that has it. F1 of a class is 0 where it has images and none is found, and undefined where it has none.
* Images with an unknown target count in `unknown` only.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64

from busjax.evaluation import bootstrap
from busjax.evaluation.bootstrap import Interval
from busjax.evaluation.metrics import BinaryMetrics, area_under_curve, binary_metrics, json_values, known_images
from busjax.evaluation.predictions import Predictions

AVERAGING = "macro"
"""How precision, recall, F1 and AUC are put together from classes: their unweighted mean."""

MEANS = ("accuracy", "accuracy_ovr", "precision", "recall", "f1", "f1_of_means", "balanced_accuracy")
"""Metrics that follow from the confusion matrix."""


@dataclass(frozen=True)
class ClassMetrics:
    """One class against the rest: metrics from 0 to 1, or NaN, and its images by true class."""

    precision: float
    recall: float
    f1: float
    accuracy_ovr: float
    auc: float
    images: int


@dataclass(frozen=True)
class MulticlassMetrics:
    """Metrics of one output on one part of the data. See the module for the conventions.

    Attributes:
      classes: their names, in the order of the scores.
      confusion: images, true class in rows, decided class in columns.
      images, cases: how many the metrics are computed on (known target only).
      unknown: images left out because their target is unknown.
      averaging: of precision, recall, f1 and auc over classes.
      accuracy, accuracy_ovr, precision, recall, f1, f1_of_means, auc: from 0 to 1, or NaN.
      balanced_accuracy: the macro recall, under the name that it has of two classes.
      per_class: by class.
      undefined: for each metric that is NaN, or interval that cannot be had, the reason.
      intervals: 95 % confidence intervals by metric, from resampling cases; empty if none was asked for.
      resamples, seed: of the intervals.
    """

    classes: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    images: int
    cases: int
    unknown: int
    averaging: str
    accuracy: float
    accuracy_ovr: float
    precision: float
    recall: float
    f1: float
    f1_of_means: float
    balanced_accuracy: float
    auc: float
    per_class: dict[str, ClassMetrics]
    undefined: dict[str, str]
    intervals: dict[str, Interval]
    resamples: int
    seed: int

    def to_json(self) -> dict[str, object]:
        """The metrics as JSON values; NaN becomes None."""
        return json_values(asdict(self))


def is_multiclass(entry: Mapping[str, Any]) -> bool:
    """Whether an output's entry in results.json is of more than two classes."""
    return "confusion" in entry


def metrics_of(
    predictions: Predictions, *, threshold: float = 0.5, beta: float = 2.0, resamples: int = 1000, seed: int = 0
) -> BinaryMetrics | MulticlassMetrics:
    """The metrics of an output of any number of classes; threshold and beta are of two.

    Raises:
      ValueError: as `binary_metrics` and `multiclass_metrics`.
    """
    if len(predictions.classes) == 2:
        return binary_metrics(predictions, threshold=threshold, beta=beta, resamples=resamples, seed=seed)
    return multiclass_metrics(predictions, resamples=resamples, seed=seed)


def multiclass_metrics(predictions: Predictions, *, resamples: int = 1000, seed: int = 0) -> MulticlassMetrics:
    """Metrics of an output of more than two classes over the images whose target is known.

    Confidence intervals are percentiles over `resamples` draws of whole cases with replacement; 0 asks for none.
    Resamples in which a metric is undefined are left out of its interval, and counted.

    Raises:
      ValueError: two classes, no known target, or resamples < 0.
    """
    names = predictions.classes
    if len(names) < 3:
        found = f"predictions of '{predictions.name}': classes: found {names}"
        raise ValueError(f"{found}, expected three or more; two have `binary_metrics`")
    if resamples < 0:
        raise ValueError(f"resamples: found {resamples}, expected 0 or more")
    known = known_images(predictions)
    target, scores = predictions.target[known], predictions.scores[known]
    outcome = target * len(names) + predictions.predicted[known]
    counts = np.bincount(outcome, minlength=len(names) ** 2)
    case_names, case_of_image = np.unique(predictions.case_id[known], return_inverse=True)
    case_of_image = case_of_image.astype(np.int64)
    rates, by_class = _rates(counts[None].astype(np.float64))
    aucs = [area_under_curve(target == index, scores[:, index]) for index in range(len(names))]
    values = {name: float(value[0]) for name, value in rates.items()} | {"auc": float(np.mean(aucs))}
    confusion = counts.reshape(len(names), len(names))
    undefined = _reasons(values, confusion, names)
    intervals: dict[str, Interval] = {}
    if resamples and len(case_names) < 2:
        undefined["intervals"] = "only one case: the spread between cases cannot be seen"
    elif resamples:
        draws = bootstrap.draw_cases(len(case_names), resamples=resamples, seed=seed)
        resampled = bootstrap.resampled_rates(
            draws, case_of_image, outcome, lambda rows: _rates(rows)[0], outcomes=len(counts)
        )
        areas = [
            bootstrap.resampled_aucs(draws, case_of_image, target == index, scores[:, index])
            for index in range(len(names))
        ]
        resampled["auc"] = np.mean(areas, axis=0)
        intervals = {name: bootstrap.percentile_interval(column) for name, column in resampled.items()}
    return MulticlassMetrics(
        classes=names,
        confusion=tuple(tuple(row) for row in confusion.tolist()),
        images=len(target),
        cases=len(case_names),
        unknown=int(np.sum(~known)),
        averaging=AVERAGING,
        per_class={
            name: ClassMetrics(
                **{metric: float(value[0, index]) for metric, value in by_class.items()},
                auc=aucs[index],
                images=int(confusion[index].sum()),
            )
            for index, name in enumerate(names)
        },
        undefined=undefined,
        intervals=intervals,
        resamples=resamples,
        seed=seed,
        **values,
    )


def against_rest(predictions: Predictions, index: int) -> Predictions:
    """An output of several classes as that of two: the class of an index, and any other.

    Its name is that of the output with the class's; its ROC curve is that of the class against the rest. Its decisions
    at a threshold are not those of the highest score.
    """
    name = predictions.classes[index]
    score = np.clip(predictions.scores[:, index], 0.0, 1.0)
    target = np.where(predictions.known, (predictions.target == index).astype(np.int64), predictions.target)
    return Predictions(
        f"{predictions.name}, {name}",
        (f"not_{name}", name),
        predictions.image_id,
        predictions.case_id,
        target,
        np.stack([1 - score, score], axis=1),
    )


def _rates(
    counts: Float64[np.ndarray, "rows outcomes"],
) -> tuple[dict[str, Float64[np.ndarray, " rows"]], dict[str, Float64[np.ndarray, "rows classes"]]]:
    """Means over classes and the values of each class, for every row of counts (a confusion matrix, row by row)."""
    classes = round(counts.shape[1] ** 0.5)
    confusion = counts.reshape(len(counts), classes, classes)
    total = confusion.sum(axis=(1, 2))
    found = np.diagonal(confusion, axis1=1, axis2=2)
    true, decided = confusion.sum(axis=2), confusion.sum(axis=1)

    def ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
        return np.divide(numerator, denominator, out=np.full(numerator.shape, np.nan), where=denominator > 0)

    missed, wrong = true - found, decided - found
    precision, recall = ratio(found, decided), ratio(found, true)
    f1 = np.where(true > 0, ratio(2 * found, 2 * found + missed + wrong), np.nan)
    accuracy_ovr = ratio(total[:, None] - missed - wrong, np.broadcast_to(total[:, None], true.shape))
    by_class = {"precision": precision, "recall": recall, "f1": f1, "accuracy_ovr": accuracy_ovr}
    means = {name: value.mean(axis=1) for name, value in by_class.items()}
    p, r = means["precision"], means["recall"]
    # 0 where every class is called and none is found, as an F1 is; undefined where one of the two is.
    of_means = np.where(p + r == 0, 0.0, ratio(2 * p * r, p + r))
    rates = {
        "accuracy": ratio(found.sum(axis=1), total),
        **means,
        "f1_of_means": np.where(np.isnan(p + r), np.nan, of_means),
        "balanced_accuracy": r,
    }
    return {name: rates[name] for name in MEANS}, by_class


def _reasons(values: Mapping[str, float], confusion: np.ndarray, names: tuple[str, ...]) -> dict[str, str]:
    """For each metric that is NaN, which class it fails for."""
    empty = [name for name, images in zip(names, confusion.sum(axis=1), strict=True) if not images]
    silent = [name for name, images in zip(names, confusion.sum(axis=0), strict=True) if not images]
    told = {
        "recall": f"no image of the class {', '.join(empty)}" if empty else "",
        "precision": f"no image is decided as {', '.join(silent)}" if silent else "",
    }
    needs = {"precision": ("precision",), "f1_of_means": ("precision", "recall")}
    return {
        name: "; ".join(told[part] for part in needs.get(name, ("recall",)) if told[part])
        for name, value in values.items()
        if math.isnan(value)
    }
