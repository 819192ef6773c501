"""Metrics of a two-class output: counts, rates, F_beta, AUC, and their confidence intervals.

Conventions, the same everywhere:

* An image is called positive where scores[:, 1] : scores[:, 0] exceeds threshold : (1 - threshold). The scores of an
  image sum to 1, so that is scores[:, 1] > threshold; at threshold 0.5 it is argmax, exactly, and a tie is negative.
* A rate whose denominator is zero is undefined: NaN here, null in JSON, never 0 or 1.
* F_beta = (beta^2 + 1) / (beta^2 / sensitivity + 1 / precision) (Qi et al. 2019, section 5.1) is 0 where there are
  positives and none is found, and undefined where there is no positive.
* AUC is the area under the ROC curve of the scores. Where some papers print the mean of sensitivity and specificity
  under that name, it is here `balanced_accuracy`.
* Images with an unknown target count in `unknown` only.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
from jaxtyping import Bool, Float64

from busjax.evaluation import bootstrap
from busjax.evaluation.bootstrap import Interval
from busjax.evaluation.predictions import Predictions

RATES = ("accuracy", "sensitivity", "specificity", "precision", "f_beta", "balanced_accuracy")
"""Metrics that follow from the four counts."""


@dataclass(frozen=True)
class BinaryMetrics:
    """Metrics of one output on one part of the data. See the module for the conventions.

    Attributes:
      images, cases: how many the metrics are computed on (known target only).
      unknown: images left out because their target is unknown.
      positives, negatives: images by true class.
      threshold, beta: as given.
      tp, fn, tn, fp: images by true class and decision.
      accuracy, sensitivity, specificity, precision, f_beta, balanced_accuracy, auc: from 0 to 1, or NaN.
      undefined: for each metric that is NaN, or interval that cannot be had, the reason.
      intervals: 95 % confidence intervals by metric, from resampling cases; empty if none was asked for.
      resamples, seed: of the intervals.
    """

    images: int
    cases: int
    unknown: int
    positives: int
    negatives: int
    threshold: float
    beta: float
    tp: int
    fn: int
    tn: int
    fp: int
    accuracy: float
    sensitivity: float
    specificity: float
    precision: float
    f_beta: float
    balanced_accuracy: float
    auc: float
    undefined: dict[str, str]
    intervals: dict[str, Interval]
    resamples: int
    seed: int

    def to_json(self) -> dict[str, object]:
        """The metrics as JSON values; NaN becomes None."""
        return json_values(asdict(self))


def json_values(fields: Mapping[str, object]) -> dict[str, object]:
    """Numbers, texts, dicts and tuples of them as JSON values; NaN becomes None."""

    def plain(value: object) -> object:
        if isinstance(value, dict):
            return json_values(value)
        if isinstance(value, tuple):
            return [plain(item) for item in value]
        return None if isinstance(value, float) and math.isnan(value) else value

    return {key: plain(value) for key, value in fields.items()}


@dataclass(frozen=True, eq=False)
class RocCurve:
    """Points of a ROC curve from (0, 0) to (1, 1): images with score >= threshold are called positive."""

    false_positive_rate: Float64[np.ndarray, " points"]
    true_positive_rate: Float64[np.ndarray, " points"]
    threshold: Float64[np.ndarray, " points"]


def decide(predictions: Predictions, threshold: float = 0.5) -> Bool[np.ndarray, " n"]:
    """True where the output calls the image positive; at 0.5 the same as `predictions.predicted == 1`.

    Raises:
      ValueError: the output has more than two classes, or the threshold is not from 0 to 1.
    """
    _check_binary(predictions)
    if not 0 <= threshold <= 1:
        raise ValueError(f"threshold: found {threshold}, expected a number from 0 to 1")
    # A product with 0.5 is exact, so that this is argmax to the last bit however the scores were rounded.
    return predictions.scores[:, 1] * (1 - threshold) > predictions.scores[:, 0] * threshold


def binary_metrics(
    predictions: Predictions,
    *,
    threshold: float = 0.5,
    beta: float = 2.0,
    resamples: int = 1000,
    seed: int = 0,
) -> BinaryMetrics:
    """Metrics of a two-class output over the images whose target is known.

    Confidence intervals are percentiles over `resamples` draws of whole cases with replacement; 0 asks for none
    (as after every epoch of training). Resamples in which a metric is undefined are left out of its interval, and
    counted.

    Raises:
      ValueError: more than two classes, no known target, a threshold outside [0, 1], beta <= 0, or resamples < 0.
    """
    if not (beta > 0 and math.isfinite(beta)):
        raise ValueError(f"beta: found {beta}, expected a number above 0")
    if resamples < 0:
        raise ValueError(f"resamples: found {resamples}, expected 0 or more")
    decided = decide(predictions, threshold)
    known = known_images(predictions)
    positive = predictions.target[known] == 1
    score = predictions.scores[known, 1]
    outcome = np.where(positive, np.where(decided[known], 0, 1), np.where(decided[known], 3, 2)).astype(np.int64)
    counts = np.bincount(outcome, minlength=4)
    case_names, case_of_image = np.unique(predictions.case_id[known], return_inverse=True)
    case_of_image = case_of_image.astype(np.int64)

    rates = {name: float(value[0]) for name, value in _rates(counts[None].astype(np.float64), beta).items()}
    auc = area_under_curve(positive, score)
    undefined = _reasons({**rates, "auc": auc}, counts.tolist())
    intervals: dict[str, Interval] = {}
    if resamples and len(case_names) < 2:
        undefined["intervals"] = "only one case: the spread between cases cannot be seen"
    elif resamples:
        draws = bootstrap.draw_cases(len(case_names), resamples=resamples, seed=seed)
        values = bootstrap.resampled_rates(draws, case_of_image, outcome, lambda rows: _rates(rows, beta))
        values["auc"] = bootstrap.resampled_aucs(draws, case_of_image, positive, score)
        intervals = {name: bootstrap.percentile_interval(column) for name, column in values.items()}
    tp, fn, tn, fp = (int(count) for count in counts)
    return BinaryMetrics(
        images=len(score),
        cases=len(case_names),
        unknown=int(np.sum(~known)),
        positives=tp + fn,
        negatives=tn + fp,
        threshold=threshold,
        beta=beta,
        tp=tp,
        fn=fn,
        tn=tn,
        fp=fp,
        auc=auc,
        undefined=undefined,
        intervals=intervals,
        resamples=resamples,
        seed=seed,
        **rates,
    )


def roc_points(predictions: Predictions) -> RocCurve:
    """The ROC curve of a two-class output over the images whose target is known.

    Raises:
      ValueError: more than two classes, or not both classes among the known targets.
    """
    _check_binary(predictions)
    known = known_images(predictions)
    positive = predictions.target[known] == 1
    if positive.all() or not positive.any():
        found = f"{int(positive.sum())} positive and {int((~positive).sum())} negative images"
        raise ValueError(f"predictions of '{predictions.name}': ROC curve: found {found}, expected some of both")
    from sklearn.metrics import roc_curve  # slow to import, and needed only here

    fpr, tpr, thresholds = roc_curve(positive, predictions.scores[known, 1])
    return RocCurve(*(np.asarray(values, dtype=np.float64) for values in (fpr, tpr, thresholds)))


def _check_binary(predictions: Predictions) -> None:
    if len(predictions.classes) != 2:
        raise ValueError(f"predictions of '{predictions.name}': classes: found {predictions.classes}, expected two")


def known_images(predictions: Predictions) -> Bool[np.ndarray, " n"]:
    """Where the target is known.

    Raises:
      ValueError: nowhere.
    """
    known = predictions.known
    if not known.any():
        found = f"{len(known)} images, none with a known target"
        raise ValueError(f"predictions of '{predictions.name}': target: found {found}, expected at least one")
    return known


def area_under_curve(positive: Bool[np.ndarray, " n"], score: Float64[np.ndarray, " n"]) -> float:
    """Area under the ROC curve, a tie counting one half; NaN where all images are of one class."""
    if positive.all() or not positive.any():
        return float("nan")
    from sklearn.metrics import roc_auc_score  # slow to import, and needed only here

    return float(roc_auc_score(positive, score))


def _rates(counts: Float64[np.ndarray, "rows 4"], beta: float) -> dict[str, Float64[np.ndarray, " rows"]]:
    tp, fn, tn, fp = counts.T

    def ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
        return np.divide(numerator, denominator, out=np.full(len(counts), np.nan), where=denominator > 0)

    sensitivity, specificity = ratio(tp, tp + fn), ratio(tn, tn + fp)
    weight = beta**2
    # The paper's form, multiplied out: the same value, and 0 rather than 0/0 where no positive is found.
    f_beta = ratio((weight + 1) * tp, (weight + 1) * tp + weight * fn + fp)
    return {
        "accuracy": ratio(tp + tn, tp + fn + tn + fp),
        "sensitivity": sensitivity,
        "specificity": specificity,
        "precision": ratio(tp, tp + fp),
        "f_beta": np.where(tp + fn > 0, f_beta, np.nan),
        "balanced_accuracy": (sensitivity + specificity) / 2,
    }


def _reasons(values: dict[str, float], counts: list[int]) -> dict[str, str]:
    tp, fn, tn, fp = counts
    if tp + fn == 0:
        one_class = "no positive image"
    elif tn + fp == 0:
        one_class = "no negative image"
    else:
        one_class = ""
    return {
        name: "no image is called positive" if name == "precision" else one_class
        for name, value in values.items()
        if math.isnan(value)
    }
