"""Runs as one array job of a Slurm cluster, through submitit."""

import dataclasses
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from busjax.sweeps import lock
from busjax.sweeps.errors import SweepError
from busjax.sweeps.jobs import FOLDER, Job, fingerprint, live_tasks, lost_tasks, read_jobs, write_jobs
from busjax.sweeps.plan import PlannedRun
from busjax.sweeps.process import SAVING, Launcher, RunProcess
from busjax.sweeps.status import State, resting_status, run_status

TIMEOUTS = 20  # how often a run that is longer than the time of a job is queued again by itself
# Seconds that a task tries for the lock of its run: longer than an earlier task may take to save it.
PATIENCE = SAVING + 60.0
# srun takes the cores of a task from here: from Slurm 22.05 on it does not look at what sbatch was asked for.
CORES = 'if [ -n "${SLURM_CPUS_PER_TASK:-}" ]; then export SRUN_CPUS_PER_TASK="$SLURM_CPUS_PER_TASK"; fi'


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
            raise RuntimeError(f"{self.run.name}: left, since {lock.holder(self.folder) or 'another process'} runs it")
        status = resting_status(self.folder, self.run.config)
        if status.state is State.FINISHED or status.lasting:
            held.release()
            if status.lasting:
                raise RuntimeError(f"{self.run.name}: {status.note}")
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


class Submission(NamedTuple):
    """What became of the runs of a sweep.

    Attributes:
      job: the array's number; '' where there was nothing to submit.
      submitted: the names of the runs submitted.
      running: of those queued or running already.
      refused: of those that cannot be run, with what to say of each.
      lost: of those whose last task ended before it started them, with what to say of each.
    """

    job: str
    submitted: list[str]
    running: list[str]
    refused: dict[str, str]
    lost: dict[str, str]


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


def submit(runs: Sequence[PlannedRun], folder: Path, options: SlurmOptions, launcher: Launcher) -> Submission:
    """Submits one array job of the runs that are neither finished, nor queued, nor running.

    Args:
      runs: of the sweep.
      folder: of the sweep, on a file system that the nodes share.
      options: what each task asks for.
      launcher: how a run is started.

    Raises:
      SweepError: Slurm is not there or refuses, another process submits this sweep now, or a run is queued with other
        settings.
    """
    require_slurm()
    held = lock.take(folder / FOLDER)
    if held is None:
        raise SweepError(f"{folder}: {lock.holder(folder / FOLDER)} submits this sweep now, expected one at a time")
    try:
        earlier = read_jobs(folder)
        live = live_tasks()
        queued = {job.run: task for task, job in earlier.items() if task in live}
        missing, running, refused = [], [], {}
        for run in runs:
            status = run_status(folder / run.name, run.config)
            if status.lasting:
                refused[run.name] = status.note
            elif status.state is not State.FINISHED and run.name in queued:
                _refuse_other_settings(run, queued[run.name], earlier[queued[run.name]])
                running.append(run.name)
            elif status.state is State.RUNNING:
                running.append(run.name)
            elif status.state is not State.FINISHED:
                missing.append(run)
        names = [run.name for run in missing]
        lost = lost_tasks(folder, names, earlier, live)
        if not missing:
            return Submission("", [], running, refused, lost)
        numbers = _submit([Task(run, folder / run.name, launcher) for run in missing], folder, options)
        given = [Job(run.name, fingerprint(run.config)) for run in missing]
        write_jobs(folder, earlier | dict(zip(numbers, given, strict=True)))
        return Submission(numbers[0].partition("_")[0], names, running, refused, lost)
    finally:
        held.release()


def _refuse_other_settings(run: PlannedRun, task: str, job: Job) -> None:
    if job.settings != fingerprint(run.config):
        raise SweepError(
            f"{run.name}: queued with other settings: scancel {task} and start again, or use another --workdir"
        )


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
        setup=[f"export PYTHONPATH={root}${{PYTHONPATH:+:$PYTHONPATH}}", CORES],
        **{name: value for name, value in wanted.items() if value},
    )
    try:
        with executor.batch():
            jobs = [executor.submit(task) for task in tasks]
    except (FailedJobError, FailedSubmissionError, subprocess.CalledProcessError) as error:
        told = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise SweepError(f"--executor slurm: sbatch refused the job: {' '.join(told[-3:])}") from None
    return [job.job_id for job in jobs]
