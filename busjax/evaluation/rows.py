"""The rows of the results table, as text: what the terminal and the report both show."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from busjax.evaluation.literature import PAPERS
from busjax.evaluation.multiclass import is_multiclass
from busjax.evaluation.published import OTHER_DATA, PublishedRow, published_rows, published_table
from busjax.evaluation.segmentation import SEGMENTATION

MISSING = "–"
"""Shown where a value is undefined or not published."""

RATE_COLUMNS = ("accuracy", "sensitivity", "specificity", "precision", "balanced_accuracy")
"""Metrics of two classes shown in percent."""

OF_CLASSES = {
    "accuracy": "accuracy",
    "accuracy_ovr": "accuracy_ovr",
    "precision_macro": "precision",
    "recall_macro": "recall",
    "f1_macro": "f1",
    "f1_of_means": "f1_of_means",
    "auc_macro": "auc",
}
"""Metrics of more classes: what tables call them, and results.json."""

PERCENT = (*RATE_COLUMNS, "accuracy_ovr", "recall")
"""Metrics of results.json shown in percent."""

NO_PLACE = ("", "")
"""`table.name` and `table.row` of a run that stands beside nothing published."""


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
      label: the output, or the published method.
      published: True for a row of a paper, which was measured on other data.
      note: what must be known beside the label: the data and table of a published row, or why a value is missing.
      images, cases, counts: as text; counts are TP/FN/TN/FP, and '' of more classes.
      versions: how many versions of the images, as text; None where images are not multiplied.
      values: text by metric, 'auc', 'f_beta' (0.xxx) and `RATE_COLUMNS` (percent); of more classes `OF_CLASSES`.
      intervals: text of the 95 % interval by metric, where there is one.
      source: of a published row, the paper, its table and the images.
    """

    label: str
    published: bool
    note: str
    images: str
    cases: str
    counts: str
    values: dict[str, str]
    intervals: dict[str, str]
    source: str = ""
    versions: str | None = None


def number(value: float | None, *, percent: bool = False) -> str:
    """A metric as text: 0.942, or 94.48 in percent; a dash where it is undefined (None or NaN)."""
    if value is None or math.isnan(value):
        return MISSING
    return f"{100 * value:.2f}" if percent else f"{value:.3f}"


def result_row(output: str, metrics: Mapping[str, Any]) -> Row:
    """The row of one of our outputs, from its entry in results.json."""
    names = OF_CLASSES if is_multiclass(metrics) else {name: name for name in ("auc", "f_beta", *RATE_COLUMNS)}
    affected: dict[str, list[str]] = {}
    for name, reason in metrics["undefined"].items():
        affected.setdefault(reason, []).append(name)
    reasons = [f"no {', '.join(undefined)}: {reason}" for reason, undefined in affected.items()]
    if metrics["unknown"]:
        what = "images" if "versions" not in metrics else "versions of images"
        reasons.insert(0, f"{metrics['unknown']} more {what} have no known target")
    intervals: dict[str, str] = {}
    for name, interval in metrics["intervals"].items():
        shown = [column for column, source in names.items() if source == name]
        if shown and interval["low"] is not None:
            low, high = (number(interval[end], percent=name in PERCENT) for end in ("low", "high"))
            intervals[shown[0]] = f"[{low}, {high}]"
        if interval["dropped"] and name not in metrics["undefined"]:
            reasons.append(f"{name} undefined in {interval['dropped']} of {metrics['resamples']} resamples")
    counts = "" if is_multiclass(metrics) else "/".join(str(metrics[name]) for name in ("tp", "fn", "tn", "fp"))
    return Row(
        label=output,
        published=False,
        note="; ".join(reasons),
        images=str(metrics["images"]),
        cases=str(metrics["cases"]),
        counts=counts,
        values={column: number(metrics[name], percent=name in PERCENT) for column, name in names.items()},
        intervals=intervals,
        versions=str(metrics["versions"]) if "versions" in metrics else None,
    )


def published_row(row: PublishedRow, *, label: str = "", beta: float = 2.0) -> Row:
    """The row of a published result, marked as measured on other data.

    Args:
      row: the result.
      label: '' for its method.
      beta: of the F that stands in its column; a published F1 or F2 does where it is that.
    """
    columns = ("auc", *RATE_COLUMNS, *OF_CLASSES, "printed_accuracy")
    values = {name: row.text(name) or MISSING for name in columns}
    values["f_beta"] = row.text({1.0: "f1", 2.0: "f2"}.get(beta, "")) or MISSING
    tables = [published_table(name) for name in row.tables]
    numbers = " and ".join(table.number for table in tables)
    note = f"{OTHER_DATA}; {numbers} of {PAPERS[row.paper].short}"
    if row.note:
        note += f"; {row.note}"
    source = f"{PAPERS[row.paper].source}, {numbers} ({'; '.join(dict.fromkeys(table.data for table in tables))})"
    return Row(label or row.method, True, note, MISSING, MISSING, MISSING, values, {}, source)


def outputs_of(results: Mapping[str, Any], part: str) -> dict[str, Any]:
    """The outputs of a part with their metrics: all that results.json holds of it but the segmentation."""
    return {name: metrics for name, metrics in results.get(part, {}).items() if name != SEGMENTATION}


def classes_of(metrics: Mapping[str, Any]) -> tuple[str, ...]:
    """The classes of an output, from its entry in results.json."""
    if is_multiclass(metrics):
        return tuple(metrics["classes"])
    return (metrics["negative_class"], metrics["positive_class"])


def has_counterpart(results: Mapping[str, Any], output: str) -> bool:
    """Whether an output is what papers report: one by which a checkpoint was chosen.

    'mt_without_map' is not; it comes from the checkpoint of 'mt' and shows what the map does.
    """
    chosen = [name for name, how in results.get("selection", {}).items() if isinstance(how, Mapping)]
    return not chosen or output in chosen


def table_rows(
    results: Mapping[str, Any],
    part: str,
    place: tuple[str, str] = NO_PLACE,
    *,
    multiclass: bool = False,
    whole: bool = False,
) -> list[Row]:
    """One row per output of a part, each followed by the published rows it stands beside.

    Args:
      results: as from `build_results`.
      part: of the data.
      place: the run's `table.name` and `table.row`, see `published_rows`.
      multiclass: whether the outputs of more than two classes, or those of two.
      whole: whether all rows of a paper that `place` names, or the run's own.
    """
    rows: list[Row] = []
    for output, metrics in outputs_of(results, part).items():
        if is_multiclass(metrics) != multiclass:
            continue
        rows.append(result_row(output, metrics))
        beside: tuple[PublishedRow, ...] = ()
        if has_counterpart(results, output):
            beside = published_rows(*place, part, classes_of(metrics), output=output, whole=whole)
        methods = [found.method for found in beside]
        for found in beside:
            label = found.method if methods.count(found.method) == 1 else f"{found.method}, {found.setting}"
            rows.append(published_row(found, label=label, beta=metrics.get("beta", 2.0)))
    return rows
