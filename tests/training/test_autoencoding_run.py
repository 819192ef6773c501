"""A whole run of layers that are trained before the task, on the phantom; the configs of the two baselines of Qi et
al. 2019; and what is refused before a run starts."""

import io
import json
import os
import re
import signal

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from rich.console import Console
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from busjax.methods import make_method, pretraining_epochs
from busjax.training.config import ConfigError, from_json, to_json, validate
from busjax.training.describe import describe
from busjax.training.evaluate import evaluate
from busjax.training.loop import train
from busjax.training.optimizers import make_optimizer
from busjax.training.releases import settle_releases
from busjax.training.validation import best_epochs, selected, stopped_early
from busjax.training.workdir import read_workdir
from configs import basic, cheng, han
from tests.training.test_loop import final_state, quiet, start

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorboard")


def tiny(phantom_dir, **own):
    """Two layers of two epochs each, and three epochs of the task."""
    config = cheng.get_config("demo")
    config.data.data_dir = str(phantom_dir)
    config.model.mt.update({"widths": (24, 12), "pretrain_epochs": 2} | own)
    config.data.image_size = 10
    config.train.epochs, config.train.batch_size = 3, 8
    config.optimizer.schedule = "cosine"
    config.optimizer.plateau.patience = 0
    return config


def test_a_run_from_start_to_report(phantom_dir, tmp_path):
    config = tiny(phantom_dir)
    validate(config)
    run = start(config, tmp_path)
    assert train(run, quiet())
    results = evaluate(run, read_workdir(tmp_path)[2], quiet())
    steps = run.data.steps_per_epoch
    history = run.checkpoints.facts(run.checkpoints.latest())["history"]
    assert [row["epoch"] for row in history] == [1, 2, 3, 4, 5, 6, 7]
    assert run.checkpoints.latest() == 7 * steps

    # What each epoch trains is what it tells of; the schedule is that of the task's three epochs.
    for row in history:
        assert ("train/mt_loss" in row) == (row["epoch"] > 4)
        assert ("train/mt_reconstruction_loss" in row) == (row["epoch"] <= 4)
        assert ("train/mt_layer1_error" in row) == (row["epoch"] in (1, 2))
        assert ("train/mt_layer2_error" in row) == (row["epoch"] in (3, 4))
    rates = [row.get("train/mt_learning_rate") for row in history]
    assert rates[:4] == [None] * 4
    cosine = [1e-3 * (1 + np.cos(np.pi * (n * steps - 1) / (3 * steps))) / 2 for n in (1, 2, 3)]
    assert rates[4:] == pytest.approx(cosine, rel=1e-4)  # of float32

    # One checkpoint is chosen, of the last three epochs, whatever the untrained classifier reached before.
    chosen = results["selection"]["mt"]
    assert chosen["step"] in (5 * steps, 6 * steps, 7 * steps)
    assert chosen["value"] == max(row["val/mt_f_beta"] for row in history[4:])
    assert chosen["among"].endswith("of which the 4 epochs of pre-training are no part")
    assert json.loads((tmp_path / "results.json").read_text()) == results

    # While a layer is trained the error of those below it stays, to the last bit.
    first = [row["val/mt_layer1_error"] for row in history]
    assert first[1] == first[2] == first[3] != first[4]
    events = EventAccumulator(str(tmp_path), size_guidance={"tensors": 0})
    events.Reload()
    assert {"val/mt_layer1_error", "val/mt_layer2_error", "train/mt_reconstruction_loss"} <= set(
        events.Tags()["tensors"]
    )
    report = (tmp_path / "report.html").read_text()
    for words in ("cut out by the true mask, also at test", "denoising autoencoder 100-24-12", "synthetic"):
        assert words in report, words
    told = re.search(r"layer1 (\S+) to (\S+), layer2 (\S+) to (\S+) \(validation part", report).groups()
    assert float(told[1]) == pytest.approx(first[1], rel=5e-3)
    before = run.score(run.new_state(), "val").measures["mt_layer1_error"]
    assert float(told[0]) == pytest.approx(before, rel=5e-3)
    second = [row["val/mt_layer2_error"] for row in history]
    assert [float(value) for value in told[2:]] == pytest.approx([second[1], second[3]], rel=5e-3)

    # The measure by numpy, from patches and parameters.
    state = final_state(run)
    params = jax.tree.map(np.float64, state.networks["mt"].params)
    (row,) = (row for row in history if row["step"] == run.checkpoints.latest())
    key, values = jax.random.fold_in(jax.random.PRNGKey(config.seed), 2), []
    for batch in run._parts["val"]:
        for image, index, weight in zip(batch["image"], batch["index"], batch["weight"], strict=True):
            if weight == 0:
                continue
            x, own = np.float64(image[0, ..., 0]).ravel(), params["layer1"]
            assert 0 <= x.min() <= x.max() <= 1
            keep = np.asarray(jax.random.uniform(jax.random.fold_in(key, index), x.shape)) >= 0.3
            h = 1 / (1 + np.exp(-(x * keep @ own["kernel"] + own["bias"])))
            z = 1 / (1 + np.exp(-(h @ own["kernel"].T + own["reconstruction_bias"])))
            values.append(((z - x) ** 2).mean())
    assert len(values) == len(run.data.split.val)
    assert row["val/mt_layer1_error"] == pytest.approx(np.mean(values), rel=1e-4)
    run.checkpoints.close()


def test_interrupted_in_the_middle_of_a_stage(phantom_dir, tmp_path):
    """Saved after one and a half stages by the loop's own signal, it comes to the same parameters."""

    class Asking(io.StringIO):
        def write(self, text: str) -> int:
            if text.startswith("epoch 3"):
                os.kill(os.getpid(), signal.SIGTERM)
            return super().write(text)

    config = tiny(phantom_dir)
    config.train.epochs = 1
    whole = start(config, tmp_path / "whole")
    assert train(whole, quiet())
    run = start(config, tmp_path / "parts")
    assert not train(run, Console(file=Asking(), width=140))
    # In layer 2's stage: the signal is noticed at the next step.
    assert 3 <= run.checkpoints.latest() / run.data.steps_per_epoch < 4
    run.checkpoints.close()
    run = start(config, tmp_path / "parts")
    assert train(run, quiet())
    for a, b in zip(*(jax.tree.leaves(final_state(r)) for r in (whole, run)), strict=True):
        assert np.array_equal(a, b)
    for opened in (whole, run):
        opened.checkpoints.close()


def test_epochs_of_pretraining_are_not_chosen_and_end_no_run():
    """By hand: two layers of three epochs, then at most ten of which the second half counts."""
    config = cheng.get_config()
    with config.unlocked():
        config.model.mt.widths, config.model.mt.pretrain_epochs = (8, 4), 3
        config.train.epochs, config.train.patience, config.selection.after = 10, 2, 0.5
    assert pretraining_epochs(config) == 6
    values = [0.9] * 6 + [0.8] * 5 + [0.5, 0.6, 0.5, 0.4]
    rows = [{"epoch": epoch, "val/mt_f_beta": value} for epoch, value in enumerate(values, 1)]
    assert [selected(row, ("mt",), config)["mt"] for row in rows] == [None] * 11 + [0.5, 0.6, 0.5, 0.4]
    assert best_epochs(rows, ("mt",), config) == {"mt": 13}
    assert [stopped_early(rows[:n], ("mt",), config) for n in range(1, 16)] == [False] * 14 + [True]
    assert pretraining_epochs(cheng.get_config("no_pretraining")) == pretraining_epochs(basic.get_config()) == 0


@pytest.mark.parametrize("module", [han, cheng])
@pytest.mark.parametrize("variant", ["full", "sn", "small", "small,sn", "demo"])
def test_every_config_is_valid_and_in_its_row(module, variant):
    config = module.get_config(variant)
    validate(config)
    assert to_json(from_json(to_json(config))) == to_json(config)
    row = ("qi2019", "Han" if module is han else "Cheng")
    assert (config.table.name, config.table.row) == (("", "") if variant == "demo" else row)
    name = "sn" if "sn" in variant else "mt"
    assert config.model.network == name
    assert config.model[name].task == {"mt": "malignant", "sn": "solid"}[name]
    assert config.data.grey
    assert (config.selection.metric, config.eval.beta) == ("f_beta", 2.0)


@pytest.mark.parametrize(("variant", "kernel"), [("full", 3), ("wide", 5)])
def test_han_is_googlenet_of_8_x_8_positions_with_two_outputs(variant, kernel):
    config = settle_releases(han.get_config(variant))
    network = make_method(config, make_optimizer(config.optimizer, 1)).networks["mt"]
    image = jax.ShapeDtypeStruct((1, 255, 255, 3), jnp.float32)
    variables = jax.eval_shape(network.init, jax.random.PRNGKey(0), image)
    outputs = jax.eval_shape(network.apply, variables, image)
    assert (outputs.features.shape, outputs.logits.shape) == ((1, 8, 8, 1024), (1, 2))
    params = variables["params"]
    assert params["trunk"]["inception5b"]["branch2"]["conv1"]["conv"]["kernel"].shape[:2] == (kernel, kernel)
    if variant == "full":  # torchvision's count without fc, and ours
        assert sum(leaf.size for leaf in jax.tree.leaves(params)) == 5_599_904 + 1024 * 2 + 2


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"data.resize": "squash"}, r"^data\.resize: found 'squash', expected 'lesion' for the method 'autoencoding'"),
        ({"data.grey": False}, r"^data\.grey: found False, expected True for the method 'autoencoding'"),
        ({"data.pixels": "release"}, r"^data\.pixels: found 'release', expected 'unit' for the method 'autoencoding'"),
        ({"model.mt.widths": ()}, r"^model\.mt\.widths: found \(\), expected a tuple of layer widths"),
        ({"model.mt.widths": (8, 0)}, r"^model\.mt\.widths: found \(8, 0\), expected a tuple of layer widths"),
        ({"model.mt.noise": 1.0}, r"^model\.mt\.noise: found 1\.0, expected 0 or more and below 1"),
        ({"model.mt.pretrain_epochs": -1}, r"^model\.mt\.pretrain_epochs: found -1, expected a whole number, 0 for no"),
        ({"model.mt.pretrain_rate": 0.0}, r"^model\.mt\.pretrain_rate: found 0\.0, expected a positive number"),
        ({"model.mt.task": "maligant"}, r"^model\.mt\.task: found 'maligant', expected one of malignant"),
        ({"pretrained.release": "keras/vgg16"}, r"^pretrained\.release: found 'keras/vgg16', expected ''"),
        ({"model.batch_norm": "frozen"}, r"^model\.batch_norm: found 'frozen', expected 'batch'"),
        ({"loss.name": "lmcl"}, r"^loss\.name: found 'lmcl', expected another of the method 'autoencoding'"),
        (
            {"data.augment.right_angles": True},
            r"^data\.augment\.right_angles: found True, expected False where data\.resize is 'lesion'",
        ),
        ({"data.augment.scale": (0.5, 2.0)}, r"^data\.augment\.scale: found \(0\.5, 2\.0\), expected \(1, 1\) where"),
        ({"data.views": 5}, r"^data\.views: found 5, expected 1 where data\.resize is 'lesion'"),
    ],
)
def test_settings_that_cannot_be(fields, message):
    config = cheng.get_config()
    with config.unlocked():
        config.update_from_flattened_dict(fields)
    with pytest.raises(ConfigError, match=message):
        validate(config)


def test_grey_is_a_truth_value():
    stored = to_json(cheng.get_config())
    stored["data"]["grey"] = "yes"
    with pytest.raises(ConfigError, match=r"^data\.grey: found 'yes', expected"):
        validate(from_json(stored))


def test_a_network_of_another_kind_is_refused():
    config = basic.get_config()
    config.method = "autoencoding"
    with pytest.raises(ConfigError, match=r"^model\.mt: found backbone, head.*expects noise, pretrain_epochs"):
        validate(config)
    config = cheng.get_config()
    config.method = "classification"
    with pytest.raises(ConfigError, match=r"^model\.mt\.backbone: found None, expected one of alexnet"):
        validate(config)


def test_it_can_be_described():
    console = quiet()
    describe(cheng.get_config(), console)
    told = console.file.getvalue()
    assert "denoising autoencoder 784-512-256-128-64-32, input 28x28x3" in " ".join(told.split())
    assert re.search(r"layer1\s.*\b404,240\b.*\b512\b", told)  # 784 x 512 + 784 + 512 + 3 x 512
