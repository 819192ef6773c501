"""Figures of predicted lesion masks: how the agreement spreads over the images, and outlines on single images."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Bool, Float64
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from busjax.evaluation.examples import MaskExample
from busjax.evaluation.galleries import short_id
from busjax.evaluation.segmentation import FN, TP, Segmentation

# Okabe and Ito's palette but for the bright green of a true outline, which the CAM gallery has, too.
TRUE, PREDICTED = "#39FF14", "#E69F00"
_DICE, _IOU = "#0072B2", "#D55E00"
BINS = np.linspace(0, 1, 21)


def overlap_figure(segmentation: Segmentation, *, title: str = "") -> Figure:
    """Histograms of Dice and IoU over the images with a lesion, and Dice against the size of the lesion.

    Raises:
      ValueError: there is no image with a lesion.
    """
    lesions = segmentation.subset(segmentation.has_lesion)
    if not len(lesions.image_id):
        raise ValueError("overlap figure: found no image with a lesion mask, expected at least one")
    figures = lesions.figures()
    figure = Figure(figsize=(8.4, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    for name, label, colour in (("dice", "Dice", _DICE), ("iou", "IoU", _IOU)):
        left.hist(figures[name], bins=BINS, histtype="step", linewidth=1.8, color=colour, label=label)
    left.set(xlabel="Dice, IoU", ylabel="images", xlim=(0, 1), title=title)
    left.legend(fontsize=8, loc="upper left")
    share = lesions.counts[:, [TP, FN]].sum(axis=1) / lesions.counts.sum(axis=1)
    right.scatter(100 * share, figures["dice"], s=9, color=_DICE, alpha=0.6, linewidths=0)
    right.set(xlabel="lesion, % of the image", ylabel="Dice", ylim=(-0.02, 1.02), xlim=(0, None))
    for axes in (left, right):
        axes.grid(alpha=0.25)
        axes.tick_params(labelsize=8)
    return figure


def outline_gallery(groups: Mapping[str, Sequence[MaskExample]], *, threshold: float = 0.5) -> Figure:
    """A row for each group: every image beside the same with the true outline in green and the predicted in orange.

    Args:
      groups: examples by the words that stand beside the row; an empty group has no row.
      threshold: of the predicted mask.

    Raises:
      ValueError: no example.
    """
    rows = {name: examples for name, examples in groups.items() if examples}
    if not rows:
        raise ValueError("outline gallery: found no example, expected at least one")
    pairs = max(len(examples) for examples in rows.values())
    widths = [1.0, 1.0, 0.06] * pairs
    figure = Figure(figsize=(2.0 * sum(widths), 2.25 * len(rows)), layout="constrained")
    grid = figure.subplots(len(rows), len(widths), squeeze=False, width_ratios=widths)
    for axes in grid.flat:
        axes.axis("off")
    for line, (name, examples) in zip(grid, rows.items(), strict=True):
        line[0].text(-0.06, 0.5, name, rotation=90, ha="right", va="center", transform=line[0].transAxes, fontsize=10)
        for pair, example in enumerate(examples):
            left, right = line[3 * pair], line[3 * pair + 1]
            left.imshow(example.image)
            right.imshow(example.image)
            draw_outlines(right, example, threshold)
            left.set_title(short_id(example.image_id), fontsize=8)
            right.set_title("no true mask" if np.isnan(example.dice) else f"Dice {example.dice:.3f}", fontsize=8)
    return figure


def draw_outlines(axes: Axes, example: MaskExample, threshold: float) -> None:
    """The outlines of the true and of the predicted mask; nothing of one that is empty or everywhere."""
    for mask, colour in ((example.true, TRUE), (example.probability > threshold, PREDICTED)):
        if mask is not None and mask.any():
            axes.contour(_framed(mask), levels=[0.5], colors=colour, linewidths=1.1, extent=_extent(mask))


def _framed(mask: Bool[np.ndarray, "h w"]) -> Float64[np.ndarray, "framed_h framed_w"]:
    """With a frame of zeros, so that an outline is closed where the lesion meets the image's edge."""
    return np.pad(mask.astype(np.float64), 1)


def _extent(mask: Bool[np.ndarray, "h w"]) -> tuple[float, float, float, float]:
    """Where the first and the last pixel of the framed mask lie, in the image's coordinates."""
    height, width = mask.shape
    return (-1, width, -1, height)
