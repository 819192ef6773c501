"""Xception's released layouts: what Keras saves gives the same features and logits here."""

import pytest

from busjax.pretrained.load import load_variables, make_release_network
from busjax.pretrained.xception import RELEASES
from tests.pretrained.keras_parity import KERAS_WARNINGS, errors, keras, randomise, requested, save

(RELEASE,) = RELEASES
STANDARD, ODD = (299, 299), (97, 139)

pytestmark = KERAS_WARNINGS


def keras_xception(size):
    # Automatic names count on through a process: with these, the network's do not begin at the first number.
    keras.layers.Conv2D(1, 1)
    keras.layers.BatchNormalization()
    return keras.applications.Xception(weights=None, classifier_activation=None, input_shape=(*size, 3))


@pytest.mark.parametrize(("layout", "size"), [("legacy", STANDARD), ("legacy", ODD), ("keras3", ODD)])
def test_keras_file_gives_the_same_function(tmp_path, layout, size):
    model = randomise(keras_xception(size))
    assert model.count_params() == RELEASE.parameters
    assert "conv2d" not in [layer.name for layer in model.layers]
    variables = load_variables(RELEASE, save(model, tmp_path, layout))
    assert max(errors(make_release_network(RELEASE), variables, model, "block14_sepconv2_act")) < 1e-4


def test_the_release_is_the_file_that_keras_loads(monkeypatch):
    url, md5 = requested(monkeypatch, keras.applications.Xception)
    assert (RELEASE.url, RELEASE.checksum) == (url, f"md5:{md5}")
