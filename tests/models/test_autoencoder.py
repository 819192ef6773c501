"""The stacked autoencoder against plain numpy, and its parameters by hand."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from busjax.models.autoencoder import StackedAutoencoder
from busjax.models.initialisation import initialise


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def variables_of(network, size, seed=0):
    """Random values everywhere, also where a new network has zeros."""
    shapes = jax.eval_shape(network.init, jax.random.PRNGKey(0), np.zeros((1, size, size, 3), np.float32))
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda leaf: jnp.asarray(rng.normal(0, 0.3, leaf.shape), jnp.float32), shapes)


def test_parameters_of_the_published_input():
    network = StackedAutoencoder()
    params = jax.eval_shape(network.init, jax.random.PRNGKey(0), np.zeros((1, 28, 28, 3), np.float32))["params"]
    sides = (784, 512, 256, 128, 64, 32)
    layers = sum(a * b + a + b for a, b in itertools.pairwise(sides))
    assert sum(leaf.size for leaf in jax.tree.leaves(params)) == layers + 3 * 512 + 32 * 2 + 2
    assert params["layer1"]["kernel"].shape == (784, 512)
    assert params["layer5"]["reconstruction_bias"].shape == (64,)


def test_the_network_is_what_numpy_says():
    network = StackedAutoencoder(size=6, widths=(7, 5, 4), classes=3)
    variables = variables_of(network, 6)
    p = jax.tree.map(np.float64, variables["params"])
    rng = np.random.default_rng(1)
    grey = rng.random((4, 6, 6, 1)).astype(np.float32)
    image, extra = jnp.asarray(np.repeat(grey, 3, axis=-1)), jnp.asarray(rng.random((4, 3)), jnp.float32)

    pixels = grey.reshape(4, 36).astype(np.float64)
    below = [pixels]
    for layer in ("layer1", "layer2", "layer3"):
        below.append(sigmoid(below[-1] @ p[layer]["kernel"] + p[layer]["bias"]))
    for number in range(3):
        got = network.apply(variables, image, number, method="layer_input")
        assert_allclose(got, below[number], atol=1e-6)
        layer, x = p[f"layer{number + 1}"], rng.random(below[number].shape).astype(np.float32)
        hidden = sigmoid(x @ layer["kernel"] + layer["bias"])
        again = hidden @ layer["kernel"].T + layer["reconstruction_bias"]
        assert_allclose(network.apply(variables, jnp.asarray(x), number, method="reconstruct"), again, atol=1e-5)

    x = sigmoid(
        pixels @ p["layer1"]["kernel"] + np.asarray(extra) @ p["layer1"]["further_weights"] + p["layer1"]["bias"]
    )
    for layer in ("layer2", "layer3"):
        x = sigmoid(x @ p[layer]["kernel"] + p[layer]["bias"])
    logits = x @ p["classifier"]["kernel"] + p["classifier"]["bias"]
    assert_allclose(network.apply(variables, image, extra), logits, atol=1e-5)


def test_a_new_network_does_not_use_the_further_inputs_yet():
    network = StackedAutoencoder(size=6, widths=(7, 5))
    variables = initialise(network, jax.random.PRNGKey(0), jax.ShapeDtypeStruct((1, 6, 6, 3), np.float32))
    image, extra = jnp.asarray(np.random.default_rng(0).random((2, 6, 6, 3)), jnp.float32), jnp.ones((2, 3))
    with_them = network.apply(variables, image, extra)
    assert_allclose(with_them, network.apply(variables, image), atol=0)
    assert float(np.abs(variables["params"]["layer1"]["kernel"]).max()) > 0
    gradient = jax.grad(lambda v: network.apply(v, image, extra)[:, 0].sum())(variables)
    assert float(np.abs(gradient["params"]["layer1"]["further_weights"]).min()) > 0


@pytest.mark.parametrize("classes", [2, 3])
def test_it_has_an_output_for_every_class(classes):
    network = StackedAutoencoder(size=4, widths=(3,), classes=classes)
    assert network.apply(variables_of(network, 4), jnp.zeros((5, 4, 4, 3))).shape == (5, classes)
