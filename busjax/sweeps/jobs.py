"""What was given to Slurm for a sweep, and what Slurm still has."""

import getpass
import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from busjax.atomic import write_atomic
from busjax.fields import flatten, with_effect
from busjax.sweeps.errors import SweepError
from busjax.sweeps.process import SETTINGS

FOLDER = "slurm"
FILE = "jobs.json"


class Job(NamedTuple):
    """A task that was submitted.

    Attributes:
      run: the name of its run.
      settings: `fingerprint` of the config it was submitted with.
    """

    run: str
    settings: str


def fingerprint(config: Mapping[str, Any]) -> str:
    """The same for configs of the same results, but for the paths of weights, which nobody has read yet."""
    paths = {field: value for field, value in flatten(config).items() if field.endswith(".path")}
    return hashlib.sha256(json.dumps(with_effect(config) | paths, sort_keys=True).encode()).hexdigest()[:16]


def read_jobs(folder: Path) -> dict[str, Job]:
    """What was submitted for the sweep in a folder, by the tasks' numbers, oldest first.

    Raises:
      SweepError: the file is none of ours.
    """
    file = folder / FOLDER / FILE
    try:
        if not file.exists():
            return {}
        found = json.loads(file.read_text(encoding="utf-8"))
        return {task: Job(told["run"], told["settings"]) for task, told in found.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise SweepError(f"{file}: not a list of jobs, expected that of an earlier start; remove it") from None


def write_jobs(folder: Path, jobs: Mapping[str, Job]) -> None:
    """Keeps what `read_jobs` reads.

    Raises:
      SweepError: the folder cannot be written.
    """
    told = {task: job._asdict() for task, job in jobs.items()}
    try:
        write_atomic(folder / FOLDER / FILE, json.dumps(told, indent=2) + "\n")
    except OSError as error:
        last = list(jobs)[-1].partition("_")[0]
        raise SweepError(f"{error}; expected to note there that job {last} was submitted: scancel {last}") from None


def live_tasks() -> set[str]:
    """The numbers of the user's tasks that are queued or running, without those that are on their way out.

    Raises:
      SweepError: the cluster does not answer.
    """
    command = ["squeue", "--noheader", "--array", f"--user={getpass.getuser()}", "--format=%i %t"]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    if told.returncode:
        raise SweepError(f"--executor slurm: squeue failed: {' '.join(told.stderr.strip().splitlines()[-1:])}")
    rows = [line.split() for line in told.stdout.splitlines() if line.strip()]
    return {job for job, state in rows if state != "CG"}


def can_ask() -> bool:
    """Whether Slurm can be asked from this machine."""
    return shutil.which("squeue") is not None


def lost_tasks(folder: Path, runs: Iterable[str], jobs: Mapping[str, Job], live: set[str]) -> dict[str, str]:
    """Runs whose last task is gone and never came to start them, with what to say of each.

    Args:
      folder: of the sweep.
      runs: the names of those to look at.
      jobs: what was submitted.
      live: what is queued or running.
    """
    last = {job.run: task for task, job in jobs.items()}
    lost = {}
    for run in runs:
        task = last.get(run)
        if task is None or task in live or (folder / run / SETTINGS).exists():
            continue
        logs = sorted((folder / FOLDER).glob(f"{task}_*_log.err"))
        where = f"see {FOLDER}/{task}_*_log.err" if logs else f"it left no log, `sacct -j {task}` may tell"
        lost[run] = f"its task {task} ended before it started: {where}"
    return lost
