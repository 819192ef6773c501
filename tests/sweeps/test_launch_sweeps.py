"""`launch.py --sweep`: what it refuses, in one line each, and what it tells."""

import os

import pytest

from tests.sweeps.test_definition import sweep_file
from tests.training.test_launch import DEMO, launch

HERE = ("--workdir", "{tmp}/runs")
SWEEP = ("--sweep", "{tmp}/sweep.py")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((*DEMO, *HERE, "--jobs=2"), "error: --jobs needs --sweep, for example"),
        ((*DEMO, *SWEEP), "error: --mode train needs --workdir"),
        ((*DEMO, *SWEEP, *HERE, "--mode=evaluate"), "error: --mode evaluate is for a run"),
        (
            (*DEMO, *SWEEP, *HERE, "--slurm_gpus=1"),
            "error: --slurm_gpus needs --executor slurm, found",
        ),
        ((*DEMO, *SWEEP, *HERE, "--slurm_time=4"), "error: command line: flag --slurm_time=4"),
        ((*DEMO, *SWEEP, *HERE, "--table=shareef_4"), "error: --table needs --mode table, found --mode train"),
        ((*DEMO, *HERE, "--seeds_together"), "error: --seeds_together needs --mode table, found --mode train"),
        ((*HERE, "--config.seed=1"), "error: --config.seed needs --config, the config whose fields are changed"),
        (
            (*SWEEP, *HERE, "--config.seed=1"),
            "error: --config.seed needs --config, since the first run of the sweep names none",
        ),
        ((*DEMO, *SWEEP, *HERE, "--jobs=-1"), "error: command line: flag --jobs=-1"),
        (
            (*DEMO, *SWEEP, *HERE),
            "error: {tmp}/sweep.py: run 2 (learning_rat=1): unknown field 'optimizer.learning_rat'; "
            "did you mean 'optimizer.learning_rate'?",
        ),
    ],
)
def test_what_is_refused(arguments, message, tmp_path):
    sweep_file(tmp_path, "add(seed=1)\nadd({'optimizer.learning_rat': 1})")
    told = launch(*(a.format(tmp=tmp_path) for a in arguments))
    assert told.returncode == 2, told.stdout
    assert "Traceback" not in told.stderr
    assert told.stderr.strip().splitlines()[-1].startswith(message.format(tmp=tmp_path))
    assert not (tmp_path / "runs").exists()


def test_without_slurm_it_says_so(tmp_path, monkeypatch):
    sweep_file(tmp_path, "add(seed=1)")
    monkeypatch.setenv("PATH", os.path.dirname(os.__file__))
    told = launch(*DEMO, "--sweep", f"{tmp_path}/sweep.py", "--workdir", f"{tmp_path}/runs", "--executor=slurm")
    assert told.returncode == 2
    assert told.stderr.startswith("error: --executor slurm: found no sbatch on this machine, expected the commands of")
    assert not (tmp_path / "runs").exists()


def test_the_example_is_described_without_starting_anything(tmp_path):
    folder = tmp_path / "runs"
    told = launch(*DEMO, "--sweep", "configs/sweeps/rem_lambda.py", "--workdir", str(folder), "--mode=describe")
    assert told.returncode == 0, told.stderr
    assert "map_scale=0.5: configs/rem.py:demo with model.map_scale=0.5, seed=0" in told.stdout
    assert told.stdout.rstrip().endswith("4 not begun")
    assert not folder.exists()


def test_fields_need_no_config_where_the_runs_name_theirs(tmp_path):
    """They hold for every run, and are read by the config of the first."""
    sweep_file(tmp_path, "add('configs/basic.py:demo')\nadd('configs/rem.py:demo', {'seed': 2})")
    flags = ("--config.data.data_dir=/x", "--config.train.epochs=3", "--noconfig.data.cache", "--mode=describe")
    told = launch("--sweep", f"{tmp_path}/sweep.py", *flags)
    assert told.returncode == 0, told.stderr
    both = "data.data_dir='/x', train.epochs=3, data.cache=False"
    assert told.stdout.splitlines() == [
        f"basic.demo: configs/basic.py:demo with {both}",
        f"rem.demo,seed=2: configs/rem.py:demo with {both}, seed=2",
    ]
    told = launch("--sweep", f"{tmp_path}/sweep.py", "--config.train.epoch=3", "--mode=describe")
    assert told.returncode == 2
    assert 'Did you mean "epochs"' in told.stderr
    # A run without a config still has none.
    sweep_file(tmp_path, "add('configs/basic.py:demo')\nadd(seed=2)")
    told = launch("--sweep", f"{tmp_path}/sweep.py", *flags)
    assert told.returncode == 2
    assert "run 2 (base,seed=2): names no config file; expected --config FILE" in told.stderr


def test_one_of_several_tasks_of_srun_waits_for_no_other(tmp_path, monkeypatch):
    """A sweep has runs of their own processes; without this it would wait for a coordinator."""
    monkeypatch.setenv("SLURM_NTASKS", "2")
    monkeypatch.setenv("SLURM_STEP_NODELIST", "nowhere.invalid")
    monkeypatch.setenv("SLURM_JOB_ID", "1")
    monkeypatch.setenv("SLURM_PROCID", "1")
    monkeypatch.setenv("SLURM_LOCALID", "1")
    monkeypatch.setenv("SLURM_JOB_NUM_NODES", "1")
    sweep_file(tmp_path, "add(seed=1)")
    command = ("--sweep", f"{tmp_path}/sweep.py", "--mode=describe")
    told = launch(*DEMO, *command)
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith("seed=1: configs/rem.py:demo")
