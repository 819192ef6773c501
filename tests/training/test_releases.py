"""Runs that start from released weights: what the release settles, what is loaded, and what frozen patterns leave."""

import dataclasses
import hashlib
import json
import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import jax
import numpy as np
import pytest
from flax.traverse_util import flatten_dict

from busjax.data.preprocessing import HALVES
from busjax.methods.freezing import unmatched
from busjax.pretrained.load import load_variables, make_release_network
from busjax.pretrained.table import RELEASES
from busjax.training.config import ConfigError, from_json, validate
from busjax.training.evaluate import evaluate
from busjax.training.loop import train
from busjax.training.releases import preprocessing, settle_releases
from busjax.training.workdir import read_workdir
from configs import rem, transfer
from tests.training.test_loop import quiet, start

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorboard"),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

RELEASE = "keras/mobilenet_0.25"


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A file in Keras's layout with random values, running statistics too."""
    import keras

    model = keras.applications.MobileNet(alpha=0.25, weights=None)
    rng = np.random.default_rng(0)
    model.set_weights([w + 0.05 * rng.random(w.shape, dtype=np.float32) for w in model.get_weights()])
    path = tmp_path_factory.mktemp("weights") / "mobilenet.weights.h5"
    model.save_weights(path)
    return path


@pytest.fixture
def config(phantom_dir, weights):
    """The smallest MobileNet on the small phantom."""
    found = transfer.get_config()
    found.data.name, found.data.data_dir = "phantom", str(phantom_dir)
    found.data.image_size = 64
    found.pretrained.release, found.pretrained.path = RELEASE, str(weights)
    found.train.epochs = 1
    return found


def flat(tree):
    return {"/".join(path): np.asarray(leaf) for path, leaf in flatten_dict(tree).items()}


def test_the_first_state_holds_the_released_weights(config, weights, tmp_path):
    validate(config)
    run = start(config, tmp_path)
    state = run.new_state().networks["net"]
    run.checkpoints.close()
    release = RELEASES[RELEASE]
    network = make_release_network(release, classes=2)
    expected = load_variables(release, weights, network=network, key=jax.random.PRNGKey(9))
    found, expected = flat(state.params), flat(expected["params"])
    assert found.keys() == expected.keys()
    for name, value in found.items():
        if not name.startswith("classifier"):
            np.testing.assert_array_equal(value, expected[name], err_msg=name)
    assert any(np.ptp(value) > 0 for name, value in flat(state.batch_stats).items())


@pytest.mark.parametrize("batch_norm", ["batch", "frozen"])
def test_frozen_parameters_do_not_move(config, tmp_path, batch_norm):
    config.pretrained.freeze = ("image_tower/*", "trunk/pair13/pointwise/conv/kernel")
    config.model.batch_norm = batch_norm
    validate(config)
    run = start(config, tmp_path)
    before = jax.device_get(run.new_state()).networks["net"]
    assert train(run, quiet())
    after = jax.device_get(run.restore(run.checkpoints.latest())).networks["net"]
    results = evaluate(run, read_workdir(tmp_path)[2], quiet())
    run.checkpoints.close()
    old, new = flat(before.params), flat(after.params)
    moved = {name for name in old if not np.array_equal(old[name], new[name])}
    frozen = {name for name in old if name.startswith("image_tower/")} | {"trunk/pair13/pointwise/conv/kernel"}
    assert moved == old.keys() - frozen
    old, new = flat(before.batch_stats), flat(after.batch_stats)
    moved = {name for name in old if not np.array_equal(old[name], new[name])}
    assert moved == (set() if batch_norm == "frozen" else old.keys())
    assert 0 <= results["test"]["net"]["auc"] <= 1


def test_unmatched_patterns(config, tmp_path):
    assert unmatched([{"a": {"kernel": 1}}, {"b": {"bias": 2}}], ("a/*", "*/bias", "c/*", "kernel")) == [
        "c/*",
        "kernel",
    ]
    config.pretrained.freeze = ("image_tower/*", "image_towr/*")
    with pytest.raises(
        ConfigError, match=r"^pretrained\.freeze: 'image_towr/\*' matches no parameter, .* image_tower/"
    ):
        start(config, tmp_path)


def test_a_release_settles_the_network(config):
    config.pretrained.release = "torchvision/resnet50_v1"
    settled = settle_releases(config)
    assert settled.model.net.backbone == "resnet50"
    assert settled.model.net.norm_epsilon == 1e-5
    assert preprocessing(config).deviation[0] == pytest.approx(0.229 * 255)
    config.pretrained.release = ""
    assert preprocessing(config) == HALVES


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"pretrained.release": "keras/mobilnet_0.75"},
            r"^pretrained\.release: unknown .*; did you mean 'keras/mobilenet",
        ),
        (
            {"pretrained.mt.release": RELEASE},
            r"^pretrained\.mt\.release: not used by classification, expected pretrained",
        ),
        ({"pretrained.release": ""}, r"^pretrained\.release: found '', expected the name of what pretrained\.path is"),
        ({"model.net.width": 0.5}, r"^model\.net\.width: found 0\.5, expected 0\.25 as keras/mobilenet_0\.25 has it"),
        (
            {"model.net.backbone": "vgg16"},
            r"^model\.net\.backbone: found 'vgg16', expected 'mobilenet' as keras/mobilenet_0\.25 has it, or ''",
        ),
        (
            {"pretrained.release": "", "pretrained.path": ""},
            r"^model\.net\.backbone: found '', expected one of alexnet, ",
        ),
    ],
)
def test_settings_that_do_not_fit(config, fields, message):
    with config.unlocked():
        config.update_from_flattened_dict(fields)
    with pytest.raises(ConfigError, match=message):
        validate(config)


@pytest.mark.parametrize("release", sorted(RELEASES))
def test_every_release_can_be_named_on_the_command_line(release):
    config = transfer.get_config()
    config.pretrained.release, config.data.image_size = release, RELEASES[release].input_size
    validate(config)


@pytest.mark.parametrize("field", ["pretrained", "data.groups", "pretrained.freeze"])
def test_a_config_of_before_is_told_what_it_lacks(field):
    """Of a run that an earlier version has begun."""
    values = transfer.get_config().to_dict()
    *path, last = field.split(".")
    node = values
    for name in path:
        node = node[name]
    del node[last]
    with pytest.raises(ConfigError, match=rf"^{field}.*: missing from the config"):
        validate(from_json(values))


def test_random_weights_are_not_frozen():
    config = transfer.get_config("scratch")
    config.pretrained.freeze = ("image_tower/*",)
    with pytest.raises(ConfigError, match=r"^pretrained\.freeze: random weights would be frozen"):
        validate(config)


def test_a_run_goes_on_without_its_weights_file(config, weights, tmp_path, caplog, monkeypatch):
    monkeypatch.setitem(RELEASES, RELEASE, dataclasses.replace(RELEASES[RELEASE], checksum="sha256:00"))
    copy = tmp_path / "copy.weights.h5"
    copy.write_bytes(weights.read_bytes())
    config.pretrained.path = str(copy)
    run = start(config, tmp_path / "run")
    assert train(run, quiet())
    run.checkpoints.close()
    checksum = f"sha256:{hashlib.sha256(weights.read_bytes()).hexdigest()}"
    assert f"{copy}: the checksum is {checksum}, not sha256:00 as published" in caplog.text
    assert json.loads((tmp_path / "run/pretrained.json").read_text()) == {
        "net": {"release": RELEASE, "file": str(copy), "checksum": checksum, "differs_from_published": True}
    }
    copy.unlink()
    config.pretrained.path = ""
    run = start(config, tmp_path / "run")
    assert train(run, quiet())
    evaluate(run, read_workdir(tmp_path / "run")[2], quiet())
    run.checkpoints.close()
    report = (tmp_path / "run/report.html").read_text()
    assert "net: mobilenet" in report
    assert f"net: {RELEASE} ({checksum}, not as published)" in report


@pytest.mark.slow
def test_the_towers_of_cross_training_start_alike(phantom_dir, tmp_path):
    """Both networks at full size, from files as Keras writes them: 77 million values."""
    import keras

    config = rem.get_config()
    config.data.name, config.data.data_dir, config.data.image_size = "phantom", str(phantom_dir), 107
    for name, release, model in (
        ("mt", "keras/inception_resnet_v2", keras.applications.InceptionResNetV2),
        ("sn", "keras/inception_v3", keras.applications.InceptionV3),
    ):
        path = tmp_path / f"{name}.weights.h5"
        model(weights=None).save_weights(path)
        config.pretrained[name].release, config.pretrained[name].path = release, str(path)
    validate(config)
    run = start(config, tmp_path / "run")
    state = run.new_state()
    run.checkpoints.close()
    for name, network in state.networks.items():
        release = RELEASES[config.pretrained[name].release]
        expected = load_variables(release, config.pretrained[name].path)
        for kind, tree in (("params", network.params), ("batch_stats", network.batch_stats)):
            towers = flat(tree["image_tower"]), flat(tree["map_tower"])
            wanted = flat(expected[kind]["image_tower"])
            assert towers[0].keys() == towers[1].keys() == wanted.keys()
            for leaf, value in wanted.items():
                np.testing.assert_array_equal(towers[0][leaf], value, err_msg=leaf)
                np.testing.assert_array_equal(towers[1][leaf], value, err_msg=leaf)


def test_releases_of_two_networks():
    config = rem.get_config()
    config.pretrained.mt.release = "timm/inception_resnet_v2.tf_in1k"
    config.pretrained.sn.release = "torchvision/inception_v3"
    config.model.batch_norm = "frozen"
    validate(config)
    assert settle_releases(config).model.sn.options.count_padding
    config.pretrained.sn.release, config.model.sn.backbone = "torchvision/resnet50_v1", ""
    with pytest.raises(ConfigError, match=r"^pretrained: .* expect pixels scaled in different ways"):
        validate(config)
    config.pretrained.mt.release, config.model.mt.backbone = "torchvision/resnet50_v1", ""
    with pytest.raises(ConfigError, match=r"^pretrained: .* expects pixels in another range than maps have"):
        validate(config)
    config.pretrained.mt.release, config.model.mt.backbone = "timm/inception_resnet_v2.tf_in1k", "inception_resnet_v2"
    config.pretrained.sn.release, config.model.sn.backbone = "", "inception_v3"
    with pytest.raises(ConfigError, match=r"^model\.batch_norm: found 'frozen'"):
        validate(config)
    config.pretrained.release = RELEASE
    with pytest.raises(
        ConfigError, match=r"^pretrained\.release: not used by cross_training, .*mt\.release and pretrai"
    ):
        validate(config)
