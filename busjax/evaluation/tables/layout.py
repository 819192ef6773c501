"""The lines of a table, as text and as numbers: published rows with ours under them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from busjax.evaluation.counts import size_text
from busjax.evaluation.literature import PAPERS, RATES
from busjax.evaluation.published import OTHER_DATA, PublishedRow, PublishedTable
from busjax.evaluation.rows import MISSING
from busjax.evaluation.tables.auc_check import auc_check
from busjax.evaluation.tables.groups import FOLD, SEED
from busjax.evaluation.tables.measures import METRICS, Measures
from busjax.evaluation.tables.one_split import not_on_one_split
from busjax.evaluation.tables.summaries import INCOMPLETE, Summary

HEADINGS = {
    "accuracy": "Acc %",
    "accuracy_ovr": "Acc one-vs-rest %",
    "printed_accuracy": "Acc as-printed %",
    "sensitivity": "Sens %",
    "specificity": "Spec %",
    "precision": "Prec %",
    "f1": "F1",
    "f2": "F2",
    "auc": "AUC",
    "balanced_accuracy": "AUC (hard) %",
    "fpr": "FPR %",
    "fnr": "FNR %",
    "precision_macro": "Prec (macro) %",
    "recall_macro": "Recall (macro) %",
    "f1_macro": "F1 (macro)",
    "f1_of_means": "F1 of-means",
    "auc_macro": "AUC (macro)",
    "dice": "Dice",
    "iou": "IoU",
    "iou_normal": "IoU normal",
    "iou_benign": "IoU benign",
    "iou_malignant": "IoU malignant",
    "iou_average": "IoU average",
    "iou_lesions": "IoU lesions",
    "auc_mean": "(Sens+Spec)/2 %",
    "auc_verdict": "is the AUC",
}
"""Of the columns, by metric; the last two are the check of a published AUC."""

CHECK = ("auc_mean", "auc_verdict")


@dataclass(frozen=True)
class Line:
    """One line of a table.

    Attributes:
      kind: 'published', 'run' (one fold), 'mean', 'deviation' or 'pooled'.
      label: the published method, or what tells our row from the others.
      what: how the line came about, with the marks that must not be lost.
      images: images and cases, and versions where there are more of these (of a mean those of each run, from the
        smallest to the largest), or 'other data'.
      shown: text by column.
      values: the metrics as numbers from 0 to 1; without those that are undefined or not given.
      facts: what files have beside it: row, output, fold, seed, run, data, threshold, note.
    """

    kind: str
    label: str
    what: str
    images: str
    shown: Mapping[str, str]
    values: Mapping[str, float]
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ResultTable:
    """A table.

    Attributes:
      name: of the published table, or 'runs'.
      title: with what the paper calls it.
      source: of the published rows and the images they were measured on; '' where there are none.
      lines: published rows, and under each the mean and the pooled figures of ours.
      each: the folds of ours, one by one, and the standard deviations.
      notes: what must be known, by sentences.
      only: the metrics to show; () for all that a line has.
    """

    name: str
    title: str
    source: str
    lines: tuple[Line, ...]
    each: tuple[Line, ...]
    notes: tuple[str, ...]
    only: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns to show, of `HEADINGS`: those in which a line has a value; F2 where a published line has one."""
        there = {name for line in (*self.lines, *self.each) for name, text in line.shown.items() if text != MISSING}
        if self.only:
            there &= {*self.only, *CHECK}
        if all("f2" not in line.values for line in self.lines if line.kind == "published"):
            there.discard("f2")
        return tuple(name for name in HEADINGS if name in there)


def metric_text(metric: str, value: float | None, deviation: float | None = None) -> str:
    """76.9 for a rate (percent), 0.765 for others, with ± where there is a deviation; a dash where undefined."""
    if value is None or math.isnan(value):
        return MISSING
    factor, digits = (100, 1) if metric in RATES else (1, 3)
    text = f"{factor * value:.{digits}f}"
    return text if deviation is None or math.isnan(deviation) else f"{text} ± {factor * deviation:.{digits}f}"


def published_line(row: PublishedRow, *, check: bool) -> Line:
    """The line of a published row, digits as printed; with `check` also whether its AUC is the mean of two rates."""
    shown = {metric: row.text(metric) or MISSING for metric in METRICS}
    found = auc_check(row)
    if check and found is not None:
        shown |= {"auc_mean": f"{found.mean:.2f}", "auc_verdict": "yes" if found.holds else "NO"}
    values = {metric: value for metric in METRICS if (value := row.value(metric)) is not None}
    facts = {"row": row.name, "note": row.note}
    return Line("published", f"{row.method}: {row.setting}", "published", OTHER_DATA, shown, values, facts)


def summary_lines(summary: Summary, label: str, row: str) -> tuple[list[Line], list[Line]]:
    """Our lines of one row: those of the table, and those of each run with the deviation.

    Args:
      summary: of one output.
      label: what tells it from the others.
      row: the published row that it stands under, or else what its config names.
    """
    marks = "".join(f", {mark}" for mark in summary.marks)
    note = "; ".join(summary.notes)
    facts = {"row": row, "output": summary.output, "data": summary.data, "note": note}
    own_marks = marks.replace(f", {INCOMPLETE}", "")
    if not summary.folds:
        return [Line("mean", label, f"no finished run{marks}", MISSING, _shown({}), {}, facts)], []
    each = []
    for run, measures in summary.folds:
        own = {
            **facts,
            "fold": str(run.config.get(FOLD, "")),
            "seed": str(run.config.get(SEED, "")),
            "run": run.name,
            "threshold": f"{run.thresholds[summary.output]:g}" if summary.output in run.thresholds else "",
            "note": run.leak,
        }
        size = size_text(measures.images, measures.cases, measures.versions)
        what = f"fold {run.config.get(FOLD, 0)}, seed {run.config.get(SEED, 0)}{own_marks}"
        each.append(Line("run", label, what, size, _shown(measures.values), _defined(measures.values), own))
    if len(each) == 1:
        only = each[0]
        return [
            Line("run", label, f"one run{marks}", only.images, only.shown, only.values, {**only.facts, "note": note})
        ], []
    expected = len(summary.group.folds) * len({run.config.get(SEED, 0) for run, _ in summary.folds})
    of = "" if len(each) == expected else f" of {expected}"
    shown = {name: metric_text(name, summary.mean[name], summary.deviation[name]) for name in METRICS}
    spread = f"± deviation of {len(each)}{of} runs{marks}"
    size = _sizes([measures for _, measures in summary.folds])
    lines = [Line("mean", label, f"mean {spread}", size, shown, _defined(summary.mean), facts)]
    if summary.pooled is not None:
        size = size_text(summary.pooled.images, summary.pooled.cases, summary.pooled.versions)
        values = summary.pooled.values
        lines.append(Line("pooled", label, f"all pooled{marks}", size, _shown(values), _defined(values), facts))
    what = f"standard deviation of {len(each)}{of} runs{marks}"
    each.append(Line("deviation", label, what, MISSING, _shown(summary.deviation), _defined(summary.deviation), facts))
    return lines, each


def assemble(
    published: PublishedTable | None, ours: Sequence[tuple[str, Summary]], *, check: bool = False
) -> ResultTable:
    """A table: each published row with ours (label and summary) under it, then ours that belong beside none."""
    lines: list[Line] = []
    each: list[Line] = []
    notes: list[str] = []

    def add(label: str, summary: Summary, row: str) -> None:
        main, own = summary_lines(summary, label, row or (summary.group.row if summary.reported else ""))
        lines.extend(main)
        each.extend(own)
        notes.extend(f"{label}: {note}." for note in summary.notes)

    rows = published.rows if published else ()
    names = [row.name for row in rows]
    for row in rows:
        lines.append(published_line(row, check=check))
        if row.note:
            notes.append(f"{row.method}, {row.setting}, as published: {row.note}.")
        for label, summary in ours:
            if summary.row(names) == row.name:
                add(label, summary, row.name)
    for label, summary in ours:
        if not summary.row(names):
            add(label, summary, "")
    notes += filter(None, [not_on_one_split([summary for _, summary in ours])])
    notes += [f"Ours: {data}." for data in dict.fromkeys(summary.data for _, summary in ours)]
    if published is None:
        return ResultTable("runs", "Runs", "", tuple(lines), tuple(each), tuple(notes))
    paper = PAPERS[published.paper]
    title = f"{published.title} ({paper.short}, {published.number})"
    source = f"Published: {paper.source}. Measured on {published.data}."
    notes = list(dict.fromkeys(notes))
    return ResultTable(published.name, title, source, tuple(lines), tuple(each), tuple(notes), published.shown)


def _sizes(folds: Sequence[Measures]) -> str:
    """Images and cases of each of several runs: '57–62 (28–30)', '57–62 (28–30), 120–130 versions'."""

    def ends(counts: list[int]) -> str:
        return f"{min(counts)}–{max(counts)}" if min(counts) < max(counts) else str(min(counts))

    images, cases = ends([fold.images for fold in folds]), ends([fold.cases for fold in folds])
    if all(fold.versions in (None, fold.images) for fold in folds):
        return size_text(images, cases)
    return size_text(images, cases, ends([fold.versions or fold.images for fold in folds]))


def _shown(values: Mapping[str, float]) -> dict[str, str]:
    return {name: metric_text(name, values.get(name)) for name in METRICS}


def _defined(values: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in values.items() if not math.isnan(value)}
