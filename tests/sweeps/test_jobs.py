"""What is remembered of a sweep's tasks, and what a task does; without Slurm."""

import copy
import dataclasses
import re
import subprocess

import pytest

from busjax.sweeps import lock, slurm
from busjax.sweeps.errors import SweepError
from busjax.sweeps.jobs import Job, fingerprint, lost_tasks, read_jobs, write_jobs
from busjax.sweeps.process import SAVING
from busjax.sweeps.slurm import CORES, PATIENCE, Task
from tests.sweeps.conftest import planned, starts


def test_jobs_are_read_as_they_were_written(tmp_path):
    assert read_jobs(tmp_path) == {}
    jobs = {"7_0": Job("seed=1", "ab"), "12": Job("seed=2", "cd")}
    write_jobs(tmp_path, jobs)
    assert read_jobs(tmp_path) == jobs
    (tmp_path / "slurm" / "jobs.json").write_text('{"7_0": "seed=1"}')
    with pytest.raises(SweepError, match=r"slurm/jobs\.json: not a list of jobs"):
        read_jobs(tmp_path)


def test_jobs_that_cannot_be_noted_are_told_with_their_number(tmp_path):
    (tmp_path / "slurm").touch()
    with pytest.raises(SweepError, match="that job 12 was submitted: scancel 12"):
        write_jobs(tmp_path, {"12_0": Job("seed=1", "ab")})


@pytest.mark.parametrize(
    ("section", "field", "value", "same"),
    [
        ("train", "epochs", 9, False),
        ("pretrained", "path", "other.h5", False),
        ("data", "data_dir", "/elsewhere", True),
        ("table", "name", "shareef_4", True),
    ],
)
def test_settings_are_the_same_where_results_are(section, field, value, same):
    config = planned(1).config
    other = copy.deepcopy(config)
    assert other[section][field] != value
    other[section][field] = value
    assert (fingerprint(config) == fingerprint(other)) is same


def test_tasks_that_never_started_their_run_are_found(tmp_path):
    """Run 1: gone, with a log; 2: gone, without; 3: queued; 4: had begun; 5: submitted again; 6: never submitted."""
    (tmp_path / "slurm").mkdir()
    (tmp_path / "slurm" / "7_0_0_log.err").touch()
    (tmp_path / "seed=4").mkdir()
    (tmp_path / "seed=4" / "run.json").touch()
    jobs = {f"7_{n - 1}": Job(f"seed={n}", "") for n in (1, 2, 3, 4, 5)} | {"8": Job("seed=5", "")}
    found = lost_tasks(tmp_path, [f"seed={n}" for n in range(1, 7)], jobs, {"7_2", "8"})
    assert found == {
        "seed=1": "its task 7_0 ended before it started: see slurm/7_0_*_log.err",
        "seed=2": "its task 7_1 ended before it started: it left no log, `sacct -j 7_1` may tell",
    }


@pytest.mark.parametrize(("environment", "told"), [({"SLURM_CPUS_PER_TASK": "3"}, "3"), ({}, "none")])
def test_srun_is_told_of_the_cores(environment, told):
    script = f"set -eu\n{CORES}\nsh -c 'echo ${{SRUN_CPUS_PER_TASK:-none}}'"
    shell = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert shell.stdout.split() == [told]


def test_a_task_whose_run_is_held_fails_and_starts_nothing(tmp_path, stand_in, monkeypatch):
    """Else its run would be left, and nobody told."""
    assert PATIENCE > SAVING
    monkeypatch.setattr(slurm, "PATIENCE", 0.3)
    task = Task(planned(1), tmp_path / "seed=1", stand_in)
    held = lock.take(task.folder)
    assert held is not None
    with pytest.raises(RuntimeError, match=r"seed=1: left, since process \d+ on .* runs it"):
        task()
    held.release()
    assert task() == "seed=1: finished"
    assert task() == "seed=1: finished before"
    assert len(starts(task.folder)) == 1
    failing = dataclasses.replace(planned(13), name="x")
    with pytest.raises(RuntimeError, match=re.compile("x: failed: .*an unlucky number", re.DOTALL)):
        Task(failing, tmp_path / "x", stand_in)()
