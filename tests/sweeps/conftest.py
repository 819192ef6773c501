"""Sweeps over the tiny config, and a program that stands in for launch.py where its end is what matters."""

import json
from pathlib import Path

import pytest

from busjax.sweeps.plan import PlannedRun
from busjax.sweeps.process import Launcher
from busjax.training.config import to_json
from tests.training.conftest import tiny_config

ROOT = Path(__file__).parents[2]

# Ends as the seed of its config says: 13 with an error, 99 by a kill, 7 by a signal where it gets one; others finish.
STAND_IN = """
import json, os, pathlib, signal, sys, time
folder = pathlib.Path(sys.argv[sys.argv.index("--workdir") + 1])
run = json.loads((folder / "run.json").read_text())
seed = run["config"]["seed"]
(folder / "config.json").write_text(json.dumps({"config": run["config"], "launches": []}))
with open(folder / "starts", "a") as starts:
    starts.write(f"{os.getpid()} {os.environ.get('CUDA_VISIBLE_DEVICES')} {sorted(os.sched_getaffinity(0))}\\n")
if seed == 13:
    raise ValueError("an unlucky number")
if seed == 99:
    os.kill(os.getpid(), signal.SIGKILL)
if seed == 7:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(75))
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
