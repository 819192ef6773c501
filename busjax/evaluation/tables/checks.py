"""Whether the files of a finished run fit each other: predictions, masks, split and results."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from busjax.evaluation.predictions import Predictions
from busjax.evaluation.segmentation import SEGMENTATION, Segmentation, means
from busjax.evaluation.tables.errors import TableError
from busjax.evaluation.tables.measures import Measures, measure


def check_images(
    path: Path,
    part: str,
    outputs: Mapping[str, Predictions],
    masks: Segmentation | None,
    split: Mapping[str, str],
    *,
    by_case: bool = False,
) -> None:
    """Checks that predictions and masks are of the images of a part, and of their cases.

    Args:
      path: of the run's folder.
      part: of the data.
      outputs, masks: of that part.
      split: the case of every image of that part.
      by_case: whether predictions are of cases.

    Raises:
      TableError: naming an image that is not in both.
    """
    tables: list[tuple[str, Any]] = [(f"{part}.csv: {name}", output) for name, output in outputs.items()]
    if masks is not None:
        tables.append((f"{part}_segmentation.csv", masks))
    for where, table in tables:
        found, expected = dict(zip(table.image_id.tolist(), table.case_id.tolist(), strict=True)), split
        if by_case and table is not masks:
            found, expected = ({case: case for case in cases.values()} for cases in (found, split))
        if found != expected:
            image = min(image for image in found.keys() | expected if found.get(image) != expected.get(image))
            told = ", ".join(
                f"case {cases[image]!r} in {file}" if image in cases else f"nothing in {file}"
                for file, cases in ((f"predictions/{where}", found), (f"splits/{part}.csv", expected))
            )
            raise TableError(f"{path}: image {image!r}: found {told}; expected the same images and cases in both")


def checked_measures(
    path: Path,
    part: str,
    results: Mapping[str, Any],
    predictions: Predictions,
    threshold: float,
    masks: Segmentation | None,
    *,
    versions: bool = False,
) -> Measures:
    """The metrics, from the predictions; the counts in results.json must be the same. Arguments as of `measure`.

    Raises:
      TableError: they are not, or the predictions have no metrics.
    """
    file = f"predictions/{part}.csv"
    try:
        measures = measure(predictions, threshold, masks, versions=versions)
    except ValueError as error:
        raise TableError(f"{path / file}: {error}") from None
    entry = results[part].get(predictions.name, {})
    if len(predictions.classes) == 2:
        counts: Mapping[str, Any] = dict(zip(("tp", "fn", "tn", "fp"), measures.counts, strict=True))
        how = " at the same threshold"
    else:
        size = len(predictions.classes)
        counts, how = {"confusion": [list(measures.counts[i : i + size]) for i in range(0, size**2, size)]}, ""
    for name, counted in counts.items():
        if entry.get(name) != counted:
            raise TableError(
                f"{path / 'results.json'}: {part}.{predictions.name}.{name}: found {entry.get(name)}, expected "
                f"{counted} as {file} has it{how}; evaluate the run again"
            )
    return measures


def check_masks(path: Path, part: str, results: Mapping[str, Any], masks: Segmentation | None) -> None:
    """Checks that results and the file of predicted masks are of the same masks.

    Raises:
      TableError: they are not, or one of the two is missing.
    """
    told = results[part].get(SEGMENTATION)
    if told is None and masks is None:
        return
    file = path / "predictions" / f"{part}_segmentation.csv"
    if told is None or masks is None:
        there, absent = (file, path / "results.json") if told is None else (path / "results.json", file)
        raise TableError(
            f"{absent}: found no figures of masks, expected those that {there} has; evaluate the run again"
        )
    try:
        found = told["dice"]["mean"]
    except (KeyError, TypeError):
        found = None
    expected = means(masks)["dice"]
    if found != expected and (found is None or expected is None or not math.isclose(found, expected, abs_tol=1e-9)):
        raise TableError(
            f"{path / 'results.json'}: {part}.segmentation.dice.mean: found {found}, expected {expected} as "
            f"{file.name} has it; evaluate the run again"
        )


def threshold_of(path: Path, results: Mapping[str, Any], part: str, output: str) -> float:
    """The threshold that results.json tells of an output.

    Raises:
      TableError: it tells none.
    """
    try:
        return float(results[part][output]["threshold"])
    except (KeyError, TypeError, ValueError):
        raise TableError(
            f"{path}: {part}.{output}.threshold: found no number, expected that of every output in "
            f"predictions/{part}.csv"
        ) from None
