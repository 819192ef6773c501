"""The fusion network against Keras, counts by hand; dropout; descriptors of the networks before it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from busjax.methods.losses import binary_cross_entropy, cross_entropy
from busjax.models import make_network
from busjax.models.fusion import FusionNetwork
from busjax.models.initialisation import initialise
from tests.models.anatomy import count, images, shapes


def descriptors(rows: int, features: int, seed: int = 0) -> jax.Array:
    return jax.random.uniform(jax.random.PRNGKey(seed), (rows, features))


# 1024 x 1024 + 1024, 1024 x 512 + 512, ..., 32 x 2 + 2; of two descriptors of 512 (the small network) and of 1024.
@pytest.mark.parametrize(("features", "parameters"), [(512, 1_749_026), (1024, 2_797_602)])
def test_seven_layers_of_weights(features, parameters):
    half = jax.ShapeDtypeStruct((1, features), jnp.float32)
    params = jax.eval_shape(FusionNetwork().init, jax.random.PRNGKey(0), half, half)["params"]
    assert count(params) == parameters
    kernels = [path for path, _ in jax.tree_util.tree_leaves_with_path(params) if path[-1].key == "kernel"]
    assert len(kernels) == 7


def test_outputs_are_those_of_keras():
    import keras

    network = FusionNetwork(widths=(16, 8, 5))
    one, two = descriptors(4, 6), descriptors(4, 3, seed=1)
    variables = initialise(network, jax.random.PRNGKey(2), one, two)
    dense = [keras.layers.Dense(width, activation="relu") for width in (16, 8, 5)]
    model = keras.Sequential([keras.Input((9,)), *dense, keras.layers.Dense(2)])
    params = variables["params"]
    ours = [*(params["hidden_layers"][f"dense{i}"] for i in (1, 2, 3)), params["classifier"]]
    model.set_weights([np.asarray(layer[name]) for layer in ours for name in ("kernel", "bias")])
    found = network.apply(variables, one, two)
    assert found.descriptor.shape == (4, 5)
    # Mammography's descriptor stands first.
    assert_allclose(found.logits, model(np.concatenate([one, two], axis=1)), rtol=1e-4, atol=1e-5)


def test_the_softmax_of_two_outputs_and_binary_cross_entropy():
    logits, target = jax.random.normal(jax.random.PRNGKey(0), (6, 2)), jnp.asarray([0, 1, 1, 0, 1, 0], jnp.int32)
    p = np.asarray(jax.nn.softmax(logits))[:, 1].astype(np.float64)
    literal = -np.where(target == 1, np.log(p), np.log(1 - p))
    for loss in (cross_entropy, binary_cross_entropy):
        assert_allclose(loss(logits, target), literal, rtol=1e-5)


def test_dropout_follows_the_first_two_layers_and_its_key():
    network = FusionNetwork(widths=(20, 20, 20))
    ones = jnp.ones((200, 10))
    identity = {"kernel": jnp.eye(20), "bias": jnp.zeros(20)}
    last = {"kernel": jnp.ones((20, 2)), "bias": jnp.zeros(2)}
    variables = {"params": {"hidden_layers": {f"dense{i}": identity for i in (1, 2, 3)}, "classifier": last}}
    keys = jax.random.split(jax.random.PRNGKey(0), 200)
    dropped = network.apply(variables, ones, ones, keys).descriptor
    # Half after the first layer and half after the second, never after the third; what is left is scaled by 2 twice.
    assert set(np.unique(dropped)) == {0.0, 4.0}
    assert (dropped > 0).mean() == pytest.approx(0.25, abs=0.03)
    assert_array_equal(dropped, network.apply(variables, ones, ones, keys).descriptor)
    assert_array_equal(dropped[5:6], network.apply(variables, ones[:1], ones[:1], keys[5:6]).descriptor)
    assert_array_equal(network.apply(variables, ones, ones).descriptor, 1.0)


def test_the_descriptor_of_googlenet_is_its_averaged_features():
    network = make_network("googlenet", has_map_tower=False)
    run = jax.eval_shape(network.apply, shapes(network, images(224)), images(224))
    assert run.descriptor.shape == (1, 1024)
    network = make_network("googlenet", width=0.125, has_map_tower=False, dropout_rate=0.5)
    image = jax.random.normal(jax.random.PRNGKey(0), (2, 64, 64, 3))
    variables = initialise(network, jax.random.PRNGKey(1), image)
    features = network.apply(variables, image, train=False, method="image_features")
    keys = jax.random.split(jax.random.PRNGKey(2), 2)
    outputs = network.apply(variables, features, keys, train=False, method="classify")
    # Before the dropout, and what the last layer makes of it without.
    assert_allclose(outputs.descriptor, np.asarray(outputs.features).mean((1, 2)), rtol=1e-5, atol=1e-6)
    last = variables["params"]["classifier"]
    assert_allclose(
        network.apply(variables, image).logits, outputs.descriptor @ last["kernel"] + last["bias"], rtol=1e-4, atol=1e-5
    )


def test_the_descriptor_of_hidden_layers_is_their_output():
    network = make_network("vgg16", width=0.125, hidden_layers=True, has_map_tower=False)
    outputs = jax.eval_shape(network.apply, shapes(network, images(64)), images(64))
    assert outputs.descriptor.shape == (1, 512)  # 4096 at this width
