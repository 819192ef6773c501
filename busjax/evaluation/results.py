"""The results of one run: built from predictions, kept in results.json, printed as a table."""

import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from busjax.atomic import write_atomic
from busjax.evaluation.counts import OF_CASES, OF_VERSIONS, has_versions, size_text, with_versions
from busjax.evaluation.multiclass import is_multiclass, metrics_of
from busjax.evaluation.multiclass_section import HEADINGS, print_classes
from busjax.evaluation.predictions import Predictions
from busjax.evaluation.published import OTHER_DATA
from busjax.evaluation.rows import MISSING, NO_PLACE, Row, outputs_of, table_rows
from busjax.evaluation.segmentation import SEGMENTATION, Segmentation, segmentation_results
from busjax.evaluation.segmentation_section import print_segmentation
from busjax.evaluation.tables.leaks import LEAKING

PARTS = ("test", "val", "train")
"""Parts of the data that results may hold, in the order they are shown."""

LEAKS = "leaks_patients"
"""The key under which results of a split that shares patients between its parts say why."""

UNIT = "unit"
"""The key under which results say what a score is of, where it is not an image; `images` then counts these."""

_UNBOUNDED = 10_000  # columns; a table measured against the console itself always fits, by cutting numbers


def build_results(
    parts: Mapping[str, Sequence[Predictions]],
    selection: Mapping[str, object],
    *,
    datasets: Mapping[str, Mapping[str, Sequence[Predictions]]] | None = None,
    segmentations: Mapping[str, Segmentation] | None = None,
    dataset_segmentations: Mapping[str, Mapping[str, Segmentation]] | None = None,
    mask_threshold: float = 0.5,
    beta: float = 2.0,
    threshold: float = 0.5,
    threshold_from: str = "fixed",
    resamples: int = 1000,
    seed: int = 0,
    leak: str = "",
    versions: bool = False,
    unit: str = "image",
) -> dict[str, Any]:
    """The content of results.json: {part: {output: metrics}, "datasets": {name: {part: ...}}, "selection": selection}.

    Args:
      parts: for each part ('test', 'val', 'train'), the predictions of every output.
      selection: how the checkpoint was chosen (metric, part, step, value...); kept as it is.
      datasets: of a run on several datasets, the same as `parts` for each of them by itself.
      segmentations: of a method that draws lesions, for each part its counted pixels; goes to {part: {"segmentation"}}.
      dataset_segmentations: the same for each dataset by itself.
      mask_threshold: of the pixels counted.
      beta, threshold, resamples, seed: see `metrics_of`.
      threshold_from: where the threshold comes from ('fixed', or the part it was chosen on); kept with every metric.
      leak: why images of one patient may stand in several parts; '' where they do not. Goes to "leaks_patients".
      versions: whether images may be versions of others, named as `names.VERSION` says; see `counts`.
      unit: what a score is of, 'image' or 'case'; goes to "unit" where it is not an image.

    Returns:
      JSON values only: undefined metrics are None.

    Raises:
      ValueError: an unknown part, two outputs of one name, or predictions that have no metrics.
      TypeError: something in `selection` is not a JSON value.
    """
    how: dict[str, Any] = {
        "beta": beta,
        "threshold": threshold,
        "threshold_from": threshold_from,
        "resamples": resamples,
        "seed": seed,
        "versions": versions,
    }
    for part in (*parts, *(part for own in (datasets or {}).values() for part in own)):
        if part not in PARTS:
            raise ValueError(f"results: found the part '{part}', expected one of {', '.join(PARTS)}")
    results: dict[str, Any] = {part: _part_results(part, outputs, **how) for part, outputs in parts.items()}
    if datasets:
        results["datasets"] = {
            name: {part: _part_results(f"{name}, {part}", outputs, **how) for part, outputs in own.items()}
            for name, own in datasets.items()
        }
    how = {"threshold": mask_threshold, "resamples": resamples, "seed": seed, "versions": versions}
    for part, segmentation in (segmentations or {}).items():
        results.setdefault(part, {})[SEGMENTATION] = segmentation_results(segmentation, **how)
    for name, own in (dataset_segmentations or {}).items():
        for part, segmentation in own.items():
            entry = results["datasets"].setdefault(name, {}).setdefault(part, {})
            entry[SEGMENTATION] = segmentation_results(segmentation, **how)
    if leak:
        results[LEAKS] = leak
    if unit != "image":
        results[UNIT] = unit
    results["selection"] = _json_value(selection, "selection")
    return results


def _part_results(
    where: str,
    outputs: Sequence[Predictions],
    *,
    beta: float,
    threshold: float,
    threshold_from: str,
    resamples: int,
    seed: int,
    versions: bool,
) -> dict[str, Any]:
    """Metrics by output."""
    found: dict[str, Any] = {}
    for predictions in outputs:
        if predictions.name == SEGMENTATION:
            raise ValueError(f"results: {where}: found an output called '{SEGMENTATION}', which means its masks")
        if predictions.name in found:
            raise ValueError(f"results: {where}: found '{predictions.name}' twice, expected different names")
        try:
            metrics = metrics_of(predictions, threshold=threshold, beta=beta, resamples=resamples, seed=seed)
        except ValueError as error:
            raise ValueError(f"results: {where}: {error}") from None
        entry = metrics.to_json()
        if len(predictions.classes) == 2:
            classes = {"negative_class": predictions.classes[0], "positive_class": predictions.classes[1]}
            entry = {**classes, **entry, "threshold_from": threshold_from}
        found[predictions.name] = with_versions(entry, predictions) if versions else entry
    return found


def write_results(path: str | os.PathLike[str], results: Mapping[str, Any]) -> None:
    """Writes results as strict JSON (undefined numbers are null), whole or not at all.

    Raises:
      TypeError: a value is not JSON; the message names it.
      OSError: the file cannot be written.
    """
    write_atomic(
        path, json.dumps(_json_value(results, "results"), indent=2, allow_nan=False, ensure_ascii=False) + "\n"
    )


def read_results(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Reads what `write_results` wrote.

    Raises:
      FileNotFoundError: there is no such file.
      ValueError: it is not JSON, or not a results file.
    """
    source = Path(path)
    if not source.is_file():
        raise FileNotFoundError(f"{source}: no such file, expected the results of a run")

    def refuse(constant: str) -> None:
        raise ValueError(f"{source}: found {constant}, expected strict JSON (null where undefined)")

    try:
        results = json.loads(source.read_text(encoding="utf-8"), parse_constant=refuse)
    except json.JSONDecodeError as error:
        raise ValueError(f"{source}: not JSON: {error}") from None
    if not isinstance(results, dict) or "selection" not in results:
        raise ValueError(f"{source}: found no 'selection', expected the results of a run")
    return results


def print_results(results: Mapping[str, Any], console: Console, *, place: tuple[str, str] = NO_PLACE) -> None:
    """Prints one table per part: a row per output, the published rows it stands beside under it, marked "other data".

    Of a run on several datasets the tables of each one follow. `place` is the run's `table.name` and `table.row`.

    On a console too narrow for the table each output is printed as a block of its own, so that no number is cut.
    """
    mark = f", {LEAKING}" if results.get(LEAKS) else ""
    for part in PARTS:
        _print_part(results, part, f"{part}{mark}", console, place)
    for name, own in results.get("datasets", {}).items():
        for part in PARTS:
            _print_part(own, part, f"{part}, {name} alone{mark}", console, NO_PLACE)
    if results.get(UNIT) == "case":
        console.print(Text(f"  {OF_CASES}.", style="dim"))
    if leak := results.get(LEAKS):
        console.print(Text(f"{LEAKING}: {leak}. The figures are too high.", style="bold red"))


def _print_part(results: Mapping[str, Any], part: str, title: str, console: Console, place: tuple[str, str]) -> None:
    if segmentation := results.get(part, {}).get(SEGMENTATION):
        print_segmentation(segmentation, title, console)
    outputs = outputs_of(results, part)
    of_two = next((metrics for metrics in outputs.values() if not is_multiclass(metrics)), None)
    if of_two is not None:
        how = f"threshold {of_two['threshold']:g} ({of_two['threshold_from']}), rates in %, intervals 95 %"
        rows = table_rows(results, part, place)
        _print_rows(f"{title}: {how}", rows, _columns(of_two["beta"]), "TP/FN/TN/FP", console)
    if rows := table_rows(results, part, place, multiclass=True):
        columns = {name: heading for name, heading in HEADINGS.items() if any(_has(row, name) for row in rows)}
        _print_rows(f"{title}: decided by the highest score, rates in %, intervals 95 %", rows, columns, "", console)
        for output, metrics in outputs.items():
            if is_multiclass(metrics):
                print_classes(output, metrics, console)
    if any(map(has_versions, outputs.values())):
        console.print(Text(f"  {OF_VERSIONS}.", style="dim"))


def _columns(beta: float) -> dict[str, str]:
    """The metrics of two classes, and their headings."""
    rates = {"accuracy": "Acc", "sensitivity": "Sens", "specificity": "Spec", "precision": "Prec"}
    return {"auc": "AUC", "f_beta": f"F{beta:g}"} | rates


def _has(row: Row, column: str) -> bool:
    return row.values.get(column, MISSING) != MISSING


def _print_rows(title: str, rows: list[Row], columns: Mapping[str, str], counts: str, console: Console) -> None:
    console.print(Text(title, style="bold"))
    table = _wide_table(rows, columns, counts)
    if console.measure(table, options=console.options.update(width=_UNBOUNDED)).maximum <= console.width:
        console.print(table)
    else:
        for row in rows:
            console.print(_narrow_table(row, columns, counts))
            console.print()
    for row in rows:
        if row.note:
            console.print(Text(f"  {row.label}: {row.note}", style="dim"))


def _wide_table(rows: list[Row], columns: Mapping[str, str], counts: str) -> Table:
    table = Table(show_edge=False, pad_edge=False)
    table.add_column("output", no_wrap=True)
    for heading in ("images (cases)", *columns.values(), *filter(None, [counts])):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        label = f"  {row.label}" if row.published else row.label
        style = "dim" if row.published else None
        size = OTHER_DATA if row.published else size_text(row.images, row.cases, row.versions)
        # Of rates the interval would make the line too wide; they are in the report.
        cells = [
            Text(f"{row.values.get(name, MISSING)} {row.intervals.get(name, '') if name == 'auc' else ''}".rstrip())
            for name in columns
        ]
        table.add_row(Text(label), size, *cells, *([row.counts] if counts else []), style=style)
    return table


def _narrow_table(row: Row, columns: Mapping[str, str], counts: str) -> Table:
    table = Table(show_edge=False, pad_edge=False, show_header=False)
    table.add_column("metric", no_wrap=True)
    table.add_column("value", no_wrap=True)
    table.add_row(Text("output"), Text(f"{row.label}, {OTHER_DATA}" if row.published else row.label, style="bold"))
    if not row.published:
        table.add_row("images (cases)", size_text(row.images, row.cases, row.versions))
        if counts:
            table.add_row(counts, row.counts)
    for name, heading in columns.items():
        table.add_row(heading, Text(f"{row.values.get(name, MISSING)} {row.intervals.get(name, '')}".rstrip()))
    return table


def _json_value(value: object, where: str) -> Any:
    """`value` as plain JSON: mappings, lists, text, numbers, None; numpy numbers become Python's, NaN becomes None."""
    if isinstance(value, Mapping):
        return {str(key): _json_value(item, f"{where}.{key}") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json_value(item, f"{where}[{index}]") for index, item in enumerate(value)]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        if math.isnan(value):
            return None
        raise TypeError(f"{where}: found {value}, expected a finite number")
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise TypeError(f"{where}: found {type(value).__name__}, expected text, a number, true, false, or null")
