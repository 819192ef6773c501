"""The figures of every image's predicted mask, as a CSV file of the work directory."""

import csv
import io
import os
from pathlib import Path

import numpy as np

from busjax.atomic import write_atomic
from busjax.evaluation.segmentation import CLASSES, FIGURES, FN, FP, TN, TP, Segmentation

_IDS = ("image_id", "case_id", "label", "has_mask")
_PIXELS = ("lesion_pixels_true", "lesion_pixels_predicted", "lesion_pixels_common", "pixels")
COLUMNS = (*_IDS, *_PIXELS, *FIGURES)


def write_segmentation(path: str | os.PathLike[str], segmentation: Segmentation) -> None:
    """Writes a row for every image, whole or not at all.

    Columns: image_id, case_id, label (the class, blank where unknown), has_mask (1 or 0), the lesion's pixels in the
    true mask (blank where there is none), in the predicted one and in both, all pixels of the image, and dice, iou,
    sensitivity, specificity (blank where undefined).

    Raises:
      OSError: the file cannot be written.
    """
    figures, counts = segmentation.figures(), segmentation.counts
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row, known in enumerate(segmentation.has_mask.tolist()):
        tp, fn, tn, fp = counts[row].tolist()
        pixels = [tp + fn, tp + fp, tp, tp + fn + tn + fp] if known else ["", tp + fp, "", tp + fn + tn + fp]
        values = [float(figures[name][row]) for name in FIGURES]
        ids = [str(column[row]) for column in (segmentation.image_id, segmentation.case_id, segmentation.label)]
        ids.append(str(int(known)))
        writer.writerow([*ids, *pixels, *("" if np.isnan(value) else repr(value) for value in values)])
    write_atomic(path, text.getvalue())


def read_segmentation(path: str | os.PathLike[str]) -> Segmentation:
    """Reads what `write_segmentation` wrote.

    Raises:
      FileNotFoundError: there is no such file.
      ValueError: a column is missing, or a row is wrong; the message names file and line.
    """
    source = Path(path)
    if not source.is_file():
        raise FileNotFoundError(f"{source}: no such file, expected the figures of predicted masks")
    with source.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            found = ", ".join(reader.fieldnames or ()) or "none"
            raise ValueError(f"{source}: columns: found {found}, expected {', '.join(COLUMNS)}")
        rows = list(reader)
    counts = np.zeros((len(rows), 4), np.int64)
    for at, row in enumerate(rows):
        try:
            true, predicted, common, pixels = (int(row[name] or 0) for name in _PIXELS)
            known = {"0": False, "1": True}[row["has_mask"]]
        except (KeyError, TypeError, ValueError):
            raise ValueError(f"{source}: line {at + 2}: has_mask or pixels: expected whole numbers") from None
        counts[at, [TP, FN, FP]] = common, true - common, predicted - common
        counts[at, TN] = pixels - true - predicted + common
        if (counts[at] < 0).any() or (not known and true):
            raise ValueError(f"{source}: line {at + 2}: the numbers of pixels contradict each other")
    if unknown := sorted({row["label"] for row in rows} - {*CLASSES, ""}):
        raise ValueError(f"{source}: label: found {unknown[0]!r}, expected {', '.join(CLASSES)} or nothing")
    return Segmentation(
        image_id=np.array([row["image_id"] for row in rows], dtype=str),
        case_id=np.array([row["case_id"] for row in rows], dtype=str),
        has_mask=np.array([row["has_mask"] == "1" for row in rows], dtype=bool),
        counts=counts,
        label=np.array([row["label"] for row in rows], dtype=str),
    )
