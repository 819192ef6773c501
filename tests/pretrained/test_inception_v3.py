"""Inception-v3 in Keras's layouts: what Keras saves gives the same features and logits here."""

import pytest

from busjax.pretrained.inception_v3 import RELEASES
from busjax.pretrained.load import load_variables, make_release_network
from tests.pretrained.keras_parity import KERAS_WARNINGS, LAYOUTS, errors, keras, randomise, requested, save

(RELEASE,) = (release for release in RELEASES if release.layout == "keras")
STANDARD, ODD = (299, 299), (139, 171)

pytestmark = KERAS_WARNINGS


def keras_inception(size):
    # Automatic names count on through a process: with these, the network's do not begin at the first number.
    keras.layers.Conv2D(1, 1)
    keras.layers.BatchNormalization()
    return keras.applications.InceptionV3(weights=None, classifier_activation=None, input_shape=(*size, 3))


@pytest.mark.parametrize(
    ("layout", "size"),
    [*((layout, ODD) for layout in LAYOUTS), pytest.param("legacy", STANDARD, marks=pytest.mark.slow)],
)
def test_keras_file_gives_the_same_function(tmp_path, layout, size):
    model = randomise(keras_inception(size))
    assert model.count_params() == RELEASE.parameters
    assert "conv2d" not in [layer.name for layer in model.layers]
    variables = load_variables(RELEASE, save(model, tmp_path, layout))
    assert max(errors(make_release_network(RELEASE), variables, model, "mixed10")) < 1e-4


def test_the_release_is_the_file_that_keras_loads(monkeypatch):
    url, md5 = requested(monkeypatch, keras.applications.InceptionV3)
    assert (RELEASE.url, RELEASE.checksum) == (url, f"md5:{md5}")
