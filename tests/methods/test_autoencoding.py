"""Stages of a run: which layer learns when, a step of each against gradients written out, what is told of them."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from numpy.testing import assert_allclose

from busjax.methods.autoencoding import Pretraining, autoencoding, masking_noise
from busjax.methods.tasks import TASKS
from busjax.models.autoencoder import StackedAutoencoder
from busjax.training import parallel

SIZE, WIDTHS, NOISE, RATE = 5, (8, 6, 4), 0.3, 0.1
NETWORK = StackedAutoencoder(SIZE, WIDTHS)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def with_noise(x, key, batch):
    """Each row's values set to 0 where a draw by its own key is below the share."""
    draws = jax.vmap(lambda row: jax.random.uniform(jax.random.fold_in(key, row), x.shape[1:]))(batch["index"])
    return x * (np.asarray(draws) >= NOISE)


def patches(count=8, seed=0):
    """Grey patches with their three numbers; a known and an unknown answer each; the last is padding."""
    rng = np.random.default_rng(seed)
    weight = np.ones(count, np.float32)
    weight[-1] = 0
    return {
        "image": jnp.asarray(np.repeat(rng.random((count, SIZE, SIZE, 1)), 3, axis=-1), jnp.float32),
        "extra": jnp.asarray(rng.random((count, 3)), jnp.float32),
        "solid": jnp.asarray(np.arange(count) % 3 - 1, jnp.int32),
        "weight": jnp.asarray(weight),
        "index": jnp.asarray(rng.permutation(1000)[:count], jnp.int32),
    }


def method_of(steps, optimizer=None):
    optimizer = optimizer or optax.adam(0.01)
    return autoencoding("sn", NETWORK, TASKS["solid"], optimizer, Pretraining(steps, RATE, NOISE))


def prepared(method, devices):
    """A state on the devices with random biases, too, and the compiled step."""
    mesh = parallel.make_mesh(jax.devices()[:devices])
    state = jax.device_get(parallel.initialise(method.init, jax.random.PRNGKey(3), SIZE, mesh))
    rng = np.random.default_rng(5)
    net = state.networks["sn"]
    params = jax.tree.map(lambda leaf: (leaf + rng.normal(0, 0.3, leaf.shape)).astype(np.float32), net.params)
    state = state.replace(networks={"sn": net.replace(params=params)})
    return (
        mesh,
        jax.device_put(state, parallel.replicated(mesh)),
        parallel.map_train_step(method.train_step, mesh),
        params,
    )


def run_steps(method, count, devices=1):
    """The parameters and optimizer states before and after each step, and what each told."""
    mesh, state, step, _ = prepared(method, devices)
    states, told = [jax.device_get(state.networks["sn"])], []
    for number in range(count):
        state, metrics = step(state, jax.device_put(patches(seed=number), parallel.divided(mesh)))
        states.append(jax.device_get(state.networks["sn"]))
        with np.errstate(invalid="ignore"):
            told.append(jax.device_get(metrics).compute())
    return states, told


def changed(before, after):
    """Names of the layers that moved by a bit."""
    return {
        name
        for name in before.params
        if any(
            not np.array_equal(a, b)
            for a, b in zip(*(jax.tree.leaves(x.params[name]) for x in (before, after)), strict=True)
        )
    }


@pytest.mark.parametrize("devices", [1, 4])
def test_steps_of_pretraining_are_gradients_written_out(devices):
    """A step of each layer. Vincent et al. 2010 in numpy: with r = z - x and e = (r W) h (1 - h), the gradients are
    noisy' e + r' h of the weights, e and r of the biases."""
    states, told = run_steps(method_of(steps=1), 3, devices)
    for number in range(3):
        check_step(number, patches(seed=number), *states[number : number + 2], told[number])


def check_step(number, batch, before, after, told):
    key = jax.random.fold_in(jax.random.fold_in(jax.random.PRNGKey(3), 1), number)
    p = jax.tree.map(np.float64, before.params)
    x = np.float64(batch["image"][..., 0]).reshape(8, -1)
    for below in range(number):
        x = sigmoid(x @ p[f"layer{below + 1}"]["kernel"] + p[f"layer{below + 1}"]["bias"])
    own, counts = p[f"layer{number + 1}"], np.float64(batch["weight"])[:, None]
    h = sigmoid((noisy := with_noise(x, key, batch)) @ own["kernel"] + own["bias"])
    z = sigmoid(h @ own["kernel"].T + own["reconstruction_bias"])
    r = (z - x) * counts / counts.sum()
    e = r @ own["kernel"] * h * (1 - h)
    gradients = {"kernel": noisy.T @ e + r.T @ h, "bias": e.sum(0), "reconstruction_bias": r.sum(0)}
    for name, gradient in gradients.items():
        got = (own[name] - after.params[f"layer{number + 1}"][name]) / RATE
        assert_allclose(got, gradient, atol=2e-5)
    assert changed(before, after) == {f"layer{number + 1}"}
    further = (state.params["layer1"]["further_weights"] for state in (before, after))
    assert np.array_equal(*further)

    each = -(x * np.log(z) + (1 - x) * np.log(1 - z)).sum(1, keepdims=True)
    assert_allclose(told["sn_reconstruction_loss"], (each * counts).sum() / counts.sum(), rtol=1e-4)
    error = ((z - x) ** 2).mean(1, keepdims=True)
    assert_allclose(told[f"sn_layer{number + 1}_error"], (error * counts).sum() / counts.sum(), rtol=1e-4)
    # Of what is not done nothing is told.
    silent = {"sn_loss", "sn_accuracy"} | {f"sn_layer{k + 1}_error" for k in range(3) if k != number}
    assert all(np.isnan(told[name]) for name in silent)


def test_one_layer_after_the_other_and_then_all():
    states, told = run_steps(method_of(steps=2), 8)
    moved = [changed(a, b) for a, b in itertools.pairwise(states)]
    whole = {"layer1", "layer2", "layer3", "classifier"}
    assert moved == [{"layer1"}] * 2 + [{"layer2"}] * 2 + [{"layer3"}] * 2 + [whole] * 2
    # The optimizer of the last stage has counted its own steps alone.
    assert [int(state.opt_state[0].count) for state in states] == [0] * 7 + [1, 2]
    assert not np.isnan(told[-1]["sn_loss"])
    assert np.isnan(told[-1]["sn_reconstruction_loss"])


@pytest.mark.parametrize("devices", [1, 4])
def test_a_step_of_finetuning_is_pytorchs(devices):
    """No noise, three more inputs, the mean over images whose answer is known."""
    torch = pytest.importorskip("torch")
    method = method_of(steps=0, optimizer=optax.sgd(1.0))
    (before, after), told = run_steps(method, 1, devices)
    batch = jax.device_get(patches(seed=0))
    p = jax.tree.map(lambda leaf: torch.tensor(np.asarray(leaf), requires_grad=True), before.params)
    x = torch.tensor(batch["image"][..., 0].reshape(8, -1))
    further = torch.tensor(batch["extra"]) @ p["layer1"]["further_weights"]
    for layer in ("layer1", "layer2", "layer3"):
        x = x @ p[layer]["kernel"] + p[layer]["bias"] + (further if layer == "layer1" else 0)
        x = torch.sigmoid(x)
    logits = x @ p["classifier"]["kernel"] + p["classifier"]["bias"]
    counts = torch.tensor((batch["solid"] >= 0) & (batch["weight"] > 0))
    value = torch.nn.functional.cross_entropy(logits[counts], torch.tensor(batch["solid"]).long()[counts])
    value.backward()
    assert 0 < counts.sum() < 7
    for layer, own in before.params.items():
        for name, old in own.items():
            gradient = p[layer][name].grad
            if name == "reconstruction_bias":
                assert gradient is None
                assert np.array_equal(old, after.params[layer][name])
            else:
                assert_allclose(old - after.params[layer][name], gradient.numpy(), atol=1e-6)
    assert_allclose(told[0]["sn_loss"], value.item(), rtol=1e-5)


def test_noise_depends_on_the_example_and_not_on_its_place():
    keys = jax.vmap(jax.random.PRNGKey)(jnp.arange(50))
    x = jnp.ones((50, 400))
    noisy = np.asarray(masking_noise(keys, x, 0.3))
    assert set(np.unique(noisy)) == {0.0, 1.0}
    assert abs((noisy == 0).mean() - 0.3) < 0.02  # 3 standard deviations are 0.01
    assert not np.array_equal(noisy[0], noisy[1])
    order = np.random.default_rng(0).permutation(50)
    np.testing.assert_array_equal(masking_noise(keys[order], x, 0.3), noisy[order])
    np.testing.assert_array_equal(masking_noise(keys, x, 0.0), x)


def test_a_validation_tells_the_error_of_every_layer():
    """Of single images by numpy, whatever the batch; the same noise at every step of the run."""
    method = method_of(steps=2)
    mesh, state, _, params = prepared(method, 1)
    batch = patches()
    views = batch | {"image": batch["image"][:, None]}
    predict = parallel.map_predict(method.predict, mesh)
    told = jax.device_get(predict(state, views))
    later = jax.device_get(predict(state.replace(step=state.step + 5), views))
    p, key = jax.tree.map(np.float64, params), jax.random.fold_in(jax.random.PRNGKey(3), 2)
    x = np.float64(batch["image"][..., 0]).reshape(8, -1)
    for number in range(3):
        own, name = p[f"layer{number + 1}"], f"sn_layer{number + 1}_error"
        h = sigmoid(with_noise(x, key, batch) @ own["kernel"] + own["bias"])
        z = sigmoid(h @ own["kernel"].T + own["reconstruction_bias"])
        assert_allclose(told["measures"][name], ((z - x) ** 2).mean(1), rtol=1e-4)
        assert np.array_equal(told["measures"][name], later["measures"][name])
        x = sigmoid(x @ own["kernel"] + own["bias"])
    logits = NETWORK.apply({"params": params}, batch["image"], batch["extra"])
    assert_allclose(told["scores"]["sn"], jax.nn.softmax(logits), atol=1e-6)
    assert told["loss_weights"]["sn"].ravel().tolist() == [0, 1, 1, 0, 1, 1, 0, 0]
