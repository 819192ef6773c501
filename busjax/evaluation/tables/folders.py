"""The runs in a folder, read from their work directories: config.json, results.json, predictions/, splits/."""

import csv
import json
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from busjax.evaluation.predictions import Predictions, read_csv
from busjax.evaluation.results import read_results
from busjax.evaluation.rows import has_counterpart
from busjax.evaluation.segmentation import Segmentation
from busjax.evaluation.segmentation_file import read_segmentation
from busjax.evaluation.tables.checks import check_images, check_masks, checked_measures, threshold_of
from busjax.evaluation.tables.errors import TableError
from busjax.evaluation.tables.leaks import leak
from busjax.evaluation.tables.measures import Measures
from busjax.fields import completed, flatten
from busjax.names import FAILURE, LISTING, WEIGHTS

PARTS = ("train", "val", "test")


@dataclass(frozen=True, eq=False)
class RunFolder:
    """A finished run.

    Attributes:
      name: of the folder, from that of the table.
      config: its fields by dotted names.
      part: of the data that the next are of, 'test' or 'val'.
      outputs: the predictions on the part, by output.
      reported: the outputs that papers report: those by which a checkpoint was chosen.
      thresholds: by output of two classes, that of the run's results.
      measures: by output, the metrics at that threshold.
      masks: the figures of predicted masks on the part; None where the run predicts none.
      cases: by part, the case of every image.
      weights: by network that started from released ones, the checksum of their file.
      leak: why images of one patient may stand in several parts; '' where they do not.
    """

    name: str
    config: Mapping[str, Any]
    part: str
    outputs: Mapping[str, Predictions]
    reported: frozenset[str]
    thresholds: Mapping[str, float]
    measures: Mapping[str, Measures]
    masks: Segmentation | None
    cases: Mapping[str, Mapping[str, str]]
    weights: Mapping[str, str]
    leak: str

    @property
    def versions(self) -> bool:
        """Whether its images may be versions of others."""
        return has_versions(self.config)


@dataclass(frozen=True)
class MissingRun:
    """A run without results: its name, its config's fields, and why there are none."""

    name: str
    config: Mapping[str, Any]
    why: str


def find_runs(
    directory: str | os.PathLike[str],
    part: str = "test",
    wanted: Callable[[Mapping[str, Any]], bool] = lambda config: True,
) -> tuple[list[RunFolder], list[MissingRun]]:
    """All runs in a folder and the folders in it, or the one run that it is itself, in the order of their names.

    Of a sweep (sweep.json) also the runs that have no folder yet.

    Args:
      directory: the folder.
      part: of the data to read the predictions of, 'test' or 'val'.
      wanted: whether a run is to be read, by the fields of its config.

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
    found = False
    planned = {path: config for listing in listings for path, config in _listed(listing).items()}
    for path in paths:
        name = path.relative_to(root).as_posix() if path != root else path.name
        # What a run stands beside may have been changed since it was trained; the sweep's list is written anew.
        listed = planned.pop(path, {})
        config = read_config(path / "config.json") | {
            f: v for f, v in listed.items() if f in ("table.name", "table.row")
        }
        found = True
        if not wanted(config):
            continue
        if (path / "results.json").is_file():
            finished.append(_read_run(path, name, config, part))
        else:
            missing.append(MissingRun(name, config, _why(path)))
    for path, config in planned.items():
        found = True
        if wanted(config):
            missing.append(MissingRun(path.relative_to(root).as_posix(), config, _why(path)))
    if not found:
        raise TableError(f"--workdir {root}: no run in it, expected folders with the config.json of a run")
    return finished, missing


def has_versions(config: Mapping[str, Any]) -> bool:
    """Whether a run makes versions of images, by the fields of its config."""
    return bool(config.get("data.variants"))


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
    return flatten(completed(content["config"]))


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
        return {listing.parent / run["name"]: flatten(completed(run["config"])) for run in runs}
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


def _read_run(path: Path, name: str, config: Mapping[str, Any], part: str) -> RunFolder:
    masks = path / "predictions" / f"{part}_segmentation.csv"
    try:
        results = read_results(path / "results.json")
        outputs = {output.name: output for output in read_csv(path / "predictions" / f"{part}.csv")}
        segmentation = read_segmentation(masks) if masks.is_file() else None
    except (OSError, ValueError) as error:
        raise TableError(str(error)) from None
    cases = {each: _read_part(path / "splits" / f"{each}.csv") for each in PARTS}
    check_images(path, part, outputs, segmentation, cases[part], by_case=config.get("eval.unit") == "case")
    thresholds = {
        output: threshold_of(path / "results.json", results, part, output)
        for output, predictions in outputs.items()
        if len(predictions.classes) == 2
    }
    measures = {
        output: checked_measures(
            path,
            part,
            results,
            predictions,
            thresholds.get(output, math.nan),
            segmentation,
            versions=has_versions(config),
        )
        for output, predictions in outputs.items()
    }
    check_masks(path, part, results, segmentation)
    return RunFolder(
        name=name,
        config=config,
        part=part,
        outputs=outputs,
        reported=frozenset(output for output in outputs if has_counterpart(results, output)),
        thresholds=thresholds,
        measures=measures,
        masks=segmentation,
        cases=cases,
        weights=_weights(path / WEIGHTS),
        leak=leak(config, cases),
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
