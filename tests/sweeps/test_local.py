"""Runs at a time, their ends of all kinds, signals and two sweeps at once; with a program in place of launch.py."""

import io
import os
import pickle
import signal
import subprocess
import sys
import threading
import time

import pytest
from rich.console import Console

from busjax.sweeps import local, lock
from busjax.sweeps.devices import Place
from busjax.sweeps.local import run_locally
from busjax.sweeps.status import State, resting_status
from tests.sweeps.conftest import ROOT, planned, starts

# A sweep in a process of its own; its plan comes pickled.
SWEEP = """
import pickle, sys
from pathlib import Path
from rich.console import Console
from busjax.sweeps.devices import Place
from busjax.sweeps.local import run_locally
runs, launcher, folder = pickle.load(sys.stdin.buffer)
_, ended = run_locally(runs, folder, [Place(()), Place(())], launcher, Console(width=200))
sys.exit(75 if ended else 0)
"""

# One whose output cannot be written once a run has finished.
BROKEN = SWEEP.replace("Console(width=200)", "Console(file=Broken())").replace(
    "runs, launcher",
    """import io
class Broken(io.StringIO):
    def write(self, text):
        if "finished" in text:
            raise OSError("no space left for it")
        return len(text)
runs, launcher""",
    1,
)

ANYWHERE = Place(())


def run(seeds, tmp_path, launcher, place=ANYWHERE):
    told = io.StringIO()
    folder = tmp_path / "sweep"
    outcomes, ended = run_locally([planned(s) for s in seeds], folder, [place], launcher, Console(file=told, width=200))
    return outcomes, ended, told.getvalue()


def process(seeds, tmp_path, launcher, sweep=SWEEP):
    wanted = tmp_path / "wanted"
    wanted.write_bytes(pickle.dumps(([planned(s) for s in seeds], launcher, tmp_path / "sweep")))
    with open(wanted, "rb") as file:
        return subprocess.Popen(
            [sys.executable, "-c", sweep],
            stdin=file,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )


def wait_for(holds):
    until = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_failure_stops_no_other_run_and_is_told_with_its_error(tmp_path, stand_in):
    outcomes, ended, told = run((13, 1, 99, 2), tmp_path, stand_in)
    assert ended == ""
    states = {name: status.state for name, status in outcomes.items()}
    assert states == {
        "seed=13": State.FAILED,
        "seed=1": State.FINISHED,
        "seed=99": State.FAILED,
        "seed=2": State.FINISHED,
    }
    assert outcomes["seed=13"].note.endswith("ValueError: an unlucky number")
    assert "ended by SIGKILL" in outcomes["seed=99"].note
    assert "    ValueError: an unlucky number" in told
    assert "seed=13: failed" in told
    # The folder alone tells the same.
    assert resting_status(tmp_path / "sweep" / "seed=13", planned(13).config) == outcomes["seed=13"]

    _, _, told = run((13, 1, 99, 2), tmp_path, stand_in)
    assert "seed=1: finished before" in told
    counts = {seed: len(starts(tmp_path / "sweep" / f"seed={seed}")) for seed in (13, 1, 99, 2)}
    assert counts == {13: 2, 1: 1, 99: 2, 2: 1}


def test_a_folder_that_cannot_be_written_is_one_failure(tmp_path, stand_in):
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep" / "seed=1").write_text("a file in its place")
    outcomes, _, told = run((1, 2), tmp_path, stand_in)
    assert (outcomes["seed=1"].state, outcomes["seed=2"].state) == (State.FAILED, State.FINISHED)
    assert "sweep/seed=1: cannot write there" in told


def test_a_run_whose_files_cannot_be_written_is_one_failure(tmp_path, stand_in):
    """Its log cannot be opened, or its settings not replaced: the others go on, and its lock is free again."""
    for seed, file in ((1, "run.log"), (2, "run.json")):
        (tmp_path / "sweep" / f"seed={seed}" / file).mkdir(parents=True)
        (tmp_path / "sweep" / f"seed={seed}" / file / "x").touch()
    outcomes, _, told = run((1, 2, 3), tmp_path, stand_in)
    states = {name: status.state for name, status in outcomes.items()}
    assert states == {"seed=1": State.FAILED, "seed=2": State.FAILED, "seed=3": State.FINISHED}
    assert "seed=1: failed: cannot be started: " in told
    assert "run.json: cannot be written" in outcomes["seed=2"].note
    for seed in (1, 2):
        folder = tmp_path / "sweep" / f"seed={seed}"
        assert lock.holder(folder) == ""
        assert resting_status(folder, planned(seed).config).note == outcomes[f"seed={seed}"].note


def test_a_failure_that_cannot_be_noted_stops_nothing(tmp_path, stand_in):
    outcomes, _, _ = run((14, 1), tmp_path, stand_in)
    assert (outcomes["seed=14"].state, outcomes["seed=1"].state) == (State.FAILED, State.FINISHED)
    assert outcomes["seed=14"].note.endswith("an unlucky number")


@pytest.mark.parametrize(("seed", "signals"), [(7, 0), (8, 2)])
def test_an_error_of_the_sweep_lets_the_runs_save_themselves(tmp_path, stand_in, seed, signals):
    """They get SIGTERM and the time they need; only two signals end them at once."""
    folder = tmp_path / "sweep" / f"seed={seed}"
    other = process((seed, 5), tmp_path, stand_in, BROKEN)
    wait_for(lambda: (folder / "run.log").exists() and b"waiting" in (folder / "run.log").read_bytes())
    (tmp_path / "sweep" / "finish").touch()
    wait_for(lambda: (folder / "asked").exists())
    for _ in range(signals):
        other.send_signal(signal.SIGINT)
        time.sleep(0.5)
    _, errors = other.communicate(timeout=30)
    assert b"no space left for it" in errors
    assert (folder / "saved").exists() is (seed == 7)
    assert lock.holder(folder) == ""


def test_places_give_their_cores_and_device(tmp_path, stand_in):
    cpu = min(os.sched_getaffinity(0))
    run((1,), tmp_path, stand_in, Place((cpu,), "5"))
    ((_, device, cores),) = (line.split(maxsplit=2) for line in starts(tmp_path / "sweep" / "seed=1"))
    assert (device, cores) == ("5", f"[{cpu}]")


def test_a_signal_is_handed_on_and_the_sweep_goes_on_when_started_again(tmp_path, stand_in):
    log = tmp_path / "sweep" / "seed=7" / "run.log"
    other = process((7, 1, 2, 3), tmp_path, stand_in)
    wait_for(lambda: log.exists() and b"waiting" in log.read_bytes())
    other.send_signal(signal.SIGTERM)
    told, _ = other.communicate(timeout=60)
    assert other.returncode == 75
    assert b"save themselves" in told
    assert b"seed=7: stopped" in told
    assert resting_status(tmp_path / "sweep" / "seed=7", planned(7).config).state is State.BEGUN
    (tmp_path / "sweep" / "go").touch()
    outcomes, _, told = run((7, 1, 2, 3), tmp_path, stand_in)
    assert {status.state for status in outcomes.values()} == {State.FINISHED}
    assert "seed=7: goes on" in told


def test_a_kill_of_the_sweep_ends_its_runs(tmp_path, stand_in):
    folder = tmp_path / "sweep" / "seed=7"
    other = process((7,), tmp_path, stand_in)
    wait_for(lambda: (folder / "run.log").exists() and b"waiting" in (folder / "run.log").read_bytes())
    assert lock.holder(folder)
    other.kill()
    other.communicate()
    wait_for(lambda: not lock.holder(folder))
    assert resting_status(folder, planned(7).config).state is State.BEGUN


def test_two_sweeps_share_the_runs_of_one_folder(tmp_path, stand_in, monkeypatch):
    """No run is started twice; the second sweep waits for the run of the first, and both end with all finished."""
    monkeypatch.setattr(local, "ASK_AGAIN", 0.1)
    log = tmp_path / "sweep" / "seed=7" / "run.log"
    other = process((7,), tmp_path, stand_in)
    wait_for(lambda: log.exists() and b"waiting" in log.read_bytes())
    threading.Timer(2.0, (tmp_path / "sweep" / "go").touch).start()
    outcomes, _, told = run((7, 1, 2), tmp_path, stand_in)
    assert f"seed=7: waiting, process {other.pid} on " in told
    other.communicate(timeout=60)
    assert other.returncode == 0
    assert {status.state for status in outcomes.values()} == {State.FINISHED}
    assert len(starts(tmp_path / "sweep" / "seed=7")) == 1
