"""Runs as one array job of a Slurm cluster, through submitit."""

import dataclasses
import getpass
import json
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from busjax.atomic import write_atomic
from busjax.sweeps import lock
from busjax.sweeps.errors import SweepError
from busjax.sweeps.plan import PlannedRun
from busjax.sweeps.process import Launcher, RunProcess
from busjax.sweeps.status import State, resting_status, run_status

FOLDER = "slurm"
TIMEOUTS = 20  # how often a run that is longer than the time of a job is queued again by itself
PATIENCE = 10.0  # seconds that a task tries for the lock of its run


@dataclasses.dataclass(frozen=True)
class SlurmOptions:
    """What a task asks of the cluster; '' and 0 leave it to the cluster.

    Attributes:
      partition: where it runs.
      minutes: its longest time.
      memory: as sbatch has it, '16G'.
      gpus, cpus: how many; one run uses all of them.
      parallel: how many tasks may run at a time; 0 for all.
    """

    partition: str = ""
    minutes: int = 1440
    memory: str = ""
    gpus: int = 0
    cpus: int = 0
    parallel: int = 0


class Task:
    """What one task of the array does: submitit calls it on the node, and `checkpoint` before its time is over."""

    def __init__(self, run: PlannedRun, folder: Path, launcher: Launcher):
        self.run, self.folder, self.launcher = run, folder, launcher
        self._process: RunProcess | None = None

    def __call__(self) -> str:
        """Runs the run; tells what became of it.

        Raises:
          RuntimeError: it did not finish, so that Slurm counts the task as failed.
        """
        held = lock.take(self.folder, PATIENCE)
        if held is None:
            return f"{self.run.name}: {lock.holder(self.folder)} runs it"
        if resting_status(self.folder, self.run.config).state is State.FINISHED:
            held.release()
            return f"{self.run.name}: finished before"
        # Slurm sends its signals to every process of the task, so the run hears them by itself.
        self._process = RunProcess(self.run, self.folder, held, self.launcher, own_session=False)
        status = self._process.wait()
        if status.state is not State.FINISHED:
            raise RuntimeError(f"{self.run.name}: {status.state.value}: {status.note}")
        return f"{self.run.name}: finished"

    def checkpoint(self) -> Any:
        """Ends the run, which saves itself, and gives what is to be queued again."""
        from submitit.helpers import DelayedSubmission

        if self._process is not None:
            self._process.end()
        return DelayedSubmission(Task(self.run, self.folder, self.launcher))


def require_slurm() -> None:
    """Checks that jobs can be submitted from here.

    Raises:
      SweepError: Slurm's commands or submitit are not there.
    """
    for command in ("sbatch", "squeue", "srun"):
        if shutil.which(command) is None:
            raise SweepError(
                f"--executor slurm: found no {command} on this machine, expected the commands of Slurm; "
                "--executor local runs the sweep here"
            )
    try:
        import submitit  # noqa: F401
    except ImportError:
        raise SweepError(
            "--executor slurm: found no package submitit, expected it: pip install -e '.[slurm]'"
        ) from None


def submit(
    runs: Sequence[PlannedRun], folder: Path, options: SlurmOptions, launcher: Launcher
) -> tuple[str, list[str], list[str]]:
    """Submits one array job of the runs that are neither finished, nor queued, nor running.

    Args:
      runs: of the sweep.
      folder: of the sweep, on a file system that the nodes share.
      options: what each task asks for.
      launcher: how a run is started.

    Returns:
      The job's number, '' where there was nothing to submit; the names of the runs submitted; and of those that were
      queued or running already.

    Raises:
      SweepError: Slurm is not there or refuses, or another process submits this sweep now.
    """
    require_slurm()
    jobs = folder / FOLDER / "jobs.json"
    held = lock.take(folder / FOLDER)
    if held is None:
        raise SweepError(f"{folder}: {lock.holder(folder / FOLDER)} submits this sweep now, expected one at a time")
    try:
        earlier = json.loads(jobs.read_text(encoding="utf-8")) if jobs.exists() else {}
        live = _queue()
        queued = {name for job, name in earlier.items() if job in live}
        missing, running = [], []
        for run in runs:
            state = run_status(folder / run.name, run.config).state
            if state is State.RUNNING or (run.name in queued and state is not State.FINISHED):
                running.append(run.name)
            elif state is not State.FINISHED:
                missing.append(run)
        if not missing:
            return "", [], running
        tasks = [Task(run, folder / run.name, launcher) for run in missing]
        numbers = _submit(tasks, folder, options)
        written = earlier | dict(zip(numbers, [run.name for run in missing], strict=True))
        write_atomic(jobs, json.dumps(written, indent=2) + "\n")
        return numbers[0].partition("_")[0], [run.name for run in missing], running
    finally:
        held.release()


def _submit(tasks: Sequence[Task], folder: Path, options: SlurmOptions) -> list[str]:
    """The numbers of the tasks, as squeue has them."""
    import submitit
    from submitit.core.utils import FailedJobError, FailedSubmissionError

    wanted = {
        "partition": options.partition,
        "mem": options.memory,
        "gpus_per_node": options.gpus,
        "cpus_per_task": options.cpus,
        "array_parallelism": options.parallel or len(tasks),
    }
    root = shlex.quote(str(tasks[0].launcher.script.parent))
    executor = submitit.SlurmExecutor(folder / FOLDER, max_num_timeout=TIMEOUTS)
    executor.update_parameters(
        job_name=f"busjax-{folder.name}",
        time=options.minutes,
        nodes=1,
        ntasks_per_node=1,
        setup=[f"export PYTHONPATH={root}${{PYTHONPATH:+:$PYTHONPATH}}"],
        **{name: value for name, value in wanted.items() if value},
    )
    try:
        with executor.batch():
            jobs = [executor.submit(task) for task in tasks]
    except (FailedJobError, FailedSubmissionError, subprocess.CalledProcessError) as error:
        told = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise SweepError(f"--executor slurm: sbatch refused the job: {' '.join(told[-3:])}") from None
    return [job.job_id for job in jobs]


def _queue() -> set[str]:
    """The user's tasks that are queued or running, without those that are on their way out.

    Raises:
      SweepError: the cluster does not answer.
    """
    command = ["squeue", "--noheader", "--array", f"--user={getpass.getuser()}", "--format=%i %t"]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    if told.returncode:
        raise SweepError(f"--executor slurm: squeue failed: {' '.join(told.stderr.strip().splitlines()[-1:])}")
    rows = [line.split() for line in told.stdout.splitlines() if line.strip()]
    return {job for job, state in rows if state != "CG"}
