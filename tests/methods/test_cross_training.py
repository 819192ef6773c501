"""The shared step against the literal Algorithm 1, and what must not change in it."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict
from numpy.testing import assert_allclose, assert_array_equal

from busjax.methods import passes
from busjax.methods.cross_training import cross_training, flip_coin, step_keys
from busjax.models.class_activation import enlarge
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
    """Random parameters, running statistics unlike the batch's, and biases that leave no prediction, and so no choice
    of the class that a map shows, to rounding."""
    state = parallel.initialise(make(frozen).init, jax.random.PRNGKey(1), SIZE, one_device())
    rng = np.random.default_rng(2)

    def stats(path, leaf):
        low, high = (0.5, 1.5) if path[-1].key == "var" else (-0.2, 0.2)
        return jnp.asarray(rng.uniform(low, high, leaf.shape), leaf.dtype)

    networks = {
        name: net.replace(
            batch_stats=jax.tree_util.tree_map_with_path(stats, net.batch_stats),
            params={**net.params, "classifier": {**net.params["classifier"], "bias": jnp.asarray([3.0, -3.0])}},
        )
        for name, net in state.networks.items()
    }
    return state.replace(networks=networks)


@functools.cache
def shared_step(frozen: bool, with_map: bool | None):
    step = functools.partial(make(frozen).train_step, with_map=with_map)
    return parallel.map_train_step(step, one_device())


def copied(state):
    return jax.tree.map(jnp.copy, state)


def double(tree):
    """Floating-point leaves in float64."""
    return jax.tree.map(lambda a: a.astype(jnp.float64) if jnp.issubdtype(a.dtype, jnp.floating) else a, tree)


def both_ways(state, images, dtype, frozen, with_map):
    """The state after the shared step and after the literal one."""
    method = cross_training(tiny_networks("batch", dtype=dtype), make_optimizer(ADADELTA, 1), frozen)
    step = functools.partial(method.train_step, with_map=with_map)
    shared, _ = parallel.map_train_step(step, one_device())(copied(state), images)
    plain = tiny_networks(None, dtype=dtype)
    literal = jax.jit(functools.partial(naive.step, plain), static_argnums=(2, 3))(state, images, with_map, not frozen)
    assert jax.tree.structure(shared) == jax.tree.structure(literal)
    return jax.device_get((shared, literal))


def distance(one, other) -> float:
    """Root mean square difference of all values of two states."""
    pairs = list(zip(*map(jax.tree.leaves, (one, other)), strict=True))
    squares = sum((np.square(np.asarray(a, np.float64) - np.asarray(b, np.float64))).sum() for a, b in pairs)
    return float(np.sqrt(squares / sum(np.size(a) for a, _ in pairs)))


@pytest.mark.parametrize("with_map", [False, True])
@pytest.mark.parametrize("frozen", [False, True])
def test_equals_the_literal_algorithm(frozen, with_map, batch):
    """Parameters, batch statistics and optimizer state of both networks.

    In float64 every value agrees to 1e-9, so the two steps are the same function. In float32 the shared step is as
    near to that function as the literal one is, within a factor of 10 in root mean square: what remains is rounding,
    which untrained networks magnify in any order of summation.
    """
    begin = start(frozen)
    with jax.enable_x64(True):
        exact, literal = both_ways(double(begin), double(batch), "float64", frozen, with_map)
    for (path, a), b in zip(jax.tree_util.tree_flatten_with_path(exact)[0], jax.tree.leaves(literal), strict=True):
        assert_allclose(a, b, rtol=1e-9, atol=1e-9, err_msg=jax.tree_util.keystr(path))
    shared, literal = both_ways(begin, batch, "float32", frozen, with_map)
    for name in ("mt", "sn"):
        rounding = distance(literal.networks[name], exact.networks[name])
        assert distance(shared.networks[name], exact.networks[name]) < 10 * rounding


@pytest.mark.parametrize("with_map", [False, True])
def test_the_drawn_coin_takes_the_same_branch_as_the_forced_one(with_map, batch):
    """In float64, where no rounding hides a wrong branch: compiled alone or as one of two, the branch is the same."""
    begin = start(False)
    step = next(s for s in range(50) if bool(flip_coin(step_keys(begin.replace(step=jnp.asarray(s)))[0])) == with_map)
    begin = begin.replace(step=jnp.asarray(step, jnp.int32))
    method = cross_training(tiny_networks("batch", dtype="float64"), make_optimizer(ADADELTA, 1), False)
    with jax.enable_x64(True):
        ends = {}
        for coin in (None, with_map):
            step = parallel.map_train_step(functools.partial(method.train_step, with_map=coin), one_device())
            ends[coin], metrics = step(copied(double(begin)), double(batch))
            assert float(metrics.compute()["with_map"]) == with_map
    for a, b in zip(jax.tree.leaves(ends[None]), jax.tree.leaves(ends[with_map]), strict=True):
        assert_allclose(a, b, rtol=1e-9, atol=1e-9)


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
    """A map, differentiated with respect to all that it is made of, is exactly flat; what it is made of is not."""
    network = tiny_networks(None)["sn"]
    state = start(False).networks["sn"]

    def outputs(params):
        features, _ = passes.run(network, "image_features", True, params, state.batch_stats, batch["image"])
        return passes.run(network, "classify", True, params, state.batch_stats, features)[0]

    def through_map(params):
        return (enlarge(passes.activation_map(params, outputs(params)), SIZE) ** 2).sum()

    flat = jax.tree.leaves(jax.jit(jax.grad(through_map))(state.params))
    assert all(not leaf.any() for leaf in flat)
    steep = jax.tree.leaves(jax.jit(jax.grad(lambda params: (outputs(params).features ** 2).sum()))(state.params))
    assert any(leaf.any() for leaf in steep)


def test_every_parameter_moves(batch):
    before = start(False)
    after, _ = shared_step(False, True)(copied(before), batch)
    for name in ("mt", "sn"):
        flat = jax.tree_util.tree_flatten_with_path(before.networks[name].params)[0]
        for (path, a), b in zip(flat, jax.tree.leaves(after.networks[name].params), strict=True):
            assert (np.asarray(a) != np.asarray(b)).any(), (name, jax.tree_util.keystr(path))


def test_four_devices_give_the_parameters_of_one():
    """After 5 steps of the drawn coin, to 1e-6 of their change in root mean square, in float64. (In float32 the
    rounding of sums taken in another order grows in untrained networks until it hides what is tested.)"""
    with jax.enable_x64(True):
        begin = double(start(False))
        batches = [double(random_batch(8, seed)) for seed in range(5)]
        method = cross_training(tiny_networks("batch", dtype="float64"), make_optimizer(ADADELTA, 1), False)
        finals = {}
        for devices in (1, 4):
            mesh = parallel.make_mesh(jax.devices()[:devices])
            state = jax.device_put(copied(begin), parallel.replicated(mesh))
            step = parallel.map_train_step(method.train_step, mesh)
            for batch in batches:
                placed = jax.device_put(batch, parallel.divided(mesh))
                assert len({shard.device for shard in placed["image"].addressable_shards}) == devices
                assert placed["image"].addressable_shards[0].data.shape[0] == 8 // devices
                state, _ = step(state, placed)
            finals[devices] = jax.device_get(state)
            for leaf in jax.tree.leaves(state):
                copies = [np.asarray(shard.data) for shard in leaf.addressable_shards]
                assert all((c == copies[0]).all() for c in copies)
    for name in ("mt", "sn"):
        assert distance(finals[1].networks[name], finals[4].networks[name]) < 1e-6 * distance(
            finals[1].networks[name], begin.networks[name]
        )


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
    batch = {name: value[:2] for name, value in random_batch(6).items()}
    predict = parallel.map_predict(method.predict, mesh)
    several = predict(state, {**batch, "image": views})
    each = [predict(state, {**batch, "image": views[:, i : i + 1]}) for i in range(3)]
    for name in ("mt", "mt_without_map", "sn"):
        mean = np.mean([np.asarray(e["scores"][name]) for e in each], axis=0)
        assert_allclose(several["scores"][name], mean, rtol=1e-4, atol=1e-5)
        assert several["cams"][name].shape[:2] == (2, 3)
    assert_allclose(several["scores"]["mt"].sum(axis=1), 1.0, rtol=1e-5)
