"""What report and terminal show of an output with more than two classes, beside its line of the table."""

from collections.abc import Mapping
from html import escape
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from busjax.evaluation.counts import has_versions
from busjax.evaluation.rows import number
from busjax.page import paragraph

HEADINGS = {
    "accuracy": "Acc",
    "accuracy_ovr": "Acc one vs rest",
    "precision_macro": "Prec (macro)",
    "recall_macro": "Recall (macro)",
    "f1_macro": "F1 (macro)",
    "f1_of_means": "F1 of means",
    "auc_macro": "AUC (macro)",
    "printed_accuracy": "Acc as printed",
}
"""Of the columns; the last is of published rows alone."""

_BY_CLASS = {"precision": "Prec", "recall": "Recall", "f1": "F1", "accuracy_ovr": "Acc one vs rest", "auc": "AUC"}
_PERCENT = ("precision", "recall", "accuracy_ovr")


def class_rows(metrics: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Each class against the rest: headings, and a row of texts for each.

    Args:
      metrics: an output's entry in results.json.
    """
    words = [name.replace("_", " ") for name in metrics["classes"]]
    headings = ["class", "images", *_BY_CLASS.values(), *(f"as {word}" for word in words)]
    rows = []
    for name, word, decided in zip(metrics["classes"], words, metrics["confusion"], strict=True):
        own = metrics["per_class"][name]
        values = [number(own[metric], percent=metric in _PERCENT) for metric in _BY_CLASS]
        size = f"{own['images']}, {own['versions']} versions" if has_versions(own) else str(own["images"])
        rows.append([word, size, *values, *map(str, decided)])
    return headings, rows


def print_classes(output: str, metrics: Mapping[str, Any], console: Console) -> None:
    """Prints each class of an output against the rest, upright, so that it fits a narrow console."""
    headings, rows = class_rows(metrics)
    table = Table(show_edge=False, pad_edge=False)
    table.add_column(output, no_wrap=True)
    for row in rows:
        table.add_column(row[0], justify="right", no_wrap=True)
    for heading, *values in zip(headings[1:], *(row[1:] for row in rows), strict=True):
        table.add_row(Text(heading), *values)
    console.print(table)


def classes_html(output: str, metrics: Mapping[str, Any]) -> str:
    """The same as a table of the report."""
    headings, rows = class_rows(metrics)
    head = "".join(f"<th>{escape(text)}</th>" for text in headings)
    body = "\n".join(
        '<tr class="ours">' + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    table = f'<div class="scroll"><table class="results">\n<tr>{head}</tr>\n{body}\n</table></div>'
    note = "Each class against the rest; the last columns count the images of the class by what they are decided as."
    return f"<h3>{escape(output)}, by class</h3>{table}{paragraph(note, note=True)}"
