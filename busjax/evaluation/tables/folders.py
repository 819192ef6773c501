"""The runs in a folder, read from their work directories: config.json, results.json, predictions/, splits/."""

import csv
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from busjax.evaluation.predictions import Predictions, read_csv
from busjax.evaluation.results import read_results
from busjax.evaluation.segmentation import SEGMENTATION, Segmentation, means
from busjax.evaluation.segmentation_file import read_segmentation
from busjax.evaluation.tables.errors import TableError
from busjax.evaluation.tables.leaks import leak
from busjax.evaluation.tables.measures import Measures, measure
from busjax.fields import flatten
from busjax.names import FAILURE, LISTING, WEIGHTS

PARTS = ("train", "val", "test")


@dataclass(frozen=True, eq=False)
class RunFolder:
    """A finished run.

    Attributes:
      name: of the folder, from that of the table.
      config: its fields by dotted names.
      outputs: the predictions on the test part, by output.
      thresholds: by output, that of the run's results.
      measures: by output, the metrics at that threshold.
      masks: the figures of predicted masks on the test part; None where the run predicts none.
      cases: by part, the case of every image.
      weights: by network that started from released ones, the checksum of their file.
      leak: why images of one patient may stand in several parts; '' where they do not.
    """

    name: str
    config: Mapping[str, Any]
    outputs: Mapping[str, Predictions]
    thresholds: Mapping[str, float]
    measures: Mapping[str, Measures]
    masks: Segmentation | None
    cases: Mapping[str, Mapping[str, str]]
    weights: Mapping[str, str]
    leak: str


@dataclass(frozen=True)
class MissingRun:
    """A run without results: its name, its config's fields, and why there are none."""

    name: str
    config: Mapping[str, Any]
    why: str


def find_runs(directory: str | os.PathLike[str]) -> tuple[list[RunFolder], list[MissingRun]]:
    """All runs in a folder and the folders in it, or the one run that it is itself, in the order of their names.

    Of a sweep (sweep.json) also the runs that have no folder yet.

    Raises:
      TableError: there is no such folder or no run in it, or a file of a finished run is missing, malformed or does not
        fit the others.
    """
    root = Path(directory).expanduser().absolute()
    if not root.is_dir():
        raise TableError(f"--workdir {root}: no such folder, expected one with runs")
    finished: list[RunFolder] = []
    missing: list[MissingRun] = []
    paths, listings = _look(root)
    planned = {path: config for listing in listings for path, config in _listed(listing).items()}
    for path in paths:
        name = path.relative_to(root).as_posix() if path != root else path.name
        # What a run stands beside may have been changed since it was trained; the sweep's list is written anew.
        listed = planned.pop(path, {})
        config = read_config(path / "config.json") | {
            f: v for f, v in listed.items() if f in ("table.name", "table.row")
        }
        if (path / "results.json").is_file():
            finished.append(_read_run(path, name, config))
        else:
            missing.append(MissingRun(name, config, _why(path)))
    for path, config in planned.items():
        missing.append(MissingRun(path.relative_to(root).as_posix(), config, _why(path)))
    if not finished and not missing:
        raise TableError(f"--workdir {root}: no run in it, expected folders with the config.json of a run")
    return finished, missing


def read_config(path: Path) -> dict[str, Any]:
    """The fields of a run's config by dotted names.

    Raises:
      TableError: the file is missing or is not the config of a run.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TableError(f"{path}: cannot be read ({error}); expected the config of a run") from None
    if not isinstance(content, dict) or not isinstance(content.get("config"), dict):
        raise TableError(f"{path}: found no field 'config', expected the config of a run")
    return flatten(content["config"])


def _look(root: Path) -> tuple[list[Path], list[Path]]:
    """Folders with a config.json, and files sweep.json; what is inside the folder of a run is not looked at."""
    runs: list[Path] = []
    listings: list[Path] = []
    for folder, inside, files in os.walk(root):
        if LISTING in files:
            listings.append(Path(folder, LISTING))
        if "config.json" in files:
            runs.append(Path(folder))
            inside.clear()
        inside[:] = [name for name in inside if not name.startswith(".")]
    return sorted(runs), sorted(listings)


def _listed(listing: Path) -> dict[Path, dict[str, Any]]:
    """The runs of a sweep: their folders, and the fields of their configs."""
    try:
        runs = json.loads(listing.read_text(encoding="utf-8"))["runs"]
        return {listing.parent / run["name"]: flatten(run["config"]) for run in runs}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise TableError(f"{listing}: not a list of runs, expected the file of a sweep") from None


def _why(path: Path) -> str:
    """Why a run has no results, as far as its folder tells."""
    try:
        error = str(json.loads((path / FAILURE).read_text(encoding="utf-8"))["error"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    else:
        return f"it failed: {error.strip().splitlines()[-1] if error.strip() else 'unknown error'}"
    if not path.is_dir():
        return "it has not begun"
    checkpoints = path / "checkpoints"
    steps = [int(child.name) for child in checkpoints.iterdir() if child.name.isdigit()] if checkpoints.is_dir() else []
    if steps:
        return f"no results.json: begun and not finished, its last checkpoint is of step {max(steps)}"
    return "no results.json: no checkpoint yet"


def _read_run(path: Path, name: str, config: Mapping[str, Any]) -> RunFolder:
    masks = path / "predictions" / "test_segmentation.csv"
    try:
        results = read_results(path / "results.json")
        outputs = {output.name: output for output in read_csv(path / "predictions" / "test.csv")}
        segmentation = read_segmentation(masks) if masks.is_file() else None
    except (OSError, ValueError) as error:
        raise TableError(str(error)) from None
    cases = {part: _read_part(path / "splits" / f"{part}.csv") for part in PARTS}
    _check_images(path, outputs, segmentation, cases["test"])
    thresholds = {output: _threshold(path / "results.json", results, output) for output in outputs}
    measures = {
        output: _measure(path, results, predictions, thresholds[output], segmentation)
        for output, predictions in outputs.items()
    }
    _check_masks(path, results, segmentation)
    return RunFolder(
        name, config, outputs, thresholds, measures, segmentation, cases, _weights(path / WEIGHTS), leak(config, cases)
    )


def _weights(path: Path) -> dict[str, str]:
    """By network the checksum of the weights it started from; none where there is no such file."""
    if not path.is_file():
        return {}
    try:
        loaded = json.loads(path.read_text(encoding="utf-8"))
        return {network: str(told["checksum"]) for network, told in loaded.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise TableError(f"{path}: cannot be read, expected the checksum of every network's weights") from None


def _read_part(path: Path) -> dict[str, str]:
    """The case of every image of a part."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        return {row["image_id"]: row["case_id"] for row in rows}
    except (OSError, KeyError, ValueError) as error:
        raise TableError(f"{path}: cannot be read ({error}); expected the columns image_id and case_id") from None


def _check_images(
    path: Path, outputs: Mapping[str, Predictions], masks: Segmentation | None, test: Mapping[str, str]
) -> None:
    """Predictions and masks are of the images of the test part, and of their cases."""
    tables: list[tuple[str, Any]] = [(f"test.csv: {name}", output) for name, output in outputs.items()]
    if masks is not None:
        tables.append(("test_segmentation.csv", masks))
    for where, table in tables:
        found = dict(zip(table.image_id.tolist(), table.case_id.tolist(), strict=True))
        if found != test:
            image = min(image for image in found.keys() | test if found.get(image) != test.get(image))
            told = ", ".join(
                f"case {cases[image]!r} in {file}" if image in cases else f"nothing in {file}"
                for file, cases in ((f"predictions/{where}", found), ("splits/test.csv", test))
            )
            raise TableError(f"{path}: image {image!r}: found {told}; expected the same images and cases in both")


def _measure(
    path: Path, results: Mapping[str, Any], predictions: Predictions, threshold: float, masks: Segmentation | None
) -> Measures:
    """The metrics, from the predictions; the counts in results.json must be the same."""
    try:
        measures = measure(predictions, threshold, masks)
    except ValueError as error:
        raise TableError(f"{path / 'predictions' / 'test.csv'}: {error}") from None
    for name, counted in zip(("tp", "fn", "tn", "fp"), measures.counts, strict=True):
        told = results["test"][predictions.name].get(name)
        if told != counted:
            raise TableError(
                f"{path / 'results.json'}: test.{predictions.name}.{name}: found {told}, expected {counted} as "
                "predictions/test.csv has it at the same threshold; evaluate the run again"
            )
    return measures


def _check_masks(path: Path, results: Mapping[str, Any], masks: Segmentation | None) -> None:
    """Results and the file of predicted masks are of the same masks."""
    told = results["test"].get(SEGMENTATION)
    if told is None and masks is None:
        return
    file = path / "predictions" / "test_segmentation.csv"
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
            f"{path / 'results.json'}: test.segmentation.dice.mean: found {found}, expected {expected} as {file.name} "
            "has it; evaluate the run again"
        )


def _threshold(path: Path, results: Mapping[str, Any], output: str) -> float:
    try:
        return float(results["test"][output]["threshold"])
    except (KeyError, TypeError, ValueError):
        raise TableError(
            f"{path}: test.{output}.threshold: found no number, expected that of every output in predictions/test.csv"
        ) from None
