"""How well predicted lesion masks agree with the true ones: figures for every image, their means and intervals.

Conventions, the same everywhere:

* A pixel is called lesion where its probability is above the threshold; a tie is not.
* Both masks have the size of the network's input: the true mask is the prepared one, resized (to the nearest pixel) and
  cut as the image was. Nothing is compared at the released size.
* Figures are taken image by image and then averaged: every image counts alike, however large its lesion.
* Of two empty masks Dice and IoU are 1: that there is no lesion was told rightly. Means over all images with a mask
  hold such images; beside them stand the means over the images with a lesion, where the convention changes nothing.
* Sensitivity is undefined where the true mask is empty, specificity where it covers the image: NaN here, blank in
  files, and in no mean.
* Images without a mask are in no figure. An empty mask is a mask.
* By class: the same means over the images of one class. The masks of normal images are empty, so that their IoU is 1
  or 0, and its mean the share of them on which nothing is drawn. `iou_average` is the unweighted mean of the three
  classes' mean IoU (Dizaj and Valizadeh 2021, Table 3); without images of one of them it is undefined.
"""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Int64, Shaped

from busjax.evaluation import bootstrap
from busjax.evaluation.counts import counted

SEGMENTATION = "segmentation"
"""The key, beside the outputs of a part, under which results.json holds what is here."""

FIGURES = ("dice", "iou", "sensitivity", "specificity")
TP, FN, TN, FP = range(4)

CLASSES = ("normal", "benign", "malignant")
"""The classes whose masks are averaged apart."""

EMPTY_MASKS = "Dice and IoU of two empty masks are 1; of an empty one and one that is not, 0"
"""The convention, as it is told beside figures."""


@dataclass(frozen=True, eq=False)
class Segmentation:
    """What a network's masks say of some images, beside the truth; pixels are counted, not kept.

    Attributes:
      image_id: array of str [n], unique.
      case_id: array of str [n]; images of one case are not independent.
      has_mask: bool [n]; whether the true mask is known. It may be empty.
      counts: int64 [n, 4]; pixels that are lesion and found, lesion and missed, recognised as none, called lesion
        wrongly (TP, FN, TN, FP). Where there is no mask, every pixel counts as none.
      label: array of str [n]; one of `CLASSES`, or '' where the class is unknown; by default of all.

    Raises:
      ValueError: the columns have different lengths, an image stands twice, a count is negative, or a class is unheard
        of.
    """

    image_id: Shaped[np.ndarray, " n"]
    case_id: Shaped[np.ndarray, " n"]
    has_mask: Bool[np.ndarray, " n"]
    counts: Int64[np.ndarray, "n 4"]
    label: Shaped[np.ndarray, " n"] = field(default_factory=lambda: np.array([], dtype=str))

    def __post_init__(self) -> None:
        if not len(self.label):
            object.__setattr__(self, "label", np.full(len(self.image_id), "", dtype=str))
        columns = (self.image_id, self.case_id, self.has_mask, self.counts, self.label)
        lengths = {len(column) for column in columns}
        if len(lengths) > 1 or self.counts.shape[1:] != (4,):
            raise ValueError(f"segmentation: found columns of {sorted(lengths)} images, expected one length")
        if len(np.unique(self.image_id)) < len(self.image_id):
            raise ValueError("segmentation: image_id: found an image twice, expected each once")
        if (self.counts < 0).any():
            raise ValueError("segmentation: counts: found a negative number of pixels")
        if unknown := sorted(set(self.label.tolist()) - {*CLASSES, ""}):
            raise ValueError(f"segmentation: label: found {unknown[0]!r}, expected {', '.join(CLASSES)} or ''")

    @property
    def has_lesion(self) -> Bool[np.ndarray, " n"]:
        """Where there is a mask that is not empty."""
        return self.has_mask & (self.counts[:, TP] + self.counts[:, FN] > 0)

    def figures(self) -> dict[str, Float64[np.ndarray, " n"]]:
        """`overlap` of every image; NaN where there is no mask."""
        return {name: np.where(self.has_mask, values, np.nan) for name, values in overlap(self.counts).items()}

    def subset(self, chosen: Bool[np.ndarray, " n"]) -> "Segmentation":
        """Some of the images."""
        columns = (self.image_id, self.case_id, self.has_mask, self.counts, self.label)
        return Segmentation(*(column[chosen] for column in columns))


def pixel_counts(
    probability: Shaped[np.ndarray, "n height width"],
    mask: Shaped[np.ndarray, "n height width"],
    threshold: float = 0.5,
) -> Int64[np.ndarray, "n 4"]:
    """Pixels of every image by truth and decision: TP, FN, TN, FP.

    Args:
      probability: of the lesion, 0 to 1; or a binary mask of 0 and 1, or of truth values.
      mask: the truth, 0 and 1 or truth values.
      threshold: a pixel is called lesion above it.

    Raises:
      ValueError: a value out of range.
    """
    if not 0 <= threshold <= 1:
        raise ValueError(f"threshold: found {threshold}, expected a number from 0 to 1")
    if not np.all((probability >= 0) & (probability <= 1)):  # NaN is caught, too
        raise ValueError("predicted masks: found values that are not from 0 to 1, expected probabilities")
    true = mask > 0.5
    if not np.array_equal(true, mask):
        raise ValueError("true masks: found values that are neither 0 nor 1")
    called = probability > threshold
    size = math.prod(mask.shape[1:])
    tp, lesion, positive = ((m.reshape(len(m), size)).sum(axis=1) for m in (true & called, true, called))
    return np.stack([tp, lesion - tp, size - lesion - positive + tp, positive - tp], axis=1).astype(np.int64)


def overlap(counts: Int64[np.ndarray, "n 4"]) -> dict[str, Float64[np.ndarray, " n"]]:
    """Dice 2TP/(2TP+FN+FP), IoU TP/(TP+FN+FP), sensitivity TP/(TP+FN), specificity TN/(TN+FP) of every image."""
    tp, fn, tn, fp = counts.astype(np.float64).T

    def ratio(numerator: np.ndarray, denominator: np.ndarray, empty: float) -> np.ndarray:
        return np.divide(numerator, denominator, out=np.full(len(counts), empty), where=denominator > 0)

    return {
        "dice": ratio(2 * tp, 2 * tp + fn + fp, 1.0),
        "iou": ratio(tp, tp + fn + fp, 1.0),
        "sensitivity": ratio(tp, tp + fn, np.nan),
        "specificity": ratio(tn, tn + fp, np.nan),
    }


def means(segmentation: Segmentation) -> dict[str, float | None]:
    """The mean of each figure over all images with a mask; None where no image has it."""
    figures = segmentation.figures()
    return {name: None if np.isnan(f).all() else float(np.nanmean(f)) for name, f in figures.items()}


def ious(segmentation: Segmentation) -> dict[str, float | None]:
    """Mean IoU over the images of each class with a mask ('iou_normal', ...), the unweighted mean of the classes
    ('iou_average') and the mean over images with a lesion ('iou_lesions'); None where there are no such images.
    """
    found: dict[str, float | None] = {}
    for name in CLASSES:
        found[f"iou_{name}"] = means(segmentation.subset(segmentation.label == name))["iou"]
    values = [value for value in found.values() if value is not None]
    found["iou_average"] = float(np.mean(values)) if len(values) == len(CLASSES) else None
    found["iou_lesions"] = means(segmentation.subset(segmentation.has_lesion))["iou"]
    return found


def segmentation_results(
    segmentation: Segmentation,
    *,
    threshold: float,
    threshold_from: str = "fixed",
    resamples: int = 1000,
    seed: int = 0,
    versions: bool = False,
) -> dict[str, Any]:
    """The entry of results.json: JSON values, None where a value is undefined.

    Args:
      segmentation: of one part of the data.
      threshold, threshold_from: of the pixels that `segmentation` counts, and where it comes from.
      resamples: of cases, for 95 % percentile intervals of the means; 0 for none.
      seed: of the resamples.
      versions: whether images may be versions of others; `versions` and `lesion_versions`, the numbers of rows, then
        stand beside `images` and `lesion_images`. Every figure's own "images" are those rows.

    Returns:
      images, cases (with a mask), unmasked (images without), lesion_images, lesion_cases, pixels (of an image),
      threshold, threshold_from, resamples, seed, empty_masks (the convention), and for each of `FIGURES` {"images",
      "mean", "std" (over images, n - 1), "median", "interval": {"low", "high", "dropped"} or None}; the same once more
      under "lesions", over images with a lesion, and under "by_class" for each class that has images with a mask, with
      its images and cases; iou_average.

    Raises:
      ValueError: the images have different sizes.
    """
    sizes = np.unique(segmentation.counts.sum(axis=1))
    if len(sizes) > 1:
        raise ValueError(f"segmentation: found images of {sizes.tolist()} pixels, expected one size")
    masked, lesions = segmentation.has_mask, segmentation.has_lesion
    how = {"resamples": resamples, "seed": seed}

    def size(chosen: np.ndarray) -> dict[str, int]:
        return counted(segmentation.image_id[chosen], versions)

    return {
        **size(masked),
        "cases": len(np.unique(segmentation.case_id[masked])),
        "unmasked": int((~masked).sum()),
        **{f"lesion_{name}": count for name, count in size(lesions).items()},
        "lesion_cases": len(np.unique(segmentation.case_id[lesions])),
        "pixels": int(sizes[0]) if len(sizes) else 0,
        "threshold": threshold,
        "threshold_from": threshold_from,
        "empty_masks": EMPTY_MASKS,
        **how,
        **_summaries(segmentation.subset(masked), **how),
        "lesions": _summaries(segmentation.subset(lesions), **how),
        "by_class": {
            name: {
                **size(of_class),
                "cases": len(np.unique(segmentation.case_id[of_class])),
                **_summaries(segmentation.subset(of_class), **how),
            }
            for name in CLASSES
            if (of_class := masked & (segmentation.label == name)).any()
        },
        "iou_average": ious(segmentation)["iou_average"],
    }


def _summaries(segmentation: Segmentation, resamples: int, seed: int) -> dict[str, dict[str, Any]]:
    """Each figure over all of the images."""
    figures = segmentation.figures()
    cases, case_of_image = np.unique(segmentation.case_id, return_inverse=True)
    intervals: dict[str, Any] = dict.fromkeys(figures)
    if resamples and len(cases) >= 2:  # with one case the spread between cases cannot be seen
        draws = bootstrap.draw_cases(len(cases), resamples=resamples, seed=seed)
        for name, values in figures.items():
            resampled = bootstrap.resampled_means(draws, case_of_image.astype(np.int64), values)
            found = bootstrap.percentile_interval(resampled)
            if not math.isnan(found.low):
                intervals[name] = {"low": found.low, "high": found.high, "dropped": found.dropped}
    return {name: {**_summary(values), "interval": intervals[name]} for name, values in figures.items()}


def _summary(values: Float64[np.ndarray, " n"]) -> dict[str, Any]:
    defined = values[~np.isnan(values)]
    several = len(defined) > 1
    return {
        "images": len(defined),
        "mean": float(defined.mean()) if len(defined) else None,
        "std": float(defined.std(ddof=1)) if several else None,
        "median": float(np.median(defined)) if len(defined) else None,
    }
