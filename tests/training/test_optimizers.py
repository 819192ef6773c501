"""MXNet's AdaDelta against its formula in numpy; Adam, SGD and Nadam against Keras and PyTorch, step by step."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from ml_collections import ConfigDict
from numpy.testing import assert_allclose

from busjax.training.optimizers import learning_rate, make_optimizer


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


RULES = {
    "keras_adam": ({"learning_rate": 0.05, "eps": 1e-3}, lambda keras: keras.optimizers.Adam(0.05, epsilon=1e-3)),
    "sgd": ({"learning_rate": 0.02, "momentum": 0.9}, lambda keras: keras.optimizers.SGD(0.02, momentum=0.9)),
    # Keras's momentum schedule since 2.11.
    "nadam": (
        {"learning_rate": 0.05, "eps": 1e-3, "momentum_decay": 1.0},
        lambda keras: keras.optimizers.Nadam(0.05, epsilon=1e-3),
    ),
    # An epsilon so small that under the root it is the same; the test with PyTorch tells where it stands.
    "rmsprop": (
        {"learning_rate": 0.02, "rho": 0.9, "eps": 1e-7},
        lambda keras: keras.optimizers.RMSprop(0.02, rho=0.9, epsilon=1e-7),
    ),
}
KERAS_FIELDS = {"b1": 0.9, "b2": 0.999, "momentum": 0.9, "momentum_decay": 0.004, "weight_decay": 0.0}


def bowl(point: np.ndarray) -> np.ndarray:
    """The gradient of a narrow valley that is not quite quadratic."""
    return np.asarray([0.02, 1.0, 3.0], np.float32) * point + np.sin(point[::-1])


def path(optimizer: optax.GradientTransformation, steps: int) -> np.ndarray:
    """Where the optimizer comes to, step by step."""
    params = {"layer": {"kernel": jnp.asarray([2.0, -1.0, 0.5])}}
    state = optimizer.init(params)
    update = jax.jit(optimizer.update)
    places = []
    for _ in range(steps):
        gradients = {"layer": {"kernel": jnp.asarray(bowl(np.asarray(params["layer"]["kernel"])))}}
        updates, state = update(gradients, state, params)
        params = optax.apply_updates(params, updates)
        places.append(np.asarray(params["layer"]["kernel"]))
    return np.stack(places)


@pytest.mark.parametrize("name", sorted(RULES))
def test_keras_takes_the_same_steps(name):
    import keras

    fields, make = RULES[name]
    ours = path(make_optimizer(config(name=name, **KERAS_FIELDS | fields), 30), 30)
    theirs = make(keras)
    variable = keras.Variable(np.asarray([2.0, -1.0, 0.5], np.float32))
    theirs.build([variable])
    for place in ours:
        theirs.apply([jnp.asarray(bowl(np.asarray(variable.value)))], [variable])
        # Keras has 1 - 0.999^t in float32, which leaves it four digits at first; the square root, half of that error.
        assert_allclose(place, variable.value, rtol=5e-5, atol=2e-5)
    # It went somewhere, and where the epsilon stands could be seen.
    assert np.abs(ours[-1] - ours[0]).max() > 0.3
    if name == "keras_adam":
        other = path(make_optimizer(config(name="adam", **KERAS_FIELDS | fields), 30), 30)
        assert np.abs(ours - other).max() > 1e-3


def test_nadam_with_the_slow_schedule_is_torchs():
    """Dozat's and the older Keras's: 0.96^(t/250)."""
    torch = pytest.importorskip("torch")
    fields = KERAS_FIELDS | {"learning_rate": 0.05, "eps": 1e-3}
    ours = path(make_optimizer(config(name="nadam", **fields), 30), 30)
    point = torch.tensor([2.0, -1.0, 0.5])
    theirs = torch.optim.NAdam([point], lr=0.05, eps=1e-3, momentum_decay=0.004)
    for place in ours:
        point.grad = torch.tensor(bowl(point.numpy()))
        theirs.step()
        assert_allclose(place, point.numpy(), rtol=2e-5, atol=2e-6)


def test_rmsprop_adds_epsilon_to_the_root_as_torch():
    torch = pytest.importorskip("torch")
    fields = KERAS_FIELDS | {"learning_rate": 0.02, "rho": 0.9, "eps": 0.1}
    ours = path(make_optimizer(config(name="rmsprop", **fields), 30), 30)
    point = torch.tensor([2.0, -1.0, 0.5])
    theirs = torch.optim.RMSprop([point], lr=0.02, alpha=0.9, eps=0.1)
    for place in ours:
        point.grad = torch.tensor(bowl(point.numpy()))
        theirs.step()
        assert_allclose(place, point.numpy(), rtol=2e-5, atol=2e-6)
    without = path(make_optimizer(config(name="rmsprop", **fields | {"eps": 1e-7}), 30), 30)
    assert np.abs(ours - without).max() > 1e-2


def test_heavy_ball_keeps_the_rate_of_its_past():
    """v <- 0.5 v - rate g with g = 1, by hand: the rate of a cosine over two steps is 1, then 1/2, then 0."""
    fields = KERAS_FIELDS | {"learning_rate": 1.0, "momentum": 0.5, "schedule": "cosine"}
    optimizer = make_optimizer(config(name="sgd", **fields), 2)
    params = {"layer": {"bias": jnp.zeros(1)}}
    state, moved = optimizer.init(params), []
    for _ in range(3):
        updates, state = optimizer.update({"layer": {"bias": jnp.ones(1)}}, state, params)
        moved.append(float(updates["layer"]["bias"][0]))
    assert_allclose(moved, [-1.0, -0.5 - 0.5, -0.5], atol=1e-6)


@pytest.mark.parametrize("name", ["adam", "keras_adam", "nadam", "sgd"])
def test_coupled_decay_is_added_to_the_gradient_of_kernels(name):
    """One step from a kernel of 3 with gradient 0.1 and decay 0.2 is one with gradient 0.7."""
    fields = KERAS_FIELDS | {"learning_rate": 0.1, "eps": 1e-3, "decay": "coupled"}
    values = {"layer": {"kernel": jnp.asarray([3.0]), "bias": jnp.asarray([3.0])}}
    moved = {}
    for decay, gradient in ((0.2, 0.1), (0.0, 0.7)):
        optimizer = make_optimizer(config(name=name, **fields | {"weight_decay": decay}), 1)
        gradients = jax.tree.map(lambda v: jnp.full_like(v, gradient), values)  # noqa: B023
        moved[decay] = optimizer.update(gradients, optimizer.init(values), values)[0]["layer"]
    assert_allclose(moved[0.2]["kernel"], moved[0.0]["kernel"], rtol=1e-6)
    if name == "sgd":
        assert_allclose(moved[0.2]["bias"], [-0.01], rtol=1e-6)


def test_sgd_has_no_decoupled_decay():
    with pytest.raises(ValueError, match=r"optimizer.decay: found 'decoupled', expected 'coupled' of sgd"):
        make_optimizer(config(name="sgd", momentum=0.9, weight_decay=0.1), 1)


def test_the_learning_rate_of_a_step():
    assert float(learning_rate(config(learning_rate=0.3), 10)(7)) == pytest.approx(0.3)
    assert float(learning_rate(config(learning_rate=0.3, schedule="cosine"), 10)(5)) == pytest.approx(0.15)
