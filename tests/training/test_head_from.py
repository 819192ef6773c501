"""A run whose head is that of another: what is taken, and which runs it is not taken from."""

import hashlib
import json
import shutil

import jax
import numpy as np
import pytest

from busjax.training.config import ConfigError, validate
from busjax.training.loop import train
from configs import hijab
from tests.pretrained.tiny import keras_tensors, write_legacy
from tests.training.test_loop import quiet, start
from tests.training.test_releases import flat

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorboard"),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]


def small(variant, phantom_dir, tiny_release):
    """On a small network and the phantom, for an epoch."""
    found = hijab.get_config(f"{variant},small")
    found.data.name, found.data.data_dir = "phantom", str(phantom_dir)
    found.data.image_size, found.data.variants = 16, 2
    found.pretrained.release, found.pretrained.path = tiny_release
    found.model.net.head.widths = (8,)
    found.train.epochs, found.train.batch_size, found.eval.batch_size = 1, 8, 8
    return found


@pytest.fixture
def finished(phantom_dir, tiny_release, tmp_path):
    """The work directory of a run of features, and its best parameters."""
    run = start(small("features", phantom_dir, tiny_release), tmp_path / "features")
    assert train(run, quiet())
    best = run.checkpoints.best("net")
    params = flat(jax.device_get(run.restore(best[0])).networks["net"].params)
    run.checkpoints.close()
    (tmp_path / "features/results.json").write_text("{}")  # what marks a run as finished
    return tmp_path / "features", best, params


@pytest.fixture
def tuned(phantom_dir, tiny_release, finished):
    """A config that starts from it."""
    config = small("finetune", phantom_dir, tiny_release)
    config.pretrained.head_from = str(finished[0])
    config.pretrained.freeze = ("image_tower/*", "trunk/blocks/unit/norm/*")
    return config


def test_the_head_is_the_other_runs_and_the_rest_the_releases(tuned, finished, tmp_path):
    tuned.optimizer.learning_rate = 0.1
    validate(tuned)
    folder, (step, metric), params = finished
    run = start(tuned, tmp_path / "tuned")
    first = flat(jax.device_get(run.new_state()).networks["net"].params)
    for name, value in first.items():
        np.testing.assert_array_equal(value, params[name], err_msg=name)  # the other run's tower is the release's
    told = json.loads((tmp_path / "tuned/pretrained.json").read_text())["net"]
    assert told["release"] == "keras/tiny"
    assert (told["head_from"], told["head_step"], told["head_metric"]) == (str(folder), step, metric)
    assert train(run, quiet())
    last = flat(jax.device_get(run.restore(run.checkpoints.latest())).networks["net"].params)
    run.checkpoints.close()
    moved = {name for name in first if not np.array_equal(first[name], last[name])}
    assert moved == {
        name for name in first if name.startswith(("hidden_layers", "classifier", "trunk/blocks/unit/conv"))
    }
    # It goes on without that run.
    (folder / "config.json").unlink()
    tuned.train.epochs = 2
    run = start(tuned, tmp_path / "tuned")
    assert train(run, quiet())
    run.checkpoints.close()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"widths": (9,)}, r"head_from: classifier/kernel of \S+ is \(8, 1\), expected \(9, 1\), as in this run"),
        ({"widths": (8, 8)}, r"head_from: hidden_layers/dense2/bias of \S+ is missing, expected \(8,\)"),
        ({"image_size": 18}, r"head_from: \S+ has the data.image_size 16, expected 18 as in this run"),
        ({"grey": True}, r"head_from: \S+ has the data.grey False, expected True as in this run"),
        ({"test": ("phantom",)}, r"head_from: \S+ has the data.test '', expected \('phantom',\) as in this run"),
        ({"task": "solid"}, r"head_from: \S+ has the task 'malignant', expected 'solid'"),
        (
            {"split_seed": 5},
            r"head_from: \S+ has seen \d+ cases of this run's validation part, such as '\S+'; expected",
        ),
        ({"split": "augmented_image"}, r"has seen \d+ images of this run's validation part, such as"),
    ],
)
def test_runs_that_do_not_fit(tuned, tmp_path, fields, message):
    for field, value in fields.items():
        if field == "widths":
            tuned.model.net.head.widths = value
        elif field == "task":
            tuned.model.net.task = value
        else:
            tuned.data[field] = value
    run = start(tuned, tmp_path / "tuned")
    with pytest.raises(ConfigError, match=message):
        run.new_state()
    run.checkpoints.close()


def test_other_weights_of_the_same_name(tuned, finished, tmp_path):
    """A head fits the features of one file of weights; where that file was plays no part."""
    moved = tmp_path / "moved.weights.h5"
    shutil.copy(tuned.pretrained.path, moved)
    tuned.pretrained.path = str(moved)
    run = start(tuned, tmp_path / "moved")
    run.new_state()
    run.checkpoints.close()
    ours = f"sha256:{hashlib.sha256(moved.read_bytes()).hexdigest()}"
    tensors = keras_tensors()
    tensors["deep/kernel"] *= 2
    tuned.pretrained.path = str(write_legacy(tmp_path / "other.weights.h5", tensors))
    theirs = f"sha256:{hashlib.sha256((tmp_path / 'other.weights.h5').read_bytes()).hexdigest()}"
    run = start(tuned, tmp_path / "other")
    with pytest.raises(ConfigError) as error:
        run.new_state()
    assert str(error.value) == (
        f"pretrained.head_from: {finished[0]} has started from the weights {ours}, expected {theirs} as this run has, "
        "though both are called 'keras/tiny' (pretrained.path)"
    )
    for content in ("{}", "none"):
        (finished[0] / "pretrained.json").write_text(content)
        with pytest.raises(
            ConfigError, match=r"head_from: \S+pretrained.json: found no checksum of the weights of 'net'"
        ):
            run.new_state()
    run.checkpoints.close()


def test_an_image_that_was_seen_in_another_case(tuned, finished, tmp_path):
    """As where groups of near-duplicates have renamed the cases since."""
    run = start(tuned, tmp_path / "tuned")
    tested = str(run.data.dataset.table.image_id[run.data.split.test[0]])
    file = finished[0] / "splits" / "train.csv"
    head, first, *rest = file.read_text().splitlines()
    file.write_text("\n".join([head, ",".join([f"{tested}#1", "another", *first.split(",")[2:]]), *rest]) + "\n")
    with pytest.raises(ConfigError, match=rf"has seen 1 images of this run's test part, such as '{tested}'"):
        run.new_state()
    run.checkpoints.close()


def test_runs_that_are_not_there(tuned, finished, tmp_path):
    run = start(tuned, tmp_path / "tuned")
    (finished[0] / "results.json").unlink()
    with pytest.raises(ConfigError, match=r"head_from: \S+results.json: no such file; expected a finished run"):
        run.new_state()
    (finished[0] / "config.json").unlink()
    with pytest.raises(ConfigError, match=r"head_from: \S+config.json: no such file"):
        run.new_state()
    run.checkpoints.close()


def test_it_must_be_named(phantom_dir, tiny_release):
    with pytest.raises(ConfigError, match=r"^pretrained.head_from: found no run, expected the work directory of a fin"):
        validate(small("finetune", phantom_dir, tiny_release))
    config = small("baseline", phantom_dir, ("", ""))
    config.data.image_size = 32
    config.pretrained.head_from = "runs/features"
    with pytest.raises(ConfigError, match=r"^pretrained.head_from: found 'runs/features', expected '' but for"):
        validate(config)
