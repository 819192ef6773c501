"""A sweep as an array job of a real Slurm: one run killed, one told that its time ends, the rest done."""

import json
import os
import re
import subprocess
import sys
import time

import pytest

from tests.sweeps.conftest import ROOT
from tests.sweeps.slurm_cluster import cluster, why_not
from tests.sweeps.test_definition import sweep_file
from tests.training.conftest import CONFIG_FILE

pytestmark = pytest.mark.slow
RUNS = 6


@pytest.fixture(scope="module")
def slurm():
    """The environment of a cluster of one node with two cores."""
    pytest.importorskip("submitit")
    if reason := why_not():
        pytest.skip(reason)
    with cluster(cpus=2) as environment:
        yield {**environment, "PYTHONPATH": str(ROOT)}


def launch(tmp_path, phantom_dir, environment, *flags):
    (tmp_path / "config.py").write_text(CONFIG_FILE)
    command = [sys.executable, str(ROOT / "launch.py"), "--sweep", str(tmp_path / "sweep.py")]
    command += ["--config", f"{tmp_path / 'config.py'}:classification", "--compilation_cache="]
    command += [f"--config.data.data_dir={phantom_dir}", "--workdir", str(tmp_path / "runs")]
    return subprocess.run(
        [*command, "--executor=slurm", *flags], capture_output=True, text=True, env=environment, check=False
    )


def queue(environment, what="%T"):
    """Queued and running tasks with their states, or what else squeue tells of them."""
    command = ["squeue", "--noheader", "--array", f"--format=%i {what}"]
    told = subprocess.run(command, capture_output=True, text=True, env=environment, check=True).stdout
    return dict(line.split() for line in told.splitlines())


def wait_for(holds, seconds=1800.0):
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.2)


def test_an_array_of_which_one_run_is_killed(tmp_path, phantom_dir, slurm):
    # The one whose time will end trains so long that it is still training when it is told.
    epochs = [30] + [1] * (RUNS - 1)
    sweep_file(tmp_path, f"for seed, epochs in enumerate({epochs}):\n    add({{'train.epochs': epochs}}, seed=seed)")
    folders = [tmp_path / "runs" / f"epochs={n},seed={seed}" for seed, n in enumerate(epochs)]
    flags = ("--slurm_partition=all", "--slurm_cpus=1", "--slurm_time=600", "--slurm_memory=1000M", "--jobs=2")
    training = lambda n: (log := folders[n] / "run.log").exists() and "training from" in log.read_text()  # noqa: E731

    told = launch(tmp_path, phantom_dir, slurm, *flags)
    assert told.returncode == 0, told.stderr
    found = re.search(r"submitted 6 runs as job (\d+)", told.stdout)
    assert found, told.stdout
    job = found[1]
    assert set(queue(slurm)) == {f"{job}_{n}" for n in range(RUNS)}

    # The same command again does not queue them twice.
    told = launch(tmp_path, phantom_dir, slurm, *flags)
    assert told.returncode == 0, told.stderr
    assert "0 of 6 runs finished, 6 queued or running before\nnothing to submit" in told.stdout

    # What Slurm does at the end of a job's time, and before it gives the node to another.
    wait_for(lambda: training(0))
    # scancel asks the controller again while the task is being queued again, and complains of that: unchecked,
    # and not waited for, else run 3 would be over before it ends.
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(["scancel", "--signal=USR2", f"{job}_0"], env=slurm, **quiet):
        wait_for(lambda: training(3))
        subprocess.run(["scancel", f"{job}_3"], env=slurm, check=True)
    wait_for(lambda: not queue(slurm))
    finished = [folder.name for folder in folders if (folder / "results.json").exists()]
    logs = {path.name: path.read_text() for path in (tmp_path / "runs" / "slurm").glob("*.err")}
    assert finished == [folder.name for folder in folders if folder != folders[3]], logs
    # The one whose time ended was asked once to save itself, queued again by itself, and went on.
    log = (folders[0] / "run.log").read_text()
    assert log.count("training from step") == 2
    assert "KeyboardInterrupt" not in log
    assert f"Requeued job {job}_0" in logs[f"{job}_0_0_log.err"]

    written = {folder: (folder / "results.json").stat().st_mtime_ns for folder in folders if folder != folders[3]}
    told = launch(tmp_path, phantom_dir, slurm, *flags)
    assert "5 of 6 runs finished, 0 queued or running before\nsubmitted 1 runs as job" in told.stdout, told.stderr
    wait_for(lambda: not queue(slurm))
    assert json.loads((folders[3] / "results.json").read_text())["test"]
    assert {folder: (folder / "results.json").stat().st_mtime_ns for folder in written} == written

    told = launch(tmp_path, phantom_dir, slurm, *flags)
    assert "6 of 6 runs finished, 0 queued or running before\nnothing to submit" in told.stdout, told.stderr


def test_what_slurm_refuses_is_told_in_one_line(tmp_path, phantom_dir, slurm):
    sweep_file(tmp_path, "add(seed=1)\nadd(seed=2)")
    told = launch(tmp_path, phantom_dir, slurm, "--slurm_partition=nowhere")
    assert told.returncode == 2
    assert "Traceback" not in told.stderr
    last = told.stderr.strip().splitlines()[-1]
    assert last.startswith("error: --executor slurm: sbatch refused the job: ")
    assert "nowhere" in last or "invalid partition" in last
    assert not (tmp_path / "runs" / "slurm" / "jobs.json").exists()


def test_a_cluster_that_does_not_answer_is_told(tmp_path, phantom_dir, slurm):
    sweep_file(tmp_path, "add(seed=1)")
    environment = {**slurm, "SLURM_CONF": str(tmp_path / "none.conf"), "HOME": os.environ.get("HOME", "/")}
    told = launch(tmp_path, phantom_dir, environment)
    assert told.returncode == 2
    assert "error: --executor slurm: squeue failed: " in told.stderr


def test_a_task_that_dies_before_its_run_leaves_a_trace(tmp_path, phantom_dir, slurm):
    """On a node whose Python does not start; told by describe, and when it is submitted again."""
    sweep_file(tmp_path, "add(seed=1)")
    ends = "if 'SLURM_JOB_ID' in os.environ:\n    print('out of order', file=sys.stderr)\n    os._exit(1)\n"
    (tmp_path / "sitecustomize.py").write_text(f"import os, sys\n{ends}")
    broken = {**slurm, "PYTHONPATH": f"{slurm['PYTHONPATH']}:{tmp_path}"}
    told = launch(tmp_path, phantom_dir, broken)
    found = re.search(r"submitted 1 runs as job (\d+)", told.stdout)
    assert found, told.stderr
    wait_for(lambda: not queue(slurm))
    (log,) = (tmp_path / "runs" / "slurm").glob(f"{found[1]}_*_log.err")
    assert "out of order" in log.read_text()
    trace = f"its task {found[1]} ended before it started: see slurm/{found[1]}_*_log.err"
    told = launch(tmp_path, phantom_dir, slurm, "--mode=describe")
    assert trace in told.stdout
    assert told.stdout.rstrip().endswith("1 failed")
    told = launch(tmp_path, phantom_dir, broken)
    assert told.stdout.startswith(
        f"seed=1: {trace}\n0 of 1 runs finished, 0 queued or running before\nsubmitted 1 runs"
    )
    wait_for(lambda: not queue(slurm))


def test_what_is_queued_with_other_settings_is_not_taken_for_the_run(tmp_path, phantom_dir, slurm):
    sweep_file(tmp_path, "add(seed=1)\nadd(seed=2)")
    nodes = ["sinfo", "--noheader", "--format=%N"]
    node = subprocess.run(nodes, env=slurm, capture_output=True, text=True, check=True).stdout.strip()
    set_node = ["scontrol", "update", f"NodeName={node}"]
    subprocess.run([*set_node, "State=DRAIN", "Reason=test"], env=slurm, check=True)
    try:
        told = launch(tmp_path, phantom_dir, slurm, "--slurm_cpus=1", "--slurm_memory=1000M")
        found = re.search(r"submitted 2 runs as job (\d+)", told.stdout)
        assert found, told.stderr
        assert queue(slurm, "%C/%m") == dict.fromkeys([f"{found[1]}_0", f"{found[1]}_1"], "1/1000M")
        told = launch(tmp_path, phantom_dir, slurm, "--config.train.batch_size=6")
        assert told.returncode == 2
        expected = f"error: seed=1: queued with other settings: scancel {found[1]}_0 and start again"
        assert told.stderr.strip().splitlines()[-1].startswith(expected)
        told = launch(tmp_path, phantom_dir, slurm, "--config.train.log_every=1")
        assert "2 queued or running before" in told.stdout, told.stderr
    finally:
        subprocess.run(["scancel", "--user=root"], env=slurm, check=True)
        subprocess.run([*set_node, "State=RESUME"], env=slurm, check=True)
