"""The cosine head against PyTorch's normalisation, at vectors without direction, and in class activation maps."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from numpy.testing import assert_allclose, assert_array_equal

from busjax.methods.passes import activation_map
from busjax.models import make_network
from busjax.models.cosine_head import SHORTEST, CosineHead, unit
from busjax.models.initialisation import initialise

FEATURES = jax.random.normal(jax.random.PRNGKey(0), (5, 7))


def test_it_is_the_cosine_between_features_and_weights():
    torch = pytest.importorskip("torch")
    head = CosineHead(3, 16.0)
    variables = head.init(jax.random.PRNGKey(1), FEATURES)
    assert jax.tree.map(jnp.shape, variables["params"]) == {"kernel": (7, 3)}  # no bias
    f, w = (torch.tensor(np.asarray(x)) for x in (FEATURES, variables["params"]["kernel"].T))
    normalise = torch.nn.functional.normalize
    found = head.apply(variables, FEATURES)
    assert_allclose(found, 16 * normalise(f) @ normalise(w).T, rtol=1e-5, atol=1e-5)
    # Lengths play no part.
    longer = {"params": {"kernel": variables["params"]["kernel"] * jnp.asarray([3.0, 0.1, 40.0])}}
    assert_allclose(head.apply(longer, FEATURES * 1000.0), found, rtol=1e-5, atol=1e-5)


def test_by_hand():
    """At 60 degrees from the first weight, and at 30 from the second."""
    variables = {"params": {"kernel": jnp.asarray([[5.0, 0.0], [0.0, 0.2]])}}
    found = CosineHead(2).apply(variables, jnp.asarray([[1.0, 3.0**0.5]]))
    assert_allclose(found, [[0.5, 0.75**0.5]], rtol=1e-6)


def test_vectors_without_direction_have_no_cosine_and_no_gradient():
    for length in (0.0, 0.9 * SHORTEST):
        x = jnp.asarray([[length, 0.0], [3.0, 4.0]])
        value, pull = jax.vjp(lambda x: unit(x, 1), x)
        assert_allclose(value, [[0.0, 0.0], [0.6, 0.8]], rtol=1e-6)
        gradient = pull(jnp.asarray([[1.0, 2.0], [1.0, 2.0]]))[0]
        assert_array_equal(gradient[0], 0.0)
        # (I - u u^T) / 5 of (1, 2): (1, 2) - 2.2 (0.6, 0.8), by 5
        assert_allclose(gradient[1], [-0.064, 0.048], rtol=1e-4)
    assert_allclose(unit(jnp.asarray([[2 * SHORTEST, 0.0]]), 1), [[1.0, 0.0]], rtol=1e-5)


def test_gradient_of_a_head():
    head = CosineHead(3, 2.0)
    with jax.enable_x64(True):
        x = jnp.asarray(np.asarray(FEATURES, np.float64))
        kernel = jnp.asarray(np.random.default_rng(0).normal(size=(7, 3)))

        def run(x, kernel):  # checked by finite differences, which come as numpy arrays
            return head.apply({"params": {"kernel": jnp.asarray(kernel)}}, jnp.asarray(x))

        check_grads(run, (x, kernel), order=1, modes=["rev"], atol=1e-6, rtol=1e-6)


def test_a_networks_last_layer_and_its_class_activation_map():
    """A map is scaled by itself, so the lengths that the cosines leave out of it do not matter."""
    network = make_network("mobilenet", width=0.25, has_map_tower=False, cosine_scale=8.0)
    image = jax.random.normal(jax.random.PRNGKey(1), (3, 96, 64, 3))
    variables = initialise(network, jax.random.PRNGKey(0), image)
    assert set(variables["params"]["classifier"]) == {"kernel"}
    outputs = network.apply(variables, image)
    kernel = np.asarray(variables["params"]["classifier"]["kernel"], np.float64)
    kernel /= np.linalg.norm(kernel, axis=0)
    features = np.asarray(outputs.features, np.float64)
    pooled = features.mean((1, 2))
    cosines = pooled @ kernel / np.linalg.norm(pooled, axis=1, keepdims=True)
    assert_allclose(outputs.logits, 8 * cosines, rtol=1e-4, atol=1e-4)
    raw = np.stack([features[i] @ kernel[:, c] for i, c in enumerate(cosines.argmax(1))])
    low, high = raw.min((1, 2), keepdims=True), raw.max((1, 2), keepdims=True)
    assert_allclose(activation_map(variables["params"], outputs), (raw - low) / (high - low), atol=1e-4)
