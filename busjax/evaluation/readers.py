"""A reader study: readers' scores of lesions beside the model's, with AUC and intervals (Habib et al. 2020, Fig. 7).

A lesion is a case of the predictions. The model's score of it is the mean of its images' scores, a reader's what stands
in the file. Every AUC is over the same lesions, and every resample draws the same lesions for all, so that differences
are paired. The readers are those who took part: intervals tell of other lesions, not of other readers.
"""

import csv
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float64

from busjax.evaluation.bootstrap import Interval, draw_cases, percentile_interval, resampled_aucs
from busjax.evaluation.predictions import Predictions

COLUMNS = ("lesion_id", "reader", "score")
HIGHEST = 10.0
"""Scores are from 0, surely benign, to this, surely malignant."""
POSITIVE = "malignant"
"""The class that readers give scores of."""
MEAN = "mean of the readers"


class ReadersError(ValueError):
    """A file of scores that is malformed, or does not fit the run; the message lists all that is wrong."""


@dataclass(frozen=True)
class Reading:
    """One line of the comparison.

    Attributes:
      name: of the model's output, or of the reader; 'mean of the readers' for the mean of their AUCs.
      auc: over lesions.
      interval: of it.
      difference: this AUC less that of the output it is compared with; NaN in that output's own line.
      difference_interval: of the difference, over the same resamples.
    """

    name: str
    auc: float
    interval: Interval
    difference: float
    difference_interval: Interval


@dataclass(frozen=True, eq=False)
class Study:
    """A comparison of one output of a model with readers.

    Attributes:
      model: the output's scores of lesions; each lesion is an image and a case.
      readers: theirs, divided by 10.
      readings: the model's line, the readers' in the order of the file, and of several readers the mean's.
      lesions, positives: how many, and how many of them malignant.
      unknown: lesions of the run that are left out, since it is not known what they are.
      resamples, seed: of the intervals.
    """

    model: Predictions
    readers: tuple[Predictions, ...]
    readings: tuple[Reading, ...]
    lesions: int
    positives: int
    unknown: int
    resamples: int
    seed: int


def by_lesion(predictions: Predictions) -> Predictions:
    """An output's scores of lesions: of each the mean over its images, in the order of their names.

    Raises:
      ReadersError: images of one lesion have different targets; the message lists all such lesions.
    """
    try:
        return predictions.by_case()
    except ValueError as error:
        raise ReadersError(str(error)) from None


def read_scores(path: str | os.PathLike[str], lesions: Predictions) -> tuple[Predictions, ...]:
    """The scores of every reader, in the order of the file, for the lesions of a run.

    Args:
      path: CSV with the columns lesion_id, reader, score (0 to 10), a row for each reader and lesion.
      lesions: what `by_lesion` gives. A reader scores all whose target is known; other scores are not used.

    Raises:
      ReadersError: no such file, a column is missing, or rows that are wrong; all of them are listed.
    """
    source = Path(path).expanduser()
    try:
        with source.open(encoding="utf-8-sig", newline="") as file:
            lines = csv.DictReader(file)
            header = lines.fieldnames or []
            rows = [(lines.line_num, row) for row in lines]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ReadersError(f"{source}: cannot be read ({error}); expected a CSV file of readers' scores") from None
    if missing := [name for name in COLUMNS if name not in header]:
        found = ", ".join(header) or "nothing"
        raise ReadersError(f"{source}: columns: found {found}, expected {', '.join(COLUMNS)}; {missing[0]} is missing")
    scores: dict[str, dict[str, float]] = {}
    wrong: list[str] = []
    known = set(lesions.case_id.tolist())
    for number, row in rows:
        lesion, reader, text = ((row[name] or "").strip() for name in COLUMNS)
        here = f"line {number}"
        if None in row:
            wrong.append(f"{here}: found more cells than the {len(header)} columns")
        if not reader:
            wrong.append(f"{here}: reader: found nothing, expected a name")
            continue
        own = scores.setdefault(reader, {})
        if lesion not in known:
            wrong.append(f"{here}: lesion_id: found {lesion!r}, which is no lesion of the run")
        elif lesion in own:
            wrong.append(f"{here}: found lesion {lesion} again for reader {reader}, expected it once")
        value = _number(text)
        if not 0 <= value <= HIGHEST:  # also true for NaN
            wrong.append(f"{here}: score: found {text!r} for lesion {lesion}, expected a number from 0 to {HIGHEST:g}")
        own.setdefault(lesion, value)
    asked = lesions.case_id[lesions.known].tolist()
    for reader, own in scores.items():
        if left := [lesion for lesion in asked if lesion not in own]:
            wrong.append(f"reader {reader}: found no score for {', '.join(left)}, expected one for every lesion")
    if not rows:
        wrong.append("found no row, expected a score of each reader for every lesion")
    if wrong:
        raise ReadersError(f"{source}:\n" + "\n".join(f"  {line}" for line in wrong))
    return tuple(_as_predictions(reader, own, lesions) for reader, own in scores.items())


def compare(model: Predictions, readers: Sequence[Predictions], *, resamples: int = 1000, seed: int = 0) -> Study:
    """AUCs of a model and of readers over lesions, with 95 % intervals from resampling lesions.

    Args:
      model: what `by_lesion` gives.
      readers: what `read_scores` gives for it.
      resamples, seed: of the intervals; one draw for all.

    Raises:
      ReadersError: not both benign and malignant lesions are known.
    """
    known = model.known
    positive = model.target[known] == 1
    if positive.all() or not positive.any():
        found = f"{int(positive.sum())} malignant and {int((~positive).sum())} benign lesions"
        raise ReadersError(f"predictions of '{model.name}': found {found}, expected some of both")
    draws = draw_cases(len(positive), resamples=resamples, seed=seed)
    everyone = (model, *readers)
    aucs = {number: _aucs(one.scores[known, 1], positive, draws) for number, one in enumerate(everyone)}
    names = [one.name for one in everyone]
    if len(readers) > 1:
        names.append(MEAN)
        aucs[len(everyone)] = np.mean([aucs[1 + number] for number in range(len(readers))], axis=0)
    readings = tuple(_reading(name, aucs[number], aucs[0], number == 0) for number, name in enumerate(names))
    size, unknown = len(positive), int((~known).sum())
    return Study(model, tuple(readers), readings, size, int(positive.sum()), unknown, resamples, seed)


def _reading(
    name: str, auc: Float64[np.ndarray, " values"], model: Float64[np.ndarray, " values"], is_model: bool
) -> Reading:
    difference = np.full_like(auc, math.nan) if is_model else auc - model
    intervals = percentile_interval(auc[1:]), percentile_interval(difference[1:])
    return Reading(name, float(auc[0]), intervals[0], float(difference[0]), intervals[1])


def _aucs(
    score: Float64[np.ndarray, " n"], positive: Bool[np.ndarray, " n"], draws: np.ndarray
) -> Float64[np.ndarray, " values"]:
    """Of all lesions, and of every resample."""
    rows = np.concatenate([np.ones((1, len(score)), np.int64), draws])
    return resampled_aucs(rows, np.arange(len(score)), positive, score)


def _as_predictions(reader: str, own: dict[str, float], lesions: Predictions) -> Predictions:
    """A reader's scores as an output's; of lesions that are not known what stands there does not matter."""
    share = np.array([own.get(lesion, 0.0) for lesion in lesions.case_id.tolist()]) / HIGHEST
    target = lesions.target
    scores = np.stack([1 - share, share], axis=1)
    return Predictions(reader, lesions.classes, lesions.image_id, lesions.case_id, target, scores)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
