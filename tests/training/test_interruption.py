"""Runs in processes of their own: killed at random, and spread over two."""

import os
import random
import signal
import socket
import subprocess
import sys
import time

import jax
import numpy as np
import pytest

from busjax.training.run import open_run
from busjax.training.workdir import read_workdir
from tests.training.conftest import CONFIG_FILE

pytestmark = pytest.mark.slow
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))


def launch(folder, workdir, phantom_dir, *flags, method="cross_training", path=""):
    config = folder / "config.py"
    config.write_text(CONFIG_FILE)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (path, ROOT)))}
    command = [sys.executable, os.path.join(ROOT, "launch.py"), "--config", f"{config}:{method}"]
    command += [f"--workdir={workdir}", f"--config.data.data_dir={phantom_dir}", "--compilation_cache=", *flags]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder
    )


def states(folder):
    """The first and the last state of a run."""
    workdir, config, _ = read_workdir(folder)
    run = open_run(config, workdir)
    found = jax.device_get((run.new_state(), run.restore(run.checkpoints.latest())))
    run.checkpoints.close()
    return found


def test_killed_five_times_it_ends_with_the_same_bits(tmp_path, phantom_dir):
    """Killed while the steps after a drawn epoch are on their way, its checkpoint perhaps half written."""
    epochs = 8
    flags = (f"--config.train.epochs={epochs}",)
    whole = launch(tmp_path, tmp_path / "whole", phantom_dir, *flags)
    told, _ = whole.communicate(timeout=900)
    assert whole.returncode == 0, told

    chance = random.Random(5)
    reached = []
    for epoch in sorted(chance.sample(range(1, epochs), 5)):
        process = launch(tmp_path, tmp_path / "killed", phantom_dir, *flags)
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith(f"epoch {epoch}:"):
                break
        time.sleep(chance.uniform(0.0, 1.0))
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        steps = [int(p.name) for p in (tmp_path / "killed" / "checkpoints").glob("[0-9]*") if p.name.isdigit()]
        reached.append(max(steps, default=0))
    assert len(set(reached)) > 2
    assert max(reached) < 4 * epochs
    process = launch(tmp_path, tmp_path / "killed", phantom_dir, *flags)
    told, _ = process.communicate(timeout=900)
    assert process.returncode == 0, told
    assert "training from step" in told
    (_, one), (_, other) = (states(tmp_path / name) for name in ("whole", "killed"))
    assert int(one.step) == int(other.step) == 4 * epochs
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        assert np.array_equal(a, b)


def test_without_tensorflow_a_run_trains_and_writes_the_same_tags(tmp_path, phantom_dir):
    """As on a lean GPU host: a package of that name that cannot be imported stands before the real one."""
    (tmp_path / "tensorflow").mkdir()
    (tmp_path / "tensorflow" / "__init__.py").write_text("raise ImportError('no TensorFlow here')")
    flags = ("--config.train.epochs=1",)
    run = launch(tmp_path, tmp_path / "lean", phantom_dir, *flags, method="classification", path=str(tmp_path))
    told, _ = run.communicate(timeout=600)
    assert run.returncode == 0, told
    # One file of the training, one of the evaluation at its end.
    training, evaluation = sorted(
        (tmp_path / "lean").glob("events.out.tfevents.*"), key=lambda file: file.stat().st_mtime
    )
    for tag in (b"train/mt_loss", b"val/mt_auc", b"val/mt_cam", b"_hparams_/session_start_info"):
        assert tag in training.read_bytes()
    for tag in (b"final/val/mt_auc", b"final/test/mt_auc"):
        assert tag in evaluation.read_bytes()


def root_mean_square(trees) -> float:
    leaves = [np.asarray(leaf, np.float64) for leaf in jax.tree.leaves(trees)]
    return float(np.sqrt(sum(np.square(leaf).sum() for leaf in leaves) / sum(leaf.size for leaf in leaves)))


def test_two_processes_train_as_one_does(tmp_path, phantom_dir):
    """One step on 4 devices of one process and on 8 of two: parameters agree to 1 % of their change, in root mean
    square (AdaDelta's first update is nearly the sign of the gradient, so single values may differ by more)."""
    flags = ("--config.train.epochs=1", "--config.train.batch_size=56")
    alone = launch(tmp_path, tmp_path / "one", phantom_dir, *flags, method="classification")
    told, _ = alone.communicate(timeout=600)
    assert alone.returncode == 0, told
    with socket.socket() as free:
        free.bind(("localhost", 0))
        address = f"localhost:{free.getsockname()[1]}"
    flags += (f"--coordinator={address}", "--processes=2")
    pair = [
        launch(tmp_path, tmp_path / "two", phantom_dir, *flags, f"--process={i}", method="classification")
        for i in range(2)
    ]
    outputs = [process.communicate(timeout=600)[0] for process in pair]
    assert [process.returncode for process in pair] == [0, 0], outputs
    (first, one), (_, two) = (states(tmp_path / name) for name in ("one", "two"))
    assert int(one.step) == int(two.step) == 1
    zero, a, b = (s.networks["mt"].params for s in (first, one, two))
    subtract = lambda x, y: jax.tree.map(np.subtract, x, y)  # noqa: E731
    assert root_mean_square(subtract(a, b)) <= 0.01 * root_mean_square(subtract(a, zero))
    for name in ("results.json", "report.html", "predictions/test.csv"):
        assert (tmp_path / "two" / name).exists()
