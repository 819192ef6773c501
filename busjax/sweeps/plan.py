"""The runs of a sweep, all checked before the first one starts, and the file that lists them."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from busjax.atomic import write_atomic
from busjax.fields import flatten
from busjax.sweeps.definition import changed, load_config, own_base, read_sweep
from busjax.sweeps.errors import SweepError
from busjax.sweeps.naming import run_names
from busjax.training.config import from_json, refuse_other, to_json, validate
from busjax.training.errors import ConfigError
from busjax.training.workdir import Workdir

LISTING = "sweep.json"


@dataclasses.dataclass(frozen=True)
class PlannedRun:
    """One run of a sweep.

    Attributes:
      name: of its folder.
      config_file: the config it starts from, as `FILE.py:variant`.
      overrides: the fields that the sweep and the command line change, by dotted names.
      config: what comes of both, as JSON values.
    """

    name: str
    config_file: str
    overrides: dict[str, Any]
    config: dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Base:
    """What the command line says: the base config with its overrides applied.

    Attributes:
      config: None where `--config` is not given.
      reference: `FILE.py:variant` of it.
      overrides: fields given as `--config.FIELD=VALUE`; they hold for every run, also of another config.
    """

    config: ConfigDict | None = None
    reference: str = ""
    overrides: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def plan(source: str, base: Base, root: Path, folder: Path | None) -> list[PlannedRun]:
    """The runs of a sweep, checked.

    A run that the folder already lists under another name with the same config keeps that name, so that a sweep that
    was extended by one more field finds what it has.

    Args:
      source: the sweep file, with its variant.
      base: what the command line gives.
      root: where relative config files are sought after the current folder.
      folder: of the sweep, None to look at no folder.

    Raises:
      SweepError: the file cannot be read, a field is unknown or cannot be, two runs are the same, or a folder holds a
        run of another config.
    """
    path = source.partition(":")[0]
    requests = read_sweep(source)
    names = run_names(requests)
    own = own_base(source) if base.config is None else ""
    runs = []
    for number, ((reference, overrides), name) in enumerate(zip(requests, names, strict=True), start=1):
        where = f"{path}: run {number} ({name})"
        for field in overrides.keys() & base.overrides.keys():
            raise SweepError(f"{where}: sets {field}, and so does the command line; expected one of the two")
        if reference or own:
            config = changed(load_config(reference or own, root), base.overrides, "command line")
        elif base.config is not None:
            config = base.config
        else:
            raise SweepError(f"{where}: names no config file; expected --config FILE, for example configs/rem.py:small")
        config = changed(config, overrides, where)
        try:
            values = to_json(config)
            validate(from_json(values))
        except ConfigError as error:
            raise SweepError(f"{where}: {error}") from None
        flat = flatten(values)
        told = {field: flat[field] for field in (*base.overrides, *overrides)}
        runs.append(PlannedRun(name, reference or own or base.reference, told, values))
    _refuse_equal(path, [run.config for run in runs], names)
    runs = _known_names(runs, folder)
    _refuse_equal(path, [run.name for run in runs], [run.name for run in runs])
    if folder is not None:
        for run in runs:
            _refuse_strangers(run, folder)
    return runs


def write_listing(folder: Path, source: str, runs: list[PlannedRun]) -> None:
    """Writes sweep.json: the runs with names, configs and overrides."""
    listing = {"sweep": source, "runs": [dataclasses.asdict(run) for run in runs]}
    write_atomic(folder / LISTING, json.dumps(listing, indent=2) + "\n")


def _refuse_equal(path: str, found: list[Any], names: list[str]) -> None:
    seen: dict[str, int] = {}
    for number, value in enumerate(found, start=1):
        key = json.dumps(value, sort_keys=True)
        if key in seen:
            what = "name" if isinstance(value, str) else "config"
            raise SweepError(
                f"{path}: runs {seen[key]} and {number} ({names[number - 1]}) have the same {what}, "
                f"expected runs that differ"
            )
        seen[key] = number


def _known_names(runs: list[PlannedRun], folder: Path | None) -> list[PlannedRun]:
    """Runs by the names under which the folder lists their configs."""
    listing = None if folder is None else folder / LISTING
    if listing is None or not listing.exists():
        return runs
    try:
        listed = json.loads(listing.read_text(encoding="utf-8"))["runs"]
        known = {json.dumps(run["config"], sort_keys=True): run["name"] for run in listed}
    except (ValueError, KeyError, TypeError):
        raise SweepError(f"{listing}: not a list of runs, expected the file of an earlier sweep; remove it") from None
    return [dataclasses.replace(run, name=known.get(json.dumps(run.config, sort_keys=True), run.name)) for run in runs]


def _refuse_strangers(run: PlannedRun, folder: Path) -> None:
    workdir = Workdir(folder / run.name)
    if not workdir.begun():
        return
    try:
        stored = json.loads(workdir.config.read_text(encoding="utf-8"))["config"]
        refuse_other(stored, from_json(run.config), f"--workdir {workdir.path}")
    except ConfigError as error:
        raise SweepError(str(error)) from None
    except (OSError, ValueError, KeyError, TypeError):
        raise SweepError(f"{workdir.config}: not to be read, expected the config of the run that began there") from None
