"""Sweeps over the tiny config, and a program that stands in for launch.py where its end is what matters."""

import json
from pathlib import Path

import pytest

from busjax.sweeps.plan import PlannedRun
from busjax.sweeps.process import Launcher
from busjax.training.config import to_json
from tests.training.conftest import tiny_config

ROOT = Path(__file__).parents[2]

# Ends as the seed of its config says: 13 with an error, 14 with one that cannot be noted, 99 by a kill, 7 and 8 by a
# signal where they get one (7 saves itself in a moment, 8 in a minute), 5 when it may; others finish.
STAND_IN = """
import json, os, pathlib, signal, sys, time
folder = pathlib.Path(sys.argv[sys.argv.index("--workdir") + 1])
run = json.loads((folder / "run.json").read_text())
seed = run["config"]["seed"]
(folder / "config.json").write_text(json.dumps({"config": run["config"], "launches": []}))
with open(folder / "starts", "a") as starts:
    starts.write(f"{os.getpid()} {os.environ.get('CUDA_VISIBLE_DEVICES')} {sorted(os.sched_getaffinity(0))}\\n")
if seed == 14:
    (folder / "failure.json").mkdir()
if seed in (13, 14):
    raise ValueError("an unlucky number")
if seed == 99:
    os.kill(os.getpid(), signal.SIGKILL)
while seed == 5 and not (folder.parent / "finish").exists():
    time.sleep(0.05)
def save(*_):
    (folder / "asked").touch()
    time.sleep(0.5 if seed == 7 else 60)
    (folder / "saved").touch()
    sys.exit(75)
if seed in (7, 8):
    signal.signal(signal.SIGTERM, save)
    print("waiting", flush=True)
    while not (folder.parent / "go").exists():
        time.sleep(0.05)
(folder / "results.json").write_text(json.dumps({"test": {}, "selection": {}}))
"""


def planned(seed: int) -> PlannedRun:
    config = tiny_config()
    config.seed = seed
    return PlannedRun(f"seed={seed}", "tiny.py", {"seed": seed}, to_json(config))


@pytest.fixture
def stand_in(tmp_path: Path) -> Launcher:
    script = tmp_path / "launch.py"
    script.write_text(STAND_IN)
    return Launcher(script, "")


def starts(folder: Path) -> list[str]:
    """A line for each time that the stand-in was started there."""
    return (folder / "starts").read_text().splitlines()


def listed(folder: Path) -> list[str]:
    return [run["name"] for run in json.loads((folder / "sweep.json").read_text())["runs"]]
