"""A whole run: train, be asked to end, go on, evaluate, look at what it left."""

import io
import json
import os
import signal

import jax
import numpy as np
import pytest
from rich.console import Console
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from busjax.evaluation.predictions import read_csv
from busjax.training.evaluate import evaluate
from busjax.training.loop import NonFiniteLoss, require_finite, train
from busjax.training.run import open_run
from busjax.training.workdir import open_workdir, read_workdir

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorboard")


def quiet() -> Console:
    return Console(file=io.StringIO(), width=140)


def start(config, folder):
    return open_run(config, open_workdir(folder, config, "a test"))


def final_state(run):
    return jax.device_get(run.restore(run.checkpoints.latest()))


def test_cross_training_from_start_to_report(tiny, tmp_path):
    config = tiny("cross_training")
    config.table.name, config.table.row = "qi2019", "REM"
    run = start(config, tmp_path)
    assert train(run, quiet())
    results = evaluate(run, read_workdir(tmp_path)[2], quiet())
    run.checkpoints.close()
    assert set(results["test"]) == set(results["val"]) == {"mt", "mt_without_map", "sn"}
    assert set(results["selection"]) == {"mt", "sn"}
    outputs = {p.name: p for p in read_csv(tmp_path / "predictions/test.csv")}
    assert outputs["sn"].classes == ("no_solid_nodule", "solid_nodule")
    assert outputs["mt"].target.tolist() == outputs["mt_without_map"].target.tolist()
    assert not np.array_equal(outputs["mt"].scores, outputs["mt_without_map"].scores)
    report = (tmp_path / "report.html").read_text()
    for words in ("Feature maps", "Class activation maps", "Mt-Net(REM)", "Sn-Net(REM)", "2x2 cells"):
        assert words in report, words


def test_a_run_from_start_to_report(tiny, tmp_path):
    config = tiny("classification")
    config.table.name, config.table.row = "qi2019", "BASIC"
    run = start(config, tmp_path)
    assert train(run, quiet())
    _, _, facts = read_workdir(tmp_path)
    console = quiet()
    results = evaluate(run, facts, console)
    run.checkpoints.close()

    split = {
        part: [line.split(",") for line in (tmp_path / f"splits/{part}.csv").read_text().splitlines()[1:]]
        for part in ("val", "test")
    }
    for part, rows in split.items():
        (predictions,) = read_csv(tmp_path / f"predictions/{part}.csv")
        assert sorted(predictions.image_id) == sorted(row[0] for row in rows)
        truth = {row[0]: int(row[2] == "malignant") for row in rows}
        assert [truth[i] for i in predictions.image_id] == predictions.target.tolist()
        metrics = results[part]["mt"]
        positive = predictions.scores[:, 1] > 0.5
        assert metrics["tp"] == int((positive & (predictions.target == 1)).sum())
        assert metrics["images"] == len(rows) == metrics["tp"] + metrics["fn"] + metrics["tn"] + metrics["fp"]
    assert json.loads((tmp_path / "results.json").read_text()) == results
    assert results["selection"]["mt"]["part"] == "val"
    assert results["val"]["mt"]["f_beta"] == pytest.approx(results["selection"]["mt"]["value"])

    report = (tmp_path / "report.html").read_text()
    for words in ("synthetic", "other data", "ROC", "Mt-Net(BASIC)", "a test", "Confusion"):
        assert words in report, words
    assert "Mt-Net(BASIC)" in console.file.getvalue()

    events = EventAccumulator(str(tmp_path), size_guidance={"tensors": 0})
    events.Reload()
    tags = set(events.Tags()["tensors"])
    expected = {"train/mt_loss", "train/mt_accuracy", "val/mt_auc", "val/mt_f_beta", "val/mt_cam", "val/roc"}
    assert expected | {"val/mt_confusion", "_hparams_/session_start_info"} <= tags
    history = run.checkpoints.facts(run.checkpoints.latest())["history"]
    assert [row["epoch"] for row in history] == [1, 2, 3]
    logged = [e.step for e in events.Tensors("val/mt_auc")]
    assert logged == [row["step"] for row in history]


def test_asked_to_end_it_saves_and_goes_on_to_the_same_end(tiny, tmp_path):
    config = tiny("classification")
    whole = start(config, tmp_path / "whole")
    assert train(whole, quiet())

    class Asking(io.StringIO):
        """Sends SIGTERM when the first epoch is told of."""

        def write(self, text: str) -> int:
            if text.startswith("epoch 1"):
                os.kill(os.getpid(), signal.SIGTERM)
            return super().write(text)

    run = start(config, tmp_path / "parts")
    asked = Console(file=Asking(), width=140)
    assert not train(run, asked)
    assert "SIGTERM: saved step" in asked.file.getvalue()
    middle = run.checkpoints.latest()
    run.checkpoints.close()
    run = start(config, tmp_path / "parts")
    assert train(run, quiet())
    assert 0 < middle < run.checkpoints.latest() == whole.checkpoints.latest()
    for a, b in zip(*(jax.tree.leaves(final_state(r)) for r in (whole, run)), strict=True):
        assert np.array_equal(a, b)
    # A finished run is not trained again.
    console = quiet()
    assert train(run, console)
    assert console.file.getvalue() == ""
    for opened in (whole, run):
        opened.checkpoints.close()


def test_a_loss_that_is_not_finite_stops_the_run(tiny, tmp_path):
    config = tiny("classification")
    config.optimizer.learning_rate = 1e30
    run = start(config, tmp_path)
    with pytest.raises(NonFiniteLoss, match=r"(the loss of|after) step \d+ .*is not finite; "):
        train(run, quiet())
    assert run.checkpoints.latest() is None
    run.checkpoints.close()


def test_parameters_that_are_not_finite_are_not_saved(tiny, tmp_path):
    run = start(tiny("classification"), tmp_path)
    state = run.new_state()
    require_finite(state, 3)
    network = state.networks["mt"]
    bias = network.params["classifier"]["bias"].at[1].set(np.inf)
    params = {**network.params, "classifier": {**network.params["classifier"], "bias": bias}}
    broken = state.replace(networks={"mt": network.replace(params=params)})
    with pytest.raises(NonFiniteLoss, match=r"after step 3, mt\['classifier'\]\['bias'\] is not finite"):
        require_finite(broken, 3)
    run.checkpoints.close()


def test_training_ends_when_nothing_gets_better(tiny, tmp_path):
    config = tiny("classification")
    config.optimizer.schedule = "constant"
    config.optimizer.learning_rate = 1e-12
    config.optimizer.weight_decay = 0.0
    config.train.epochs, config.train.patience = 30, 2
    console = quiet()
    run = start(config, tmp_path)
    assert train(run, console)
    assert "no network came to a new best in 2 epochs" in console.file.getvalue()
    assert len(run.checkpoints.facts(run.checkpoints.latest())["history"]) < 30
    run.checkpoints.close()
