"""What `launch.py --sweep` does."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from busjax.sweeps import jobs
from busjax.sweeps.devices import own_cpus, places, visible_gpus
from busjax.sweeps.errors import SweepError
from busjax.sweeps.local import run_locally
from busjax.sweeps.plan import Base, PlannedRun, plan, write_listing
from busjax.sweeps.process import LOG, Launcher
from busjax.sweeps.slurm import SlurmOptions, require_slurm, submit
from busjax.sweeps.status import State, Status, run_status

DONE, FAILED, ENDED_BY_SIGNAL = 0, 1, 75


@dataclasses.dataclass(frozen=True)
class Settings:
    """What the command line says.

    Attributes:
      sweep: the file, with its variant.
      base: config and overrides for all runs.
      workdir: folder of the sweep; None to look at none, where runs are only described.
      executor: 'local' or 'slurm'.
      jobs: runs at a time; 0 for one on each device, or all tasks of an array.
      slurm: what tasks ask for.
      launcher: how runs are started.
    """

    sweep: str
    base: Base
    workdir: Path | None
    executor: str
    jobs: int
    slurm: SlurmOptions
    launcher: Launcher


def run_sweep(settings: Settings, console: Console) -> int:
    """Runs what is missing of a sweep, or submits it; returns the exit code.

    Returns:
      0 where all is finished, or submitted; 1 where a run failed; 75 where a signal ended the sweep or one of its runs.

    Raises:
      SweepError: the sweep cannot be run; nothing was started.
    """
    assert settings.workdir is not None
    folder = settings.workdir
    # Both are refused before anything is written.
    if settings.executor == "slurm":
        require_slurm()
    where = places(settings.jobs, visible_gpus(os.environ), own_cpus()) if settings.executor == "local" else []
    runs = plan(settings.sweep, settings.base, settings.launcher.script.parent, folder)
    if settings.executor == "slurm":
        return _submit(settings, folder, runs, console)
    write_listing(folder, settings.sweep, runs)
    outcomes, signal = run_locally(runs, folder, where, settings.launcher, console)
    left = Status(State.NOT_BEGUN, "left to the next start")
    print_statuses({run.name: outcomes.get(run.name, left) for run in runs}, folder, console)
    if signal:
        console.print(f"{signal}: the same command goes on from here")
        return ENDED_BY_SIGNAL
    states = {status.state for status in outcomes.values()}
    return FAILED if State.FAILED in states else ENDED_BY_SIGNAL if states != {State.FINISHED} else DONE


def describe_sweep(settings: Settings, console: Console) -> int:
    """Prints the runs of a sweep with what they change, and how far they are; starts nothing.

    Raises:
      SweepError: the sweep cannot be run.
    """
    folder = settings.workdir
    runs = plan(settings.sweep, settings.base, settings.launcher.script.parent, folder)
    for run in runs:
        changes = ", ".join(f"{field}={value!r}" for field, value in run.overrides.items())
        console.print(Text(f"{run.name}: {run.config_file}" + (f" with {changes}" if changes else "")), soft_wrap=True)
    if folder is not None:
        statuses = {run.name: run_status(folder / run.name, run.config) for run in runs}
        statuses.update(_lost(statuses, folder, console))
        print_statuses(statuses, folder, console)
    return DONE


def print_statuses(statuses: Mapping[str, Status], folder: Path, console: Console) -> None:
    """Prints how many runs are how far, a line for each, and where to look for what went wrong."""
    table = Table(show_edge=False, pad_edge=False)
    for heading in ("run", "state", ""):
        table.add_column(heading, overflow="fold")
    for name, status in statuses.items():
        style = "bold red" if status.state is State.FAILED else ""
        table.add_row(Text(name), Text(status.state.value, style), Text(status.note.strip().rpartition("\n")[2]))
    console.print(table)
    counts = {state: sum(status.state is state for status in statuses.values()) for state in State}
    console.print(", ".join(f"{count} {state.value}" for state, count in counts.items() if count))
    if any((folder / name / LOG).exists() for name, status in statuses.items() if _worth_another_start(status)):
        console.print(Text(f"errors are in {folder}/RUN/{LOG}; the same command tries again"), soft_wrap=True)


def _worth_another_start(status: Status) -> bool:
    return status.state is State.FAILED and not status.lasting


def _lost(statuses: Mapping[str, Status], folder: Path, console: Console) -> dict[str, Status]:
    """Of the runs that have not begun, those of whose task Slurm knows no more; as far as it can be asked from here."""
    waiting = [name for name, status in statuses.items() if status.state is State.NOT_BEGUN]
    submitted = jobs.read_jobs(folder)
    if not submitted or not waiting or not jobs.can_ask():
        return {}
    try:
        live = jobs.live_tasks()
    except SweepError as error:
        console.print(Text(str(error)), soft_wrap=True)
        return {}
    lost = jobs.lost_tasks(folder, waiting, submitted, live)
    return {name: Status(State.FAILED, why) for name, why in lost.items()}


def _submit(settings: Settings, folder: Path, runs: Sequence[PlannedRun], console: Console) -> int:
    options = dataclasses.replace(settings.slurm, parallel=settings.jobs)
    job, submitted, running, refused, lost = submit(runs, folder, options, settings.launcher)
    # Only now: what was refused is not to take the place of what is queued.
    write_listing(folder, settings.sweep, runs)
    finished = len(runs) - len(submitted) - len(running) - len(refused)
    for name, why in (refused | lost).items():
        console.print(Text(f"{name}: {why}"), soft_wrap=True)
    console.print(f"{finished} of {len(runs)} runs finished, {len(running)} queued or running before")
    code = FAILED if refused else DONE
    if not job:
        console.print("nothing to submit")
        return code
    lines = (
        f"submitted {len(submitted)} runs as job {job}",
        f"look:      squeue --array --job {job}",
        f"           the same command with --mode describe, and {folder}/RUN/{LOG}",
        f"           what Slurm and submitit say: {folder / jobs.FOLDER}/{job}*",
        "the same command, when the job is gone, submits what is missing",
    )
    console.print(Text("\n".join(lines)), soft_wrap=True)
    return code
