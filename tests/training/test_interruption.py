"""Runs in processes of their own: killed at random, and spread over two."""

import os
import random
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


def launch(folder, workdir, phantom_dir, *flags):
    config = folder / "config.py"
    config.write_text(CONFIG_FILE)
    environment = {**os.environ, "PYTHONPATH": ROOT}
    command = [sys.executable, os.path.join(ROOT, "launch.py"), "--config", f"{config}:cross_training"]
    command += [f"--workdir={workdir}", f"--config.data.data_dir={phantom_dir}", "--compilation_cache=", *flags]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder
    )


def final_state(folder):
    workdir, config, _ = read_workdir(folder)
    run = open_run(config, workdir)
    state = jax.device_get(run.restore(run.checkpoints.latest()))
    run.checkpoints.close()
    return state


def test_killed_five_times_it_ends_with_the_same_bits(tmp_path, phantom_dir):
    started = time.monotonic()
    whole = launch(tmp_path, tmp_path / "whole", phantom_dir)
    told, _ = whole.communicate(timeout=900)
    assert whole.returncode == 0, told
    length = time.monotonic() - started

    chance = random.Random(5)
    kills = 0
    while kills < 5:
        process = launch(tmp_path, tmp_path / "killed", phantom_dir)
        try:
            process.wait(timeout=chance.uniform(0.2, 1.0) * length * 0.6)
        except subprocess.TimeoutExpired:
            process.kill()
            kills += 1
        process.communicate()
        if process.returncode == 0:
            break
    process = launch(tmp_path, tmp_path / "killed", phantom_dir)
    told, _ = process.communicate(timeout=900)
    assert process.returncode == 0, told
    assert kills == 5
    one, other = (final_state(tmp_path / name) for name in ("whole", "killed"))
    assert int(one.step) == int(other.step) > 0
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        assert np.array_equal(a, b)
