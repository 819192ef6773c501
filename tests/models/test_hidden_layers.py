"""Adaptive pooling as PyTorch has it, and the hidden layers of AlexNet and VGG."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from busjax.models.hidden_layers import HiddenLayers, adaptive_average_pool
from busjax.models.layers import Settings

SETTINGS = Settings(width=0.01)


@pytest.mark.parametrize(("height", "width", "size"), [(1, 1, 7), (3, 5, 7), (8, 13, 7), (9, 6, 6), (14, 20, 6)])
def test_adaptive_pooling_is_pytorchs(height, width, size):
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(0).normal(size=(2, height, width, 3)).astype(np.float32)
    expected = torch.nn.functional.adaptive_avg_pool2d(torch.tensor(x.transpose(0, 3, 1, 2)), size)
    assert_allclose(adaptive_average_pool(jnp.asarray(x), size), expected.numpy().transpose(0, 2, 3, 1), atol=1e-6)


def test_adaptive_pooling_leaves_the_standard_size_alone():
    x = jnp.ones((1, 7, 7, 2), jnp.bfloat16)
    assert adaptive_average_pool(x, 7) is x


@pytest.mark.parametrize("dropout_first", [False, True])
def test_dropout_acts_by_key_and_differs_between_layers(dropout_first):
    layers = HiddenLayers(SETTINGS, size=2, dropout_first=dropout_first, dropout_rate=0.5)
    x = jax.random.uniform(jax.random.PRNGKey(0), (3, 2, 2, 8)) + 1.0
    variables = layers.init(jax.random.PRNGKey(1), x)
    keys = jax.random.split(jax.random.PRNGKey(2), 3)
    dropped = layers.apply(variables, x, keys)
    assert dropped.shape == (3, 40)
    assert dropped.dtype == jnp.float32
    assert_array_equal(dropped, layers.apply(variables, x, keys))
    # An example keeps its own mask in a batch of another composition.
    assert_allclose(dropped[1:2], layers.apply(variables, x[1:2], keys[1:2]), rtol=1e-5, atol=1e-6)
    assert np.abs(dropped - layers.apply(variables, x)).max() > 0.1


def test_the_two_layers_drop_different_features():
    layers = HiddenLayers(SETTINGS, size=1, dropout_first=True)
    # Identity layers let each dropout's zeros be seen at the end.
    identity = {"kernel": jnp.eye(40), "bias": jnp.zeros(40)}
    x = jnp.ones((50, 1, 1, 40))
    kept = layers.apply({"params": {"fc6": identity, "fc7": identity}}, x, jax.random.split(jax.random.PRNGKey(0), 50))
    assert (kept > 0).mean() == pytest.approx(0.25, abs=0.05)
