"""The folder of one run: where its files are, and what is known of how it was made."""

import importlib.metadata
import json
import platform
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import jax
from ml_collections import ConfigDict

from busjax.atomic import write_atomic
from busjax.names import WEIGHTS
from busjax.training.config import from_json, refuse_other, same_results, to_json

PACKAGES = ("busjax", "jax", "flax", "optax", "orbax-checkpoint", "grain", "tensorflow-datasets", "numpy")


class WorkdirError(OSError):
    """A work directory that cannot be used; the message says which and why."""


class Workdir:
    """Paths of a run."""

    def __init__(self, path: str | Path):
        self.path = Path(path).expanduser().absolute()
        self.config = self.path / "config.json"
        self.pretrained = self.path / WEIGHTS
        self.splits = self.path / "splits"
        self.groups = self.splits / "groups.csv"
        self.features = self.path / "features"
        self.checkpoints = self.path / "checkpoints"
        self.predictions = self.path / "predictions"
        self.results = self.path / "results.json"
        self.report = self.path / "report.html"

    def begun(self) -> bool:
        """Whether there is a checkpoint: from then on, the config and the split of the run stand."""
        return self.checkpoints.is_dir() and any(child.name.isdigit() for child in self.checkpoints.iterdir())


def open_workdir(path: str | Path, config: ConfigDict, command: str) -> Workdir:
    """Makes the folder of a run, or goes on with the one that is there.

    Results of other settings, such as fewer epochs, are removed: results.json is always of the config beside it.

    Args:
      path: of the folder.
      config: of the run; written to config.json with the versions of every launch.
      command: how the run was started, for the report.

    Raises:
      WorkdirError: the folder cannot be written.
      ConfigError: a run of another config has begun there.
    """
    workdir = Workdir(path)
    try:
        workdir.path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=workdir.path):
            pass
    except OSError as error:
        raise WorkdirError(
            f"--workdir {workdir.path}: cannot write there ({error.strerror}); expected a folder with write permission"
        ) from None
    launches: list[dict[str, Any]] = []
    if workdir.begun():
        facts = _read(workdir)
        refuse_other(facts["config"], config, f"--workdir {workdir.path}")
        launches = facts["launches"]
    if jax.process_index() == 0:
        if not (workdir.begun() and same_results(facts["config"], to_json(config))):
            workdir.results.unlink(missing_ok=True)
        launch = {"command": command, **environment()}
        if not launches or launches[-1] != launch:
            launches = [*launches, launch]
        facts = {"config": to_json(config), "launches": launches}
        write_atomic(workdir.config, json.dumps(facts, indent=2) + "\n")
    return workdir


def read_workdir(path: str | Path) -> tuple[Workdir, ConfigDict, dict[str, Any]]:
    """The folder of an earlier run, its config, and the facts beside it.

    Raises:
      WorkdirError: there is no run.
    """
    workdir = Workdir(path)
    facts = _read(workdir)
    return workdir, from_json(facts["config"]), facts


def _read(workdir: Workdir) -> dict[str, Any]:
    try:
        facts = json.loads(workdir.config.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise WorkdirError(f"{workdir.config}: no such file; expected the config of a run of launch.py") from None
    except json.JSONDecodeError as error:
        raise WorkdirError(f"{workdir.config}: not JSON ({error}); expected the config of a run") from None
    if not isinstance(facts, dict) or not facts.keys() >= {"config", "launches"}:
        raise WorkdirError(f"{workdir.config}: found no fields 'config' and 'launches', expected those of a run")
    return facts


def environment() -> dict[str, Any]:
    """Versions, machine and revision."""
    return {
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}},
        "devices": [str(device.device_kind) for device in jax.devices()],
        "git_revision": _revision(),
    }


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _revision() -> str:
    """The commit that is checked out, with '+changes' where files differ from it; 'unknown' outside a repository."""
    here = Path(__file__).parent
    try:
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=here, capture_output=True, text=True, check=True)
        changes = subprocess.run(["git", "status", "--porcelain"], cwd=here, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head.stdout.strip() + ("+changes" if changes.stdout.strip() else "")
