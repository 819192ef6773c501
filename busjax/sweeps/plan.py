"""The runs of a sweep, all checked before the first one starts, and the file that lists them."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from busjax.atomic import write_atomic
from busjax.fields import flatten, with_effect
from busjax.names import LISTING
from busjax.sweeps import lock
from busjax.sweeps.definition import changed, load_config, own_base, read_sweep
from busjax.sweeps.errors import SweepError
from busjax.sweeps.naming import run_names
from busjax.training.config import from_json, refuse_other, to_json, validate
from busjax.training.errors import ConfigError
from busjax.training.unused import refuse_unused
from busjax.training.workdir import Workdir

_PATIENCE = 30.0  # seconds to wait while another sweep writes there


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
      SweepError: the file cannot be read, a field is unknown or cannot be, two runs differ in no field that results
        depend on, or a folder holds a run of another config.
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
    _refuse_equal(path, runs)
    runs = _known_names(runs, folder)
    _refuse_equal_names(path, runs)
    for number, run in enumerate(runs, start=1):
        if folder is not None and _has_begun(run, folder):
            continue
        try:
            refuse_unused(from_json(run.config))
        except ConfigError as error:
            raise SweepError(f"{path}: run {number} ({run.name}): {error}") from None
    return runs


def write_listing(folder: Path, source: str, runs: Sequence[PlannedRun]) -> None:
    """Writes sweep.json: the runs with names, configs and overrides, and after them those that it lists already.

    A run of another sweep in the folder, or of one that now is started in part, keeps its name and its place in tables.

    Two sweeps that start at once write one after the other, so that neither's runs are lost.

    Raises:
      SweepError: the folder cannot be written, its sweep.json is none, or another process keeps hold of it.
    """
    held = lock.take(folder, _PATIENCE)
    if held is None:
        raise SweepError(f"{folder}: {lock.holder(folder) or 'another process'} keeps {LISTING}, expected it to let go")
    try:
        names, configs = {run.name for run in runs}, {_key(run.config) for run in runs}
        earlier = [run for run in _listed(folder) if run["name"] not in names and _key(run["config"]) not in configs]
        listing = {"sweep": source, "runs": [*(dataclasses.asdict(run) for run in runs), *earlier]}
        write_atomic(folder / LISTING, json.dumps(listing, indent=2) + "\n")
    except OSError as error:
        raise SweepError(f"--workdir {folder}: {error}; expected a folder with write permission") from None
    finally:
        held.release()


def _key(config: Mapping[str, Any]) -> str:
    """The same for configs that differ in nothing that results depend on."""
    return json.dumps(with_effect(config), sort_keys=True)


def _refuse_equal(path: str, runs: list[PlannedRun]) -> None:
    """Two runs with the same results would be one run."""
    seen: dict[str, int] = {}
    for number, run in enumerate(runs, start=1):
        before = seen.setdefault(_key(run.config), number)
        if before == number:
            continue
        one, other = flatten(runs[before - 1].config), flatten(run.config)
        differing = sorted(field for field in one.keys() | other.keys() if one.get(field) != other.get(field))
        but = f" but for {', '.join(differing)}, by which runs are not told apart" if differing else ""
        raise SweepError(
            f"{path}: runs {before} and {number} ({run.name}) have the same config{but}; expected runs that differ"
        )


def _refuse_equal_names(path: str, runs: list[PlannedRun]) -> None:
    """Two runs cannot have one folder."""
    seen: dict[str, int] = {}
    for number, run in enumerate(runs, start=1):
        before = seen.setdefault(run.name, number)
        if before != number:
            raise SweepError(
                f"{path}: runs {before} and {number} ({run.name}) have the same name, expected runs that differ"
            )


def _listed(folder: Path) -> list[dict[str, Any]]:
    """The runs that the folder lists; none where it lists none."""
    listing = folder / LISTING
    try:
        if not listing.exists():
            return []
        runs = json.loads(listing.read_text(encoding="utf-8"))["runs"]
        if not all(isinstance(run["config"], dict) and isinstance(run["name"], str) for run in runs):
            raise TypeError
    except OSError as error:
        raise SweepError(f"{listing}: cannot be read ({error.strerror}); expected a folder with permission") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise SweepError(f"{listing}: not a list of runs, expected the file of an earlier sweep; remove it") from None
    return runs


def _known_names(runs: list[PlannedRun], folder: Path | None) -> list[PlannedRun]:
    """Runs by the names under which the folder lists their configs."""
    known = {} if folder is None else {_key(run["config"]): run["name"] for run in _listed(folder)}
    return [dataclasses.replace(run, name=known.get(_key(run.config), run.name)) for run in runs]


def _has_begun(run: PlannedRun, folder: Path) -> bool:
    """Whether a run has begun there, which goes on with the config that it began with, and no other."""
    workdir = Workdir(folder / run.name)
    try:
        if not workdir.begun():
            return False
        stored = json.loads(workdir.config.read_text(encoding="utf-8"))["config"]
        refuse_other(stored, from_json(run.config), f"--workdir {workdir.path}")
    except ConfigError as error:
        raise SweepError(str(error)) from None
    except (OSError, ValueError, KeyError, TypeError):
        raise SweepError(f"{workdir.config}: not to be read, expected the config of the run that began there") from None
    return True
