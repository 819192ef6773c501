"""Confidence intervals by resampling cases: the images of one patient or lesion are drawn together."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64, Shaped

LEVEL = 0.95
"""Coverage of every interval: the 2.5th to the 97.5th percentile of the resamples."""

_BLOCK = 4_000_000
"""Weights (resamples times images) held at a time, about 32 MB each array."""


@dataclass(frozen=True)
class Interval:
    """A percentile interval.

    Attributes:
      low, high: its ends; NaN where there is none.
      dropped: resamples left out because the value is undefined in them (e.g. AUC where only one class was drawn).
    """

    low: float
    high: float
    dropped: int


def draw_cases(cases: int, *, resamples: int, seed: int) -> Int64[np.ndarray, "resamples cases"]:
    """How often each case is in each resample, when as many cases as there are are drawn with replacement."""
    draws = np.random.default_rng(seed).multinomial(cases, np.full(cases, 1 / cases), size=resamples)
    return draws.astype(np.int64)


def weighted_auc(
    positive: Bool[np.ndarray, " n"], score: Float64[np.ndarray, " n"], weight: Float64[np.ndarray, "resamples n"]
) -> Float64[np.ndarray, " resamples"]:
    """Area under the ROC curve of each resample, from ranks; a tie counts one half (the Mann-Whitney statistic).

    `weight[r, i]` is how often image i is in resample r. NaN where a resample has only one class.
    """
    order = np.argsort(score, kind="stable")
    score, positive, weight = score[order], positive[order], weight[:, order]
    negative_weight = np.where(positive, 0.0, weight)
    below = np.concatenate([np.zeros((len(weight), 1)), np.cumsum(negative_weight, axis=1)], axis=1)
    first = np.searchsorted(score, score[positive], side="left")
    last = np.searchsorted(score, score[positive], side="right")
    positive_weight = weight[:, positive]
    wins = np.sum(positive_weight * (below[:, first] + below[:, last]) / 2, axis=1)
    pairs = positive_weight.sum(axis=1) * below[:, -1]
    return np.divide(wins, pairs, out=np.full(len(weight), np.nan), where=pairs > 0)


def resampled_aucs(
    draws: Int64[np.ndarray, "resamples cases"],
    case_of_image: Int64[np.ndarray, " n"],
    positive: Bool[np.ndarray, " n"],
    score: Float64[np.ndarray, " n"],
) -> Float64[np.ndarray, " resamples"]:
    """`weighted_auc` for every resample of cases, in blocks that bound the memory."""
    size = max(1, _BLOCK // len(score))
    blocks = [draws[start : start + size] for start in range(0, len(draws), size)]
    return np.concatenate(
        [weighted_auc(positive, score, block[:, case_of_image].astype(np.float64)) for block in blocks]
    )


def resampled_rates(
    draws: Int64[np.ndarray, "resamples cases"],
    case_of_image: Int64[np.ndarray, " n"],
    outcome: Int64[np.ndarray, " n"],
    rates: Callable[[Float64[np.ndarray, "resamples outcomes"]], dict[str, Float64[np.ndarray, " resamples"]]],
    *,
    outcomes: int = 4,
) -> dict[str, Float64[np.ndarray, " resamples"]]:
    """Rates of every resample of cases.

    `outcome` numbers each image's outcome from 0 to `outcomes` - 1 and `rates` turns counts of the outcomes, one row
    per resample, into named rates. Counting per case first makes each resample one row of a matrix product.
    """
    per_case = np.zeros((draws.shape[1], outcomes))
    np.add.at(per_case, (case_of_image, outcome), 1.0)
    return rates(draws.astype(np.float64) @ per_case)


def resampled_means(
    draws: Int64[np.ndarray, "resamples cases"],
    case_of_image: Int64[np.ndarray, " n"],
    value: Float64[np.ndarray, " n"],
) -> Float64[np.ndarray, " resamples"]:
    """The mean over images of every resample of cases; NaN values count in no mean, and a mean of none is NaN."""
    defined = ~np.isnan(value)
    sums, images = np.zeros(draws.shape[1]), np.zeros(draws.shape[1])
    np.add.at(sums, case_of_image[defined], value[defined])
    np.add.at(images, case_of_image[defined], 1.0)
    total, count = draws @ sums, draws @ images
    return np.divide(total, count, out=np.full(len(draws), np.nan), where=count > 0)


def percentile_interval(values: Shaped[np.ndarray, " resamples"]) -> Interval:
    """The interval of `LEVEL` coverage over the resamples in which the value is defined."""
    defined = values[np.isfinite(values)]
    dropped = len(values) - len(defined)
    if len(defined) == 0:
        return Interval(float("nan"), float("nan"), dropped)
    tail = 100 * (1 - LEVEL) / 2
    low, high = np.percentile(defined, [tail, 100 - tail])
    return Interval(float(low), float(high), dropped)
