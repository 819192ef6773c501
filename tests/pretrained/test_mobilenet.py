"""MobileNet's released layouts: what Keras saves, and what it has released, gives the same features and logits here."""

import hashlib

import jax
import numpy as np
import pytest

from busjax.pretrained.load import load_variables, make_release_network
from busjax.pretrained.mobilenet import RELEASES
from tests.models.anatomy import count, images, shapes
from tests.pretrained.keras_parity import KERAS_WARNINGS, errors, keras, randomise, requested, save
from tests.pretrained.parity import relative_error

pytestmark = KERAS_WARNINGS

BY_NAME = {release.name: release for release in RELEASES}


def keras_mobilenet(width, size=(224, 224), **arguments):
    arguments = {"weights": None, "classifier_activation": None} | arguments
    return keras.applications.MobileNet(input_shape=(*size, 3), alpha=width, **arguments)


@pytest.mark.parametrize(("width", "layout"), [(1.0, "legacy"), (0.25, "keras3")])
def test_keras_file_gives_the_same_function(tmp_path, width, layout):
    release = BY_NAME[f"keras/mobilenet_{width}"]
    model = randomise(keras_mobilenet(width))
    variables = load_variables(release, save(model, tmp_path, layout))
    network = make_release_network(release)
    assert max(errors(network, variables, model, "conv_pw_13_relu")) < 1e-4
    odd = keras_mobilenet(width, (97, 139))
    odd.set_weights(model.get_weights())
    assert max(errors(network, variables, odd, "conv_pw_13_relu")) < 1e-4


def test_a_file_without_top_needs_a_new_last_layer(tmp_path):
    release = BY_NAME["keras/mobilenet_0.5_160"]
    model = randomise(keras_mobilenet(0.5, (160, 160), include_top=False))
    variables = load_variables(release, save(model, tmp_path), classes=2, key=jax.random.PRNGKey(0))
    image = np.random.default_rng(1).normal(size=(1, 160, 160, 3)).astype(np.float32)
    outputs = jax.jit(make_release_network(release, 2).apply)(variables, image)
    assert relative_error(outputs.features, model.predict(image, verbose=0)) < 1e-4
    assert outputs.logits.shape == (1, 2)


@pytest.mark.real_data
@pytest.mark.parametrize("size", [(224, 224), (160, 160), (97, 139)])
def test_the_released_file_gives_kerass_logits(real_data, size):
    path = real_data / "weights" / "mobilenet_7_5_224_tf.h5"
    release = BY_NAME["keras/mobilenet_0.75"]
    model = keras_mobilenet(0.75, size)
    model.load_weights(path)
    variables = load_variables(release, path)
    assert max(errors(make_release_network(release), variables, model, "conv_pw_13_relu")) < 1e-4


@pytest.mark.real_data
def test_the_released_file_has_the_checksum(real_data):
    content = (real_data / "weights" / "mobilenet_7_5_224_tf.h5").read_bytes()
    assert BY_NAME["keras/mobilenet_0.75"].checksum == f"md5:{hashlib.md5(content).hexdigest()}"


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.name)
def test_releases_have_the_published_number_of_values(release):
    variables = shapes(make_release_network(release), images(release.input_size))
    assert count([variables["params"], variables["batch_stats"]]) == release.parameters


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.name)
def test_keras_loads_the_same_file(monkeypatch, release):
    size, width = release.input_size, release.settings["width"]
    url, _ = requested(monkeypatch, keras.applications.MobileNet, input_shape=(size, size, 3), alpha=width)
    assert url == release.url
