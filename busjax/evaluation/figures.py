"""Figures of metrics and training, drawn without a display and without matplotlib's global state."""

import io
import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from busjax.evaluation.metrics import binary_metrics, roc_points
from busjax.evaluation.multiclass import against_rest, multiclass_metrics
from busjax.evaluation.predictions import Predictions

# Okabe and Ito's palette: told apart by readers with any colour vision, and in print.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_PART_STYLE = {"train": ("#8A8F98", "--"), "val": ("#0072B2", "-"), "test": ("#D55E00", "-")}


def png_bytes(figure: Figure, *, dpi: int = 120) -> bytes:
    """The figure as a PNG file, without the date or the version of matplotlib in it."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    return buffer.getvalue()


def roc_curves(outputs: Sequence[Predictions], *, title: str = "") -> Figure:
    """ROC curves of several outputs on one part of the data, with AUC and n (Qi et al. 2019, Figs. 7 and 8).

    Of more than two classes each has its curve, against the rest. An output whose known targets are all of one class
    has no curve; the legend says so.

    Raises:
      ValueError: no output, or one without a known target.
    """
    if not outputs:
        raise ValueError("ROC curves: found no output, expected at least one")
    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], linestyle=":", color="#8A8F98", linewidth=1, label="chance")
    for index, predictions in enumerate(_of_two_classes(outputs)):
        metrics = binary_metrics(predictions, resamples=0)
        size = f"n = {metrics.images} ({metrics.positives} positive)"
        colour = _COLOURS[index % len(_COLOURS)]
        if math.isnan(metrics.auc):
            axes.plot([], [], color=colour, label=f"{predictions.name}: no curve, one class only, {size}")
            continue
        curve = roc_points(predictions)
        label = f"{predictions.name}: AUC {metrics.auc:.3f}, {size}"
        axes.plot(curve.false_positive_rate, curve.true_positive_rate, color=colour, linewidth=1.8, label=label)
    axes.set(xlabel="1 - specificity", ylabel="sensitivity", xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), title=title)
    axes.set_aspect("equal")
    axes.grid(alpha=0.25)
    axes.legend(loc="lower right", fontsize=8)
    return figure


def _of_two_classes(outputs: Sequence[Predictions]) -> list[Predictions]:
    """Outputs of more than two classes as one for each class."""
    return [
        one
        for output in outputs
        for one in (
            [output]
            if len(output.classes) == 2
            else [against_rest(output, index) for index in range(len(output.classes))]
        )
    ]


def confusion_matrix(predictions: Predictions, *, threshold: float = 0.5, title: str = "") -> Figure:
    """Counts and row percentages, true class in rows; of two the positive first (Qi et al. 2019, Figs. 6 and 9).

    Of more classes the order is theirs, and an image is decided by its highest score.

    Raises:
      ValueError: no known target, or a threshold outside [0, 1].
    """
    if len(predictions.classes) == 2:
        metrics = binary_metrics(predictions, threshold=threshold, resamples=0)
        counts = np.array([[metrics.tp, metrics.fn], [metrics.fp, metrics.tn]])
        classes = list(predictions.classes[::-1])
    else:
        counts = np.array(multiclass_metrics(predictions, resamples=0).confusion)
        classes = list(predictions.classes)
    size = len(classes)
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros((size, size)), where=totals > 0)
    figure = Figure(figsize=(0.9 + 1.3 * size, 0.6 + 1.3 * size), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row in range(size):
        for column in range(size):
            share = f"{100 * shares[row, column]:.1f} %" if totals[row, 0] else "no image"
            colour = "white" if shares[row, column] > 0.55 else "black"
            text = f"{counts[row, column]}\n{share}"
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=13)
    names = [name.replace("_", " ") for name in classes]
    axes.set_xticks(range(size), names)
    axes.set_yticks(range(size), names, rotation=90, va="center")
    axes.set(xlabel="predicted class", ylabel="true class", title=title)
    return figure


def training_curves(history: Sequence[Mapping[str, object]]) -> Figure:
    """One panel per quantity, with the parts of the data as lines in it.

    `history` has one mapping per moment, with 'epoch' or 'step' and scalars named 'part/quantity' ('val/mt_f_beta').
    The horizontal axis is 'epoch' if every row has it, else 'step'. A row may lack any scalar, or hold None.

    Raises:
      ValueError: rows with neither 'epoch' nor 'step' in common, or no scalar in any row.
    """
    shared = [name for name in ("epoch", "step") if history and all(_is_number(row.get(name)) for row in history)]
    if not shared:
        raise ValueError("training curves: found no 'epoch' or 'step' that every row of the history has")
    axis = shared[0]
    names = dict.fromkeys(name for row in history for name in row if name not in ("epoch", "step"))
    series = {}
    for name in names:
        points = [(row[axis], row[name]) for row in history if _is_number(row.get(name))]
        if points:
            series[name] = points
    if not series:
        raise ValueError("training curves: found no scalar in the history, expected columns such as 'train/mt_loss'")
    panels: dict[str, list[str]] = {}
    for name in series:
        panels.setdefault(name.partition("/")[2] or name, []).append(name)
    columns = min(3, len(panels))
    rows = math.ceil(len(panels) / columns)
    figure = Figure(figsize=(3.7 * columns, 2.7 * rows), layout="constrained")
    for index, (quantity, members) in enumerate(panels.items()):
        axes = figure.add_subplot(rows, columns, index + 1)
        for name in members:
            _plot_series(axes, name.partition("/")[0] if "/" in name else "", np.array(series[name], dtype=float))
        axes.set_title(quantity, fontsize=10)
        axes.set_xlabel(axis, fontsize=8)
        axes.tick_params(labelsize=8)
        axes.grid(alpha=0.25)
        if any("/" in name for name in members):
            axes.legend(fontsize=8)
    return figure


def _plot_series(axes: Axes, part: str, points: np.ndarray) -> None:
    colour, style = _PART_STYLE.get(part, ("#009E73", "-"))
    # A marker, because a curve of one point, or between two gaps, would not show.
    marker = "o" if len(points) < 30 else ""
    x, y = points.T
    axes.plot(x, y, color=colour, linestyle=style, marker=marker, markersize=3, label=part or None)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
