"""A sweep of real runs: killed, continued, with a run that fails; and what TensorBoard shows of it."""

import json
import os
import subprocess
import sys
import time

import pytest

from tests.sweeps.conftest import ROOT
from tests.sweeps.test_definition import sweep_file
from tests.sweeps.test_hparams import hparams_page
from tests.training.conftest import CONFIG_FILE

pytestmark = pytest.mark.slow


def start(tmp_path, phantom_dir, *flags):
    (tmp_path / "config.py").write_text(CONFIG_FILE)
    command = [sys.executable, str(ROOT / "launch.py"), "--sweep", str(tmp_path / "sweep.py")]
    command += ["--config", f"{tmp_path / 'config.py'}:classification", f"--config.data.data_dir={phantom_dir}"]
    command += ["--workdir", str(tmp_path / "runs"), "--compilation_cache=", *flags]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, cwd=tmp_path
    )


def launches(folder):
    return (folder / "run.log").read_text().count("training from step")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_killed_and_continued_with_a_run_that_fails(tmp_path, phantom_dir):
    body = """for rate in (0.5, 1.0, 1e30):
    add({"optimizer.learning_rate": rate, "train.epochs": 2})"""
    sweep_file(tmp_path, body)
    one, two, bad = (tmp_path / "runs" / f"learning_rate={rate}" for rate in (0.5, 1.0, 1e30))

    first = start(tmp_path, phantom_dir)
    until = time.monotonic() + 300
    while not (one / "run.log").exists() or "epoch 1:" not in (one / "run.log").read_text():
        assert first.poll() is None, first.communicate()
        assert time.monotonic() < until
        time.sleep(0.1)
    first.kill()
    first.communicate()
    assert not (two / "config.json").exists()

    second = start(tmp_path, phantom_dir)
    told, _ = second.communicate(timeout=900)
    assert second.returncode == 1, told
    assert "1 failed" in told
    assert "2 finished" in told
    assert "learning_rate=1e+30: failed" in told
    assert "is not finite" in told
    assert "Traceback" not in told
    results = {folder: (folder / "results.json").stat().st_mtime_ns for folder in (one, two)}
    for folder, rate in ((one, 0.5), (two, 1.0)):
        stored = json.loads((folder / "config.json").read_text())
        assert stored["config"]["optimizer"]["learning_rate"] == rate
        assert stored["config"]["train"]["epochs"] == 2
    assert not (bad / "results.json").exists()

    third = start(tmp_path, phantom_dir)
    told, _ = third.communicate(timeout=900)
    assert third.returncode == 1, told
    assert told.count("finished before") == 2
    assert {folder: (folder / "results.json").stat().st_mtime_ns for folder in (one, two)} == results
    assert (launches(two), launches(bad)) == (1, 2)

    experiment, groups = hparams_page(tmp_path / "runs")
    assert {info.name for info in experiment.hparam_infos if info.differs} == {"optimizer.learning_rate"}
    rates = {g.hparams["optimizer.learning_rate"].number_value: g for g in groups}
    assert {0.5, 1.0} <= rates.keys()
    for folder, rate in ((one, 0.5), (two, 1.0)):
        shown = {m.name.tag: m.value for m in rates[rate].metric_values}
        found = json.loads((folder / "results.json").read_text())
        for part in ("test", "val"):
            for name in ("auc", "balanced_accuracy", "f_beta"):
                assert shown[f"final/{part}/mt_{name}"] == pytest.approx(found[part]["mt"][name], abs=1e-6)
