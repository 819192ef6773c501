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
