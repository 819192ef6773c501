"""The method of two modalities against plain gradients: end to end, apart, on stored descriptors."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from busjax.methods.classification import classification
from busjax.methods.cosine_loss import large_margin_cosine
from busjax.methods.fusion import COMBINED, SINGLE, fusion
from busjax.methods.losses import cross_entropy
from busjax.methods.tasks import TASKS
from busjax.models import make_network
from busjax.models.fusion import FusionNetwork
from busjax.training import parallel
from tests.methods.conftest import random_batch

SIZE, RATE = 20, 0.05


def networks(cosine_scale=None):
    return {
        name: make_network("habib_cnn", width=0.25, has_map_tower=False, dropout_rate=0.0, cosine_scale=cosine_scale)
        for name in SINGLE
    }


def make(end_to_end, cosine_scale=None, loss=cross_entropy):
    combined = FusionNetwork(widths=(16, 8), dropout_rate=0.0, cosine_scale=cosine_scale)
    return fusion(
        networks(cosine_scale),
        combined,
        TASKS["malignant"],
        {name: optax.sgd(RATE * (2 if name == COMBINED else 1)) for name in (*SINGLE, COMBINED)},
        False,
        loss,
        end_to_end=end_to_end,
    )


def pairs() -> dict:
    batch = random_batch(8, size=SIZE)
    return {**batch, "partner": random_batch(8, seed=1, size=SIZE)["image"]}


def lmcl(logits, target):
    return large_margin_cosine(logits, target, 16.0, 0.35)


def plain_logits(params, batch, cosine_scale=None):
    outputs = {
        name: network.apply({"params": params[name]}, batch[field])
        for (name, network), field in zip(networks(cosine_scale).items(), ("image", "partner"), strict=True)
    }
    combined = FusionNetwork(widths=(16, 8), dropout_rate=0.0, cosine_scale=cosine_scale)
    both = [outputs[name].descriptor for name in SINGLE]
    fused = combined.apply({"params": params[COMBINED]}, *both)
    return {**{name: outputs[name].logits for name in SINGLE}, COMBINED: fused.logits}, both


def placed(method, devices, batch):
    mesh = parallel.make_mesh(jax.devices()[:devices])
    state = parallel.initialise(method.init, jax.random.PRNGKey(0), SIZE, mesh)
    return mesh, state, jax.device_put(batch, parallel.divided(mesh))


def on_one(state):
    """The parameters of every network, on one device."""
    return jax.tree.map(jnp.asarray, jax.device_get({name: net.params for name, net in state.networks.items()}))


def assert_moved(after, before, gradients, rate):
    scale = max(float(jnp.abs(g).max()) for g in jax.tree.leaves(gradients))
    assert scale > 0
    for new, old, gradient in zip(*map(jax.tree.leaves, (after, before, gradients)), strict=True):
        assert_allclose(new, old - rate * gradient, rtol=1e-4, atol=1e-4 * rate * scale)


@pytest.mark.parametrize("devices", [1, 4])
@pytest.mark.parametrize(("cosine_scale", "loss"), [(None, cross_entropy), (16.0, lmcl)])
def test_end_to_end_is_the_gradient_of_the_sum_of_three_losses(devices, cosine_scale, loss):
    method, batch = make(True, cosine_scale, loss), pairs()
    mesh, state, given = placed(method, devices, batch)
    before = on_one(state)
    weight = np.asarray(batch["weight"])
    target = (np.asarray(batch["label"]) == 2).astype(np.int32)

    def total(params):
        logits, _ = plain_logits(params, batch, cosine_scale)
        return sum((loss(values, jnp.asarray(target)) * weight).sum() / weight.sum() for values in logits.values())

    gradients = jax.grad(total)(before)
    after, metrics = parallel.map_train_step(method.train_step, mesh)(state, given)
    for name, net in after.networks.items():
        assert_moved(net.params, before[name], gradients[name], RATE * (2 if name == COMBINED else 1))
    told = metrics.compute()
    assert_allclose(sum(told[f"{name}_loss"] for name in before), total(before), rtol=1e-4)
    # The fusion's loss reaches the single networks.
    alone = jax.grad(
        lambda p: sum(
            (loss(plain_logits(p, batch, cosine_scale)[0][name], jnp.asarray(target)) * weight).sum() / weight.sum()
            for name in SINGLE
        )
    )(before)
    assert any(
        float(jnp.abs(a - b).max()) > 1e-6
        for a, b in zip(*map(jax.tree.leaves, (gradients[SINGLE[0]], alone[SINGLE[0]])), strict=True)
    )


@pytest.mark.parametrize("devices", [1, 4])
def test_apart_each_network_takes_the_step_it_would_take_alone(devices):
    method, batch = make(False), pairs()
    mesh, state, given = placed(method, devices, batch)
    before = jax.device_get(state.networks)
    after, metrics = parallel.map_train_step(method.train_step, mesh)(state, given)
    for ours, theirs in zip(*map(jax.tree.leaves, (after.networks[COMBINED], before[COMBINED])), strict=True):
        assert_array_equal(ours, theirs)
    for name, field in zip(SINGLE, ("image", "partner"), strict=True):
        alone = classification(name, networks()[name], TASKS["malignant"], optax.sgd(RATE), False)
        begin = parallel.initialise(alone.init, jax.random.PRNGKey(0), SIZE, mesh)
        begin = begin.replace(networks={name: jax.device_put(before[name], parallel.replicated(mesh))})
        expected, told = parallel.map_train_step(alone.train_step, mesh)(
            begin, jax.device_put({**batch, "image": batch[field]}, parallel.divided(mesh))
        )
        for ours, theirs in zip(
            *map(jax.tree.leaves, (after.networks[name].params, expected.networks[name].params)), strict=True
        ):
            assert_allclose(ours, theirs, rtol=1e-5, atol=1e-7)
        assert_allclose(metrics.compute()[f"{name}_loss"], told.compute()[f"{name}_loss"], rtol=1e-5)
    assert np.isnan(metrics.compute()[f"{COMBINED}_loss"])


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_stored_descriptors_train_the_fusion_network_alone():
    method, batch = make(False), pairs()
    mesh, state, given = placed(method, 4, batch)
    before, params = jax.device_get(state.networks), on_one(state)
    logits, both = plain_logits(params, batch)
    views = {**batch, "image": batch["image"][:, None], "partner": batch["partner"][:, None]}
    stored = parallel.map_predict(method.features, mesh)(state, jax.device_put(views, parallel.divided(mesh)))
    assert_allclose(stored[:, 0], np.concatenate(both, axis=1), rtol=1e-4, atol=1e-5)

    told = parallel.map_predict(method.predict, mesh)(state, jax.device_put(views, parallel.divided(mesh)))
    for name, values in logits.items():
        assert_allclose(told["scores"][name], jax.nn.softmax(values), rtol=1e-4, atol=1e-6)

    features = {name: values for name, values in given.items() if name not in ("image", "partner", "mask")}
    features["features"] = jax.device_put(stored[:, 0], parallel.divided(mesh))
    after, metrics = parallel.map_train_step(method.train_step, mesh)(state, features)
    for name in SINGLE:
        for ours, theirs in zip(*map(jax.tree.leaves, (after.networks[name], before[name])), strict=True):
            assert_array_equal(ours, theirs)
    weight = np.asarray(batch["weight"])
    target = jnp.asarray(np.asarray(batch["label"]) == 2, jnp.int32)

    def value(params):
        fused = FusionNetwork(widths=(16, 8), dropout_rate=0.0).apply({"params": params}, *both)
        return (cross_entropy(fused.logits, target) * weight).sum() / weight.sum()

    assert_moved(
        after.networks[COMBINED].params,
        params[COMBINED],
        jax.grad(value)(params[COMBINED]),
        2 * RATE,
    )
    assert_allclose(metrics.compute()[f"{COMBINED}_loss"], value(params[COMBINED]), rtol=1e-4)
