"""The small network against the same one in Keras, with its weights, and its counts."""

import functools
import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from busjax.models import make_network
from busjax.models.dense_head import DenseHead
from tests.models.anatomy import anatomy, count, images, shapes, without_gradient


def network(width=1.0):
    made = make_network("hijab_cnn", width=width, has_map_tower=False, classes=1)
    return made.clone(hidden=functools.partial(DenseHead, (64,), 0.5, pool="flatten"))


def keras_model(size):
    """Chollet's network of 2016 in Keras's own layers."""
    import keras

    layers = [keras.layers.Input((size, size, 3))]
    for features in (32, 32, 64):
        layers += [keras.layers.Conv2D(features, 3, activation="relu"), keras.layers.MaxPooling2D(2)]
    layers += [keras.layers.Flatten(), keras.layers.Dense(64, activation="relu"), keras.layers.Dropout(0.5)]
    return keras.Sequential([*layers, keras.layers.Dense(1, activation="sigmoid")])


def test_counts_and_shapes_at_150_pixels():
    assert count(shapes(network(), images(150))) == keras_model(150).count_params() == 1_212_513
    tower, outputs, _ = anatomy(network(), images(150))
    assert tower == (1, 36, 36, 32)
    assert outputs.features == (1, 17, 17, 64)
    assert outputs.logits == (1, 1)


@pytest.mark.parametrize("size", [46, 51])
def test_it_is_keras_network(size):
    """Also where halves are odd, and positions are flattened in one order."""
    model = keras_model(size)
    rng = np.random.default_rng(1)
    # Biases too, and a last layer so small that the sigmoid is not full.
    weights = [np.asarray(w) + rng.normal(0, 0.03, w.shape).astype(np.float32) for w in model.get_weights()]
    model.set_weights(weights)
    names = [("image_tower", "conv1"), ("image_tower", "conv2"), ("trunk", "conv3"), ("hidden_layers", "dense1")]
    params = {"image_tower": {}, "trunk": {}, "hidden_layers": {}}
    for i, (part, name) in enumerate(names):
        params[part][name] = {"kernel": weights[2 * i], "bias": weights[2 * i + 1]}
    params["classifier"] = {"kernel": weights[8], "bias": weights[9]}
    x = np.random.default_rng(0).normal(size=(3, size, size, 3)).astype(np.float32)
    theirs = model.predict(x, verbose=0)
    params = jax.tree.map(jnp.asarray, params)
    ours = jax.nn.sigmoid(network().apply({"params": params}, jnp.asarray(x)).logits)
    assert np.ptp(theirs) > 1e-3
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_the_smallest_input_leaves_one_position():
    averaged = make_network("hijab_cnn", width=0.25, has_map_tower=False)
    assert anatomy(averaged, images(22))[1].features == (1, 1, 1, 16)


def test_every_parameter_receives_a_gradient():
    assert without_gradient(network(0.25), images(40, 33)) == []
