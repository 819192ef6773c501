"""What comparisons with Keras definitions of multi-task networks share: layers by name, and weights brought over.

A layer beside the backbone is called as our module is, with dots in its path; the backbone's have Keras's names.
"""

import jax
import jax.numpy as jnp
import numpy as np

from busjax.pretrained.load import fill, variable_shapes
from busjax.pretrained.matching import match, new_parts
from tests.pretrained.keras_parity import keras
from tests.pretrained.parity import relative_error

LEAVES = {"gamma": "scale", "beta": "bias", "moving_mean": "mean", "moving_variance": "var"}


def our_leaf(layer, variable):
    """What we call a variable of a Keras layer."""
    if isinstance(layer, keras.layers.Conv2DTranspose) and variable.name == "kernel":
        return "transposed_kernel"
    return LEAVES.get(variable.name, variable.name)


def concat(*parts):
    return keras.layers.Concatenate()(list(parts))


def conv(name, x, features, kernel, activation="relu"):
    return keras.layers.Conv2D(features, kernel, padding="same", activation=activation, name=name)(x)


def up(name, x, features):
    return keras.layers.Conv2DTranspose(features, 2, strides=2, name=name)(x)


def norm(name, x):
    return keras.layers.BatchNormalization(name=f"{name}.norm")(x)


def head(x, widths, dropout):
    """Average, hidden layers with ReLU, dropout after the first, one output."""
    x = keras.layers.GlobalAveragePooling2D()(x)
    for i, width in enumerate(widths, 1):
        x = keras.layers.Dense(width, activation="relu", name=f"hidden_layers.dense{i}")(x)
        x = keras.layers.Dropout(dropout)(x) if i == 1 else x
    return keras.layers.Dense(1, name="classifier")(x)


def variables_of(model, release, network, size):
    """Our variables from a model's: its backbone's as from a file of the release, the others by their names."""
    backbone = {
        layer for theirs in release.layers().values() for layer in ([theirs] if isinstance(theirs, str) else theirs)
    }
    tensors, others = {}, {}
    for layer in model.layers:
        for variable in layer.variables:
            value = np.asarray(variable.value)
            if layer.name in backbone:
                tensors[f"{layer.name}/{variable.name}"] = value
            elif variable.name != "seed_generator_state":
                leaf = our_leaf(layer, variable)
                kind = "batch_stats" if leaf in ("mean", "var") else "params"
                others[kind, *layer.name.split("."), leaf] = value
    shapes = variable_shapes(network, size)
    found = match(release, shapes, tensors, new_parts(release, shapes))
    assert found.fits, found.details()
    assert {path: value.shape for path, value in others.items()} == found.new
    return fill(release, tensors, found, new={path: jnp.asarray(value) for path, value in others.items()})


def compare(network, variables, model, size):
    """The model's outputs are logits, mask logits and the features that are classified."""
    images = np.random.default_rng(1).normal(size=(2, size, size, 3)).astype(np.float32)
    images[1] *= 0.3
    logits, mask, features = model.predict(images, verbose=0)
    ours = jax.jit(network.apply)(variables, images)
    assert relative_error(ours.mask_logits, mask) < 1e-4
    assert relative_error(ours.features, features) < 1e-4
    np.testing.assert_allclose(ours.logits, logits, rtol=1e-3, atol=1e-4 * np.abs(logits).max())
    assert np.abs(logits[0] - logits[1]) > 0.01 * np.abs(logits).max()
