"""MXNet's AdaDelta against its formula in numpy."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from ml_collections import ConfigDict
from numpy.testing import assert_allclose

from busjax.training.optimizers import make_optimizer


def config(**fields) -> ConfigDict:
    values = {"name": "adadelta", "rho": 0.9, "eps": 1e-5, "weight_decay": 1e-2, "decay": "decoupled"}
    return ConfigDict({**values, "learning_rate": 1.0, "schedule": "constant", **fields})


@pytest.mark.parametrize("decay", ["decoupled", "coupled"])
@pytest.mark.parametrize("learning_rate", [1.0, 0.3])
def test_three_updates_equal_the_formula(decay, learning_rate):
    rng = np.random.default_rng(0)
    shapes = {"kernel": (3, 2), "bias": (2,), "scale": (2,)}
    params = {"layer": {name: rng.normal(size=shape) for name, shape in shapes.items()}}
    expected = {name: value.copy() for name, value in params["layer"].items()}
    v = {name: np.zeros(shape) for name, shape in shapes.items()}
    u = {name: np.zeros(shape) for name, shape in shapes.items()}
    optimizer = make_optimizer(config(decay=decay, learning_rate=learning_rate), 3)
    ours = jax.tree.map(lambda a: jnp.asarray(a, jnp.float32), params)
    state = optimizer.init(ours)
    for _ in range(3):
        gradients = {name: rng.normal(size=shape) for name, shape in shapes.items()}
        updates, state = optimizer.update({"layer": jax.tree.map(jnp.float32, gradients)}, state, ours)
        ours = optax.apply_updates(ours, updates)
        for name, g in gradients.items():
            wd = 1e-2 if name in ("kernel", "scale") else 0.0
            if decay == "coupled":
                g, wd_after = g + wd * expected[name], 0.0
            else:
                wd_after = wd
            v[name] = 0.9 * v[name] + 0.1 * g**2
            d = np.sqrt(u[name] + 1e-5) / np.sqrt(v[name] + 1e-5) * g
            u[name] = 0.9 * u[name] + 0.1 * d**2
            expected[name] = expected[name] - learning_rate * d - wd_after * expected[name]
    for name, value in expected.items():
        assert_allclose(ours["layer"][name], value, rtol=1e-5, atol=1e-6)


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match=r"optimizer.name: unknown name 'adadelt'; did you mean 'adadelta'"):
        make_optimizer(config(name="adadelt"), 1)
    with pytest.raises(ValueError, match=r"optimizer.decay: found 'l2', expected 'decoupled' or 'coupled'"):
        make_optimizer(config(decay="l2"), 1)
    with pytest.raises(ValueError, match=r"optimizer.schedule: unknown name 'cosin'; did you mean 'cosine'"):
        make_optimizer(config(schedule="cosin"), 1)


def test_the_cosine_schedule_falls_to_nothing():
    """Of two steps the first moves at the whole rate, the second at half of it (cosine of a quarter turn)."""
    params = {"layer": {"bias": jnp.zeros(1)}}
    one = {"layer": {"bias": jnp.ones(1)}}
    moved = {}
    for schedule in ("constant", "cosine"):
        optimizer = make_optimizer(config(schedule=schedule), 2)
        state = optimizer.init(params)
        moved[schedule] = []
        for _ in range(3):
            updates, state = optimizer.update(one, state, params)
            moved[schedule].append(float(updates["layer"]["bias"][0]))
    share = np.asarray(moved["cosine"]) / np.asarray(moved["constant"])
    assert_allclose(share, [1.0, 0.5, 0.0], atol=1e-6)
