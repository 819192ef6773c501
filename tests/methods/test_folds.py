"""Networks side by side are the networks one by one: steps, predictions, features; on one device and on several."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from busjax.methods import folds
from busjax.methods.classification import classification
from busjax.methods.state import TrainState
from busjax.methods.tasks import TASKS
from busjax.models.dense_head import DenseHead
from busjax.models.layers import Settings
from busjax.models.region_enhanced import RegionEnhancedNetwork
from busjax.training import parallel
from tests.methods.conftest import random_batch
from tests.pretrained.tiny import Lower, Upper

SIZE, FOLDS, BATCH = 12, 4, 5


def method():
    """Convolutions, also of each channel by itself, batch normalisation and dropout."""
    settings = Settings(norm_scale=True, axis_name="batch")
    parts = [functools.partial(part, settings) for part in (Lower, Upper)]
    head = functools.partial(DenseHead, (6,), 0.4)
    network = RegionEnhancedNetwork(*parts, head, has_map_tower=False, dropout_rate=0.0)
    # Not Adam, which makes steps of noise where a gradient is 0: a bias before batch normalisation.
    return classification("net", network, TASKS["malignant"], optax.sgd(0.05, 0.9), False)


def pool(seed: int) -> dict:
    """Eight images, of which each fold takes others."""
    rng = np.random.default_rng(seed)
    picked = np.stack([rng.permutation(8)[:BATCH] for _ in range(FOLDS)])
    return {**random_batch(8, seed, SIZE), "picked": jnp.asarray(picked, jnp.int32)}


@functools.cache
def one_by_one():
    """The state of every fold, and the metrics, after three steps of runs of their own."""
    mesh = parallel.make_mesh(jax.devices()[:1])
    step = parallel.map_train_step(method().train_step, mesh)
    ended, told = [], []
    for fold in range(FOLDS):
        state = parallel.initialise(method().init, jax.random.PRNGKey(5), SIZE, mesh)
        for seed in range(3):
            batch = pool(seed)
            places = batch.pop("picked")[fold]
            state, metrics = step(state, {name: values[places] for name, values in batch.items()})
        ended.append(jax.device_get(state))
        told.append(jax.device_get(metrics))
    return ended, told


@pytest.mark.parametrize(("devices", "at_once"), [(1, 0), (1, 1), (1, 3), (2, 0), (4, 0)])
def test_steps_side_by_side(devices, at_once):
    mesh = parallel.make_mesh(jax.devices()[:devices])
    first = parallel.initialise(method().init, jax.random.PRNGKey(5), SIZE, mesh)
    state = parallel.stacked(first, FOLDS, mesh)
    abstract = parallel.abstract_stacked(parallel.abstract_state(method().init, SIZE, mesh), FOLDS, mesh)
    assert jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype, leaf.sharding), state) == jax.tree.map(
        lambda leaf: (leaf.shape, leaf.dtype, leaf.sharding), abstract
    )
    step = parallel.map_folds_step(method(), at_once, mesh)
    for seed in range(3):
        state, metrics = step(state, pool(seed))
    ended, told = one_by_one()
    assert int(state.step) == 3
    for fold in range(FOLDS):
        for (path, ours), theirs in zip(
            jax.tree_util.tree_leaves_with_path(state.networks), jax.tree.leaves(ended[fold].networks), strict=True
        ):
            assert_allclose(ours[fold], theirs, rtol=2e-4, atol=2e-6, err_msg=jax.tree_util.keystr(path))
    assert not np.allclose(*(jax.tree.leaves(state.networks["net"].params)[0][:2]))
    merged = functools.reduce(lambda a, b: a.merge(b), told)
    for name, value in merged.compute().items():
        assert_allclose(metrics.compute()[name], value, rtol=1e-5)


def test_predictions_are_those_of_each_rows_fold():
    ended, _ = one_by_one()
    networks = jax.tree.map(lambda *leaves: jnp.stack(leaves), *(state.networks for state in ended))
    stacked = TrainState(ended[0].step, ended[0].key, networks)
    batch = random_batch(6, 9, SIZE)
    batch |= {"image": batch["image"][:, None]}
    fold = np.array([3, 0, 0, 2, 1, 3])
    mesh = parallel.make_mesh(jax.devices()[:2])
    for at_once in (0, 1, 4):
        predict = parallel.map_folds(folds.predict(method(), at_once), mesh)
        told = predict(stacked, {**batch, "fold": jnp.asarray(fold, jnp.int32)})
        for row in range(6):
            own = {name: values[row : row + 1] for name, values in batch.items()}
            alone = parallel.map_predict(method().predict, parallel.make_mesh(jax.devices()[:1]))
            expected = alone(ended[fold[row]], own)
            assert_allclose(told["scores"]["net"][row], expected["scores"]["net"][0], rtol=1e-5)
            assert_allclose(told["losses"]["net"][row], expected["losses"]["net"][0], rtol=1e-5)

    features = parallel.map_folds(folds.features(method(), 0), mesh)(stacked, batch)
    assert features.shape[:3] == (6, FOLDS, 1)
    alone = parallel.map_predict(method().features, parallel.make_mesh(jax.devices()[:1]))
    for number in range(FOLDS):
        assert_allclose(features[:, number], alone(ended[number], batch), rtol=1e-5, atol=1e-6)


def test_features_of_each_fold_stand_in_place_of_images():
    """A pool of features [pool, folds, ...]: each fold is trained on its own."""
    ended, _ = one_by_one()
    rng = np.random.default_rng(0)
    whole = pool(0)
    values = jnp.asarray(rng.normal(size=(8, FOLDS, 6, 6, 8)), jnp.float32)
    given = {name: value for name, value in whole.items() if name != "image"} | {"features": values}
    mesh = parallel.make_mesh(jax.devices()[:1])
    state = parallel.stacked(jax.device_put(ended[0], parallel.replicated(mesh)), FOLDS, mesh)
    after, _ = parallel.map_folds_step(method(), 0, mesh)(state, given)
    step = parallel.map_train_step(method().train_step, mesh)
    for fold in range(FOLDS):
        places = whole["picked"][fold]
        own = {name: value[places] for name, value in given.items() if name not in ("picked", "features")}
        begin = jax.device_put(ended[0], parallel.replicated(mesh))
        expected, _ = step(begin, {**own, "features": values[places, fold]})
        for ours, theirs in zip(*map(jax.tree.leaves, (after.networks, expected.networks)), strict=True):
            assert_allclose(ours[fold], theirs, rtol=1e-4, atol=1e-6)
    for leaf in jax.tree.leaves(after.networks["net"].params["image_tower"]):  # below the features nothing is trained
        assert_array_equal(leaf[1], leaf[2])
