"""The shared step against the literal Algorithm 1, and what must not change in it."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict
from numpy.testing import assert_allclose, assert_array_equal

from busjax.methods.cross_training import cross_training, flip_coin, step_keys
from busjax.training import parallel
from busjax.training.optimizers import make_optimizer
from tests.methods import naive_cross_training as naive
from tests.methods.conftest import SIZE, random_batch, tiny_networks

ADADELTA = ConfigDict(
    {
        "name": "adadelta",
        "rho": 0.9,
        "eps": 1e-5,
        "weight_decay": 1e-4,
        "decay": "decoupled",
        "learning_rate": 1.0,
        "schedule": "constant",
    }
)


def make(frozen: bool):
    return cross_training(tiny_networks("batch"), make_optimizer(ADADELTA, 1), frozen)


@functools.cache
def one_device():
    return parallel.make_mesh(jax.devices()[:1])


@functools.cache
def start(frozen: bool):
    """A state after some steps would be as good: here, random parameters and running statistics unlike the batch's."""
    state = parallel.initialise(make(frozen).init, jax.random.PRNGKey(1), SIZE, one_device())
    rng = np.random.default_rng(2)

    def stats(path, leaf):
        low, high = (0.5, 1.5) if path[-1].key == "var" else (-0.2, 0.2)
        return jnp.asarray(rng.uniform(low, high, leaf.shape), leaf.dtype)

    networks = {
        name: net.replace(batch_stats=jax.tree_util.tree_map_with_path(stats, net.batch_stats))
        for name, net in state.networks.items()
    }
    return state.replace(networks=networks)


@functools.cache
def shared_step(frozen: bool, with_map: bool | None, devices: int = 1):
    step = functools.partial(make(frozen).train_step, with_map=with_map)
    return parallel.map_train_step(step, parallel.make_mesh(jax.devices()[:devices]))


def copied(state):
    return jax.tree.map(jnp.copy, state)


def double(tree):
    """Floating-point leaves in float64."""
    return jax.tree.map(lambda a: a.astype(jnp.float64) if jnp.issubdtype(a.dtype, jnp.floating) else a, tree)


def largest_error(got, expected, start) -> float:
    """The largest difference of any array, as a share of the array's largest change from the start (at least 1e-3)."""
    assert jax.tree.structure(got) == jax.tree.structure(expected)
    errors = []
    for a, b, zero in zip(*map(jax.tree.leaves, (got, expected, start)), strict=True):
        a, b, zero = (np.asarray(x, np.float64) for x in (a, b, zero))
        errors.append(np.abs(a - b).max() / max(np.abs(b - zero).max(), 1e-3))
    return max(errors)


@pytest.mark.parametrize("with_map", [False, True])
@pytest.mark.parametrize("frozen", [False, True])
def test_equals_the_literal_algorithm(frozen, with_map, batch):
    """Parameters, batch statistics and optimizer state of both networks: in float64 to 1e-9, so the two compute the
    same; in float32 to 1 % of each array's change, which is what rounding comes to after passing several networks, each
    of which magnifies it (a blank map's variances are near zero, so batch normalisation multiplies by up to 31.6)."""
    begin = start(frozen)
    for enabled, dtype, tolerance in ((True, "float64", 1e-9), (False, "float32", 1e-2)):
        with jax.enable_x64(enabled):
            state, images = (double(begin), double(batch)) if enabled else (begin, batch)
            method = cross_training(tiny_networks("batch", dtype=dtype), make_optimizer(ADADELTA, 1), frozen)
            step = functools.partial(method.train_step, with_map=with_map)
            got, _ = parallel.map_train_step(step, one_device())(copied(state), images)
            plain = tiny_networks(None, dtype=dtype)
            literal = jax.jit(functools.partial(naive.step, plain), static_argnums=(2, 3))
            expected = literal(state, images, with_map, not frozen)
            assert largest_error(got, expected, state) < tolerance


@pytest.mark.parametrize("with_map", [False, True])
def test_the_drawn_coin_takes_the_same_branch_as_the_forced_one(with_map, batch):
    state = start(False)
    step = next(s for s in range(50) if bool(flip_coin(step_keys(state.replace(step=jnp.asarray(s)))[0])) == with_map)
    state = state.replace(step=jnp.asarray(step, jnp.int32))
    drawn, metrics = shared_step(False, None)(copied(state), batch)
    forced, _ = shared_step(False, with_map)(copied(state), batch)
    assert float(metrics.compute()["with_map"]) == with_map
    for a, b in zip(jax.tree.leaves(drawn), jax.tree.leaves(forced), strict=True):
        assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_the_coin_is_fair():
    keys = jax.random.split(jax.random.PRNGKey(0), 4000)
    assert abs(float(jax.vmap(flip_coin)(keys).mean()) - 0.5) < 0.03


@pytest.mark.parametrize("with_map", [False, True])
def test_an_update_leaves_the_other_network_as_it_was(with_map, batch):
    """With all solid answers unknown and no decay, the Sn-Net has no gradient: not one bit of its parameters moves,
    though the Mt-Net is updated through its maps; and the other way round."""
    config = ConfigDict({**ADADELTA, "weight_decay": 0.0})
    method = cross_training(tiny_networks("batch"), make_optimizer(config, 1), False)
    step = parallel.map_train_step(functools.partial(method.train_step, with_map=with_map), one_device())
    for still, moving, unknown in (("sn", "mt", "solid"), ("mt", "sn", "label")):
        before = start(False)
        after, _ = step(copied(before), {**batch, unknown: jnp.full_like(batch[unknown], -1)})
        same = jax.tree.map(
            lambda a, b: bool((a == b).all()), before.networks[still].params, after.networks[still].params
        )
        assert all(jax.tree.leaves(same))
        moved = jax.tree.map(
            lambda a, b: bool((a != b).any()), before.networks[moving].params, after.networks[moving].params
        )
        assert any(jax.tree.leaves(moved))


def test_no_gradient_reaches_a_map(batch):
    """The loss of one network, differentiated with respect to the other's parameters through its map, is exactly 0."""
    networks = tiny_networks(None)
    state = start(False)
    mt, sn = state.networks["mt"], state.networks["sn"]

    def through_map(sn_params):
        cam = naive.cam_of(networks["sn"], sn_params, sn.batch_stats, batch["image"], None, True)
        outputs, _ = naive.forward(networks["mt"], mt.params, mt.batch_stats, batch["image"], cam, True)
        return outputs.logits.sum()

    assert all(not leaf.any() for leaf in jax.tree.leaves(jax.grad(through_map)(sn.params)))


def test_every_parameter_moves(batch):
    before = start(False)
    after, _ = shared_step(False, True)(copied(before), batch)
    for name in ("mt", "sn"):
        flat = jax.tree_util.tree_flatten_with_path(before.networks[name].params)[0]
        for (path, a), b in zip(flat, jax.tree.leaves(after.networks[name].params), strict=True):
            assert (np.asarray(a) != np.asarray(b)).any(), (name, jax.tree_util.keystr(path))


def test_four_devices_give_the_parameters_of_one():
    """After 5 steps of the drawn coin, within 1e-3 of each array's largest change: rounding of sums taken in another
    order, carried on through 5 updates."""
    start_state = start(False)
    batches = [random_batch(8, seed) for seed in range(5)]
    finals = {}
    for devices in (1, 4):
        mesh = parallel.make_mesh(jax.devices()[:devices])
        state = jax.device_put(copied(start_state), parallel.replicated(mesh))
        step = shared_step(False, None, devices)
        for batch in batches:
            placed = jax.device_put(batch, parallel.divided(mesh))
            assert len({shard.device for shard in placed["image"].addressable_shards}) == devices
            assert placed["image"].addressable_shards[0].data.shape[0] == 8 // devices
            state, _ = step(state, placed)
        finals[devices] = jax.device_get(state)
        for leaf in jax.tree.leaves(state):
            copies = [np.asarray(shard.data) for shard in leaf.addressable_shards]
            assert all((c == copies[0]).all() for c in copies)
    first = jax.device_get(start_state)
    for name in ("mt", "sn"):
        trees = (s.networks[name].params for s in (first, finals[1], finals[4]))
        for zero, one, four in zip(*map(jax.tree.leaves, trees), strict=True):
            assert np.abs(one - four).max() <= 1e-3 * max(np.abs(one - zero).max(), 1e-2)


def test_padding_and_unknown_answers_have_no_weight(batch):
    """Changing the answers of rows that do not count changes nothing."""
    other = {**batch, "label": batch["label"].at[-1].set(0), "solid": batch["solid"].at[-1].set(1)}
    step = shared_step(False, True)
    a, metrics_a = step(copied(start(False)), batch)
    b, metrics_b = step(copied(start(False)), other)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        assert_array_equal(x, y)
    assert metrics_a.compute() == metrics_b.compute()


def test_prediction_averages_probabilities_of_views():
    method = make(False)
    mesh = one_device()
    state = start(False)
    views = random_batch(6)["image"].reshape(2, 3, SIZE, SIZE, 3)
    predict = parallel.map_predict(method.predict, mesh)
    several = predict(state, {"image": views})
    each = [predict(state, {"image": views[:, i : i + 1]}) for i in range(3)]
    for name in ("mt", "mt_without_map", "sn"):
        mean = np.mean([np.asarray(e["scores"][name]) for e in each], axis=0)
        assert_allclose(several["scores"][name], mean, rtol=1e-4, atol=1e-5)
        assert several["cams"][name].shape[:2] == (2, 3)
    assert_allclose(several["scores"]["mt"].sum(axis=1), 1.0, rtol=1e-5)
