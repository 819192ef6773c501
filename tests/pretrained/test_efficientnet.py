"""EfficientNet-B0 in Keras's layouts: what Keras saves gives the same features and logits here, pixels included."""

import jax
import numpy as np
import pytest

from busjax.pretrained.efficientnet import RELEASES
from busjax.pretrained.load import load_variables, make_release_network
from busjax.pretrained.release import IMAGENET_DEVIATION, IMAGENET_MEAN
from tests.pretrained import keras_parity
from tests.pretrained.keras_parity import KERAS_WARNINGS, keras
from tests.pretrained.parity import relative_error

BY_NAME = {release.name: release for release in RELEASES}
TODAY, OLDER = BY_NAME["keras/efficientnet_b0"], BY_NAME["keras/efficientnet_b0_tf2.3"]
STANDARD, ODD = (224, 224), (97, 139)

pytestmark = KERAS_WARNINGS


def keras_efficientnet(size=STANDARD, weights=None):
    return keras.applications.EfficientNetB0(weights=weights, classifier_activation=None, input_shape=(*size, 3))


def randomise(model):
    """As for other networks, but for the image's normalisation, which gets the values of the released file."""
    keras_parity.randomise(model)
    (layer,) = (layer for layer in model.layers if isinstance(layer, keras.layers.Normalization))
    layer.adapt_mean.assign(IMAGENET_MEAN)
    layer.adapt_variance.assign(IMAGENET_DEVIATION)  # deviations in the place of variances, as released
    layer.finalize_state()
    return model


def errors(release, variables, model) -> tuple[float, float]:
    """Of features and logits, from the same pixels: Keras's network normalises them, for ours the release says how."""
    pixels = np.random.default_rng(2).integers(0, 256, (1, *model.input_shape[1:])).astype(np.float32)
    both = keras.Model(model.input, [model.get_layer("top_activation").output, model.output])
    features, logits = both.predict(pixels, verbose=0)
    image = (pixels - np.array(release.preprocessing.mean)) / np.array(release.preprocessing.deviation)
    outputs = jax.jit(make_release_network(release).apply)(variables, image.astype(np.float32))
    return relative_error(outputs.features, features), relative_error(outputs.logits, logits)


# A network that is made without released weights normalises as every one did in TensorFlow 2.3.
@pytest.mark.parametrize(("layout", "size"), [("legacy", STANDARD), ("legacy", ODD), ("keras3", ODD)])
def test_keras_file_gives_the_same_function(tmp_path, layout, size):
    model = randomise(keras_efficientnet(size))
    assert model.count_params() == OLDER.parameters
    variables = load_variables(OLDER, keras_parity.save(model, tmp_path, layout))
    assert max(errors(OLDER, variables, model)) < 1e-4


def test_keras_today_normalises_released_weights_in_the_usual_way(tmp_path, monkeypatch):
    path = keras_parity.save(randomise(keras_efficientnet()), tmp_path)
    asked = []

    def released(name, url, **options):
        asked.append((url, f"md5:{options['file_hash']}"))
        return str(path)

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", released)
    model = keras_efficientnet(weights="imagenet")
    assert asked == [(TODAY.url, TODAY.checksum)] == [(OLDER.url, OLDER.checksum)]
    variables = load_variables(TODAY, path)
    assert max(errors(TODAY, variables, model)) < 1e-4
    assert min(errors(OLDER, variables, model)) > 1e-2


def test_the_older_normalisation_makes_pixels_smaller():
    ratios = np.divide(OLDER.preprocessing.deviation, TODAY.preprocessing.deviation)
    np.testing.assert_allclose(ratios, np.array(IMAGENET_DEVIATION) ** -0.5)
