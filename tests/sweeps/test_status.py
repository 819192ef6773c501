"""How far a run is, told from its folder; and whose it is."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from busjax.sweeps import lock
from busjax.sweeps.status import State, forget_failure, note_failure, resting_status, run_status
from busjax.training.config import to_json
from busjax.training.workdir import Workdir, open_workdir
from tests.sweeps.conftest import ROOT
from tests.training.conftest import tiny_config

RESULTS = json.dumps({"test": {}, "val": {}, "selection": {}})


def test_a_run_from_nothing_to_its_results(tmp_path):
    config = tiny_config()
    values = to_json(config)
    folder = tmp_path / "run"
    assert run_status(folder, values).state is State.NOT_BEGUN
    workdir = open_workdir(folder, config, "python launch.py")
    assert run_status(folder, values).state is State.BEGUN
    note_failure(folder, "no memory")
    assert run_status(folder, values).state is State.FAILED
    assert run_status(folder, values).note == "no memory"
    forget_failure(folder)
    workdir.results.write_text(RESULTS[:-3])
    assert run_status(folder, values).state is State.BEGUN
    workdir.results.write_text(RESULTS)
    assert run_status(folder, values).state is State.FINISHED


@pytest.mark.parametrize(
    ("field", "value", "state"),
    [
        ("train.epochs", 4, State.BEGUN),
        ("train.patience", 3, State.BEGUN),
        ("seed", 1, State.BEGUN),
        ("data.data_dir", "/elsewhere", State.FINISHED),
        ("eval.batch_size", 3, State.FINISHED),
    ],
)
def test_finished_is_said_of_one_config(tmp_path, field, value, state):
    workdir = open_workdir(tmp_path, tiny_config(), "python launch.py")
    workdir.results.write_text(RESULTS)
    other = tiny_config()
    other.update_from_flattened_dict({field: value})
    assert resting_status(tmp_path, to_json(other)).state is state


@pytest.mark.parametrize(("field", "value", "kept"), [("train.epochs", 9, False), ("data.cache", False, True)])
def test_results_of_fewer_epochs_do_not_stand_beside_a_config_of_more(tmp_path, field, value, kept):
    """A run that is continued and killed must not look finished."""
    config = tiny_config()
    config.optimizer.schedule = "constant"
    workdir = open_workdir(tmp_path, config, "python launch.py")
    (workdir.checkpoints / "4").mkdir(parents=True)
    workdir.results.write_text(RESULTS)
    config.update_from_flattened_dict({field: value})
    open_workdir(tmp_path, config, "python launch.py")
    assert Workdir(tmp_path).results.exists() is kept
    assert (resting_status(tmp_path, to_json(config)).state is State.FINISHED) is kept


HOLD = """
import subprocess, sys, time
from pathlib import Path
from busjax.sweeps import lock
held = lock.take(Path(sys.argv[1]))
sleeper = subprocess.Popen(["sleep", "60"], pass_fds=(held.descriptor,) if sys.argv[2] == "hand on" else ())
print(sleeper.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("hand_on", ["hand on", "keep"])
def test_a_lock_lasts_as_long_as_a_process_that_has_it(tmp_path, hand_on):
    """Also after a kill -9 of the one that took it: then as long as the run that was started lives."""
    command = [sys.executable, "-c", HOLD, str(tmp_path), hand_on]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    ) as other:
        assert other.stdout is not None
        sleeper = int(other.stdout.readline())
        try:
            assert lock.take(tmp_path) is None
            assert lock.holder(tmp_path).startswith(f"process {other.pid} on ")
            assert run_status(tmp_path, to_json(tiny_config())).state is State.RUNNING
        finally:
            other.kill()
            other.wait()
            if hand_on == "hand on":
                assert lock.take(tmp_path) is None
            os.kill(sleeper, signal.SIGKILL)
    until = time.monotonic() + 10
    while (held := lock.take(tmp_path)) is None:
        assert time.monotonic() < until
        time.sleep(0.05)
    assert lock.take(tmp_path) is None
    held.release()
    assert lock.holder(tmp_path) == ""
    (tmp_path / lock.FILE).write_text("left behind by a crash")
    assert lock.holder(tmp_path) == ""


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="file/run: cannot write there"):
        lock.take(tmp_path / "file" / "run")
