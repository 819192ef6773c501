"""How far a run is, from its work directory alone."""

import contextlib
import dataclasses
import enum
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from busjax.atomic import write_atomic
from busjax.evaluation.results import read_results
from busjax.names import FAILURE
from busjax.sweeps.lock import holder
from busjax.sweeps.weights import other_weights
from busjax.training.config import same_results
from busjax.training.workdir import Workdir


class State(enum.Enum):
    """What a run is."""

    NOT_BEGUN = "not begun"
    BEGUN = "begun"  # stopped half way; it goes on from its checkpoint
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"


@dataclasses.dataclass(frozen=True)
class Status:
    """How far a run is.

    Attributes:
      state: the state.
      note: what is to be said of it: the last lines of a failed run's error, or who runs it.
      lasting: whether the run fails however often it is tried, and is not to be started.
    """

    state: State
    note: str = ""
    lasting: bool = False


def run_status(folder: Path, config: Mapping[str, Any]) -> Status:
    """The status of the run of a config in a folder.

    Finished is a run with complete results of this very config (but for what changes no result). One from other weights
    than the config names has failed, and is not to be started.

    Args:
      folder: its work directory, which need not exist.
      config: as JSON values.
    """
    if running := holder(folder):
        return Status(State.RUNNING, running)
    return resting_status(folder, config)


def resting_status(folder: Path, config: Mapping[str, Any]) -> Status:
    """`run_status` of a run that nobody else runs: the caller has its lock."""
    workdir = Workdir(folder)
    stored = _json(workdir.config).get("config")
    finished = isinstance(stored, dict) and same_results(stored, config) and _complete(workdir.results)
    if (finished or workdir.begun()) and (error := other_weights(folder, config)):
        return Status(State.FAILED, error, lasting=True)
    if finished:
        return Status(State.FINISHED)
    failure = folder / FAILURE
    if failure.exists():
        return Status(State.FAILED, str(_json(failure).get("error", "unknown error")))
    return Status(State.BEGUN if stored is not None or workdir.begun() else State.NOT_BEGUN)


def note_failure(folder: Path, error: str) -> None:
    """Keeps in a run's folder that it failed, and why; not where the folder cannot be written, as on a full disk."""
    with contextlib.suppress(OSError):
        write_atomic(folder / FAILURE, json.dumps({"error": error}, indent=2) + "\n")


def forget_failure(folder: Path) -> None:
    """Takes back `note_failure`, since the run is tried again."""
    (folder / FAILURE).unlink(missing_ok=True)


def _complete(results: Path) -> bool:
    try:
        return "test" in read_results(results)
    except (OSError, ValueError):
        return False


def _json(path: Path) -> dict[str, Any]:
    """The content of a file; nothing where there is none, or it is no object."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
