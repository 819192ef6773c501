"""The rows of the results table, as text: what the terminal and the report both show."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from busjax.evaluation.published import OTHER_DATA, PAPERS, PublishedRow, published_rows, published_table
from busjax.evaluation.segmentation import SEGMENTATION

MISSING = "–"
"""Shown where a value is undefined or not published."""

RATE_COLUMNS = ("accuracy", "sensitivity", "specificity", "precision", "balanced_accuracy")
"""Metrics shown in percent."""


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
      label: the output, or the published method.
      published: True for a row of a paper, which was measured on other data.
      note: what must be known beside the label: the data and table of a published row, or why a value is missing.
      images, cases, counts: as text; counts are TP/FN/TN/FP.
      values: text by metric, 'auc', 'f_beta' (0.xxx) and `RATE_COLUMNS` (percent).
      intervals: text of the 95 % interval by metric, where there is one.
    """

    label: str
    published: bool
    note: str
    images: str
    cases: str
    counts: str
    values: dict[str, str]
    intervals: dict[str, str]


def number(value: float | None, *, percent: bool = False) -> str:
    """A metric as text: 0.942, or 94.48 in percent; a dash where it is undefined (None or NaN)."""
    if value is None or math.isnan(value):
        return MISSING
    return f"{100 * value:.2f}" if percent else f"{value:.3f}"


def result_row(output: str, metrics: Mapping[str, Any]) -> Row:
    """The row of one of our outputs, from its entry in results.json."""
    affected: dict[str, list[str]] = {}
    for name, reason in metrics["undefined"].items():
        affected.setdefault(reason, []).append(name)
    reasons = [f"no {', '.join(names)}: {reason}" for reason, names in affected.items()]
    if metrics["unknown"]:
        reasons.insert(0, f"{metrics['unknown']} more images have no known target")
    intervals: dict[str, str] = {}
    for name, interval in metrics["intervals"].items():
        if interval["low"] is not None:
            low, high = (number(interval[end], percent=name in RATE_COLUMNS) for end in ("low", "high"))
            intervals[name] = f"[{low}, {high}]"
        if interval["dropped"] and name not in metrics["undefined"]:
            reasons.append(f"{name} undefined in {interval['dropped']} of {metrics['resamples']} resamples")
    return Row(
        label=output,
        published=False,
        note="; ".join(reasons),
        images=str(metrics["images"]),
        cases=str(metrics["cases"]),
        counts="/".join(str(metrics[name]) for name in ("tp", "fn", "tn", "fp")),
        values={name: number(metrics[name], percent=name in RATE_COLUMNS) for name in ("auc", "f_beta", *RATE_COLUMNS)},
        intervals=intervals,
    )


def published_row(row: PublishedRow) -> Row:
    """The row of a published result, marked as measured on other data."""
    values = {name: row.printed.get(name, MISSING) for name in ("auc", *RATE_COLUMNS)}
    values["f_beta"] = row.printed.get("f2", MISSING)
    note = f"{OTHER_DATA}; {published_table(row.tables[0]).number} of {PAPERS[row.paper].short}"
    if row.note:
        note += f"; {row.note}"
    return Row(row.method, True, note, MISSING, MISSING, MISSING, values, {})


def outputs_of(results: Mapping[str, Any], part: str) -> dict[str, Any]:
    """The outputs of a part with their metrics: all that results.json holds of it but the segmentation."""
    return {name: metrics for name, metrics in results.get(part, {}).items() if name != SEGMENTATION}


def table_rows(results: Mapping[str, Any], part: str, variants: tuple[str, ...]) -> list[Row]:
    """One row per output of a part, each followed by the published rows of `variants` ('REM', 'BASIC', ...)."""
    rows: list[Row] = []
    for output, metrics in outputs_of(results, part).items():
        rows.append(result_row(output, metrics))
        beside = published_rows(output, part) if metrics["beta"] == 2 else ()  # the papers' F is F2
        rows.extend(published_row(row) for row in beside if row.name in variants)
    return rows
