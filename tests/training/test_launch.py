"""The command line: what it refuses, in one line each, and what it describes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def launch(*arguments: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "launch.py"), *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False
    )


DEMO = ("--config", "configs/rem.py:demo")
THERE = ("--workdir", "{tmp}")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "error: --mode train needs --config, for example --config configs/rem.py:demo"),
        (DEMO, "error: --mode train needs --workdir, the folder of the run"),
        (("--mode", "evaluate", "--workdir", "/nowhere"), "error: /nowhere/config.json: no such file; expected"),
        (
            (*DEMO, *THERE, "--config.data.name=bus_brra"),
            "error: data.name: unknown dataset 'bus_brra'; did you mean 'bus_bra'?",
        ),
        (
            (*DEMO, *THERE, "--config.train.epoch=3"),
            'error: command line: \'epoch\' Did you mean "epochs" instead of "epoch"?',
        ),
        ((*DEMO, *THERE, "--config.train.epochs=many"), "error: command line: flag --config.train.epochs=many"),
        (("--config", "configs/rem.py:dmo", *THERE), "error: command line: unknown variant 'dmo'; did you mean 'demo'"),
        (("--config", "configs/ram.py", *THERE), "error: --config configs/ram.py: no such file"),
        ((*DEMO, *THERE, "--process=1"), "error: --processes and --process need --coordinator"),
        ((*DEMO, *THERE, "--config.model.batch_norm=frozen"), "error: model.batch_norm: found 'frozen', expected"),
        (
            (*DEMO, *THERE, "--config.model.mt.head.dropout_rate=0.5"),
            "error: model.mt.head.dropout_rate: found 0.5, exp",
        ),
    ],
)
def test_what_is_refused(arguments, message, tmp_path):
    told = launch(*(a.format(tmp=tmp_path / "run") for a in arguments))
    assert told.returncode == 2
    assert "Traceback" not in told.stderr
    assert told.stderr.strip().splitlines()[-1].startswith(message)


def test_a_missing_dataset_says_how_to_get_it(tmp_path):
    told = launch(
        *("--config", "configs/rem.py:small", "--workdir", str(tmp_path / "run")),
        *(
            "--config.data.name=busi",
            f"--config.data.data_dir={tmp_path}",
            f"--config.data.manual_dir={tmp_path / 'no'}",
        ),
    )
    assert told.returncode == 2
    last = told.stderr.strip().splitlines()[-1]
    assert "busi" in last
    assert "python -m tfds_builders busi --manual_dir" in last


def test_describing_a_config_trains_nothing(tmp_path):
    told = launch("--config", "configs/basic.py:demo", "--mode", "describe")
    assert told.returncode == 0, told.stderr
    assert "conv7b" in told.stdout
    assert "GFLOP" in told.stdout


def test_importing_busjax_is_light():
    """No jax, no TensorFlow; and nothing of ours imports TensorFlow before a run writes."""
    code = (
        "import sys, busjax; assert 'jax' not in sys.modules; assert 'tensorflow' not in sys.modules;"
        "import busjax.training.loop, busjax.training.evaluate; assert 'tensorflow' not in sys.modules"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert told.returncode == 0, told.stderr
