"""A falling learning rate against Keras's callback, by hand, and in runs that are interrupted."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from ml_collections import ConfigDict
from numpy.testing import assert_allclose
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from busjax.methods.freezing import freeze_parameters
from busjax.methods.state import NetworkState, TrainState
from busjax.training.loop import train
from busjax.training.optimizers import make_optimizer
from busjax.training.plateau import PlateauState, after_validation, reduce_on_plateau, scale_of
from tests.training.test_loop import final_state, quiet, start

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorboard")

RATE = 1e-2
LOSSES = [0.9, 0.7, 0.69995, 0.7, 0.71, 0.5, 0.5, 0.5, 0.6, 0.49, 0.48995, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6, 0.2, 0.3]


def config(**fields) -> ConfigDict:
    plateau = {"patience": 2, "factor": 0.1, "min_delta": 1e-4, "floor": 1e-5}
    return ConfigDict(
        {
            "name": "sgd",
            "momentum": 0.0,
            "weight_decay": 0.0,
            "decay": "coupled",
            "learning_rate": RATE,
            "schedule": "constant",
            "plateau": plateau | fields,
        }
    )


def network(optimizer: optax.GradientTransformation) -> NetworkState:
    params = {"a": {"kernel": jnp.ones(2)}, "b": {"kernel": jnp.ones(2)}}
    return NetworkState(params, {}, optimizer.init(params))


def run(names: tuple[str, ...], optimizer: optax.GradientTransformation) -> TrainState:
    return TrainState(jnp.zeros((), jnp.int32), jax.random.PRNGKey(0), {name: network(optimizer) for name in names})


@pytest.mark.parametrize("patience", [1, 2, 3, 4])
@pytest.mark.parametrize("factor", [0.1, 0.5])
def test_the_rate_is_keras_at_every_validation(patience, factor):
    import keras

    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.SGD(RATE), loss="mse")
    callback = keras.callbacks.ReduceLROnPlateau("val_loss", factor, patience, min_delta=1e-4, min_lr=1e-5, mode="min")
    callback.set_model(model)
    callback.on_train_begin()
    fields = config(patience=patience, factor=factor)
    state = run(("net",), make_optimizer(fields, 1))
    seen = []
    for epoch, loss in enumerate(LOSSES):
        callback.on_epoch_end(epoch, {"val_loss": loss})
        state = after_validation(state, {"net": loss}, fields)
        seen.append(RATE * scale_of(state.networks["net"].opt_state))
        assert seen[-1] == pytest.approx(float(model.optimizer.learning_rate), rel=1e-5)
    assert len(set(np.round(np.log10(seen), 3))) >= 2
    if patience == 1:
        assert seen[-1] == pytest.approx(1e-5, rel=1e-5)  # the floor


def test_by_hand():
    """Patience 2: equal losses and one lower by less than 1e-4 are no better; at the second the rate falls."""
    how = {"factor": 0.1, "patience": 2, "min_delta": 1e-4, "floor": 0.02}
    state = PlateauState(jnp.float32(1), jnp.float32(np.inf), jnp.int32(0))
    seen = []
    for loss in (1.0, 1.0, 0.99995, 0.5, 0.6, 0.6, 0.6, 0.6):
        state = reduce_on_plateau(state, loss, **how)
        seen.append((round(float(state.scale), 6), round(float(state.best), 6), int(state.wait)))
    expected = [(1, 1, 0), (1, 1, 1), (0.1, 1, 0), (0.1, 0.5, 0), (0.1, 0.5, 1), (0.02, 0.5, 0), (0.02, 0.5, 1)]
    assert seen == [*expected, (0.02, 0.5, 2)]


def test_each_network_has_its_own_and_unknown_losses_change_nothing():
    fields = config(patience=1)
    state = run(("mt", "sn"), make_optimizer(fields, 1))
    for losses in ({"mt": 1.0, "sn": 1.0}, {"mt": 1.0, "sn": 0.5}, {"mt": None, "sn": 0.4, "other": 9.0}):
        state = after_validation(state, losses, fields)
    assert scale_of(state.networks["mt"].opt_state) == pytest.approx(0.1)
    assert scale_of(state.networks["sn"].opt_state) == 1.0


@pytest.mark.parametrize("name", ["adadelta", "adam", "keras_adam", "nadam", "sgd"])
def test_updates_are_scaled_also_beside_frozen_parameters(name):
    """The same gradient gives a tenth of the update after the rate has fallen."""
    fields = config(patience=1)
    fields.update(name=name, rho=0.9, eps=1e-3, b1=0.9, b2=0.999, momentum_decay=0.004)
    optimizer = freeze_parameters(make_optimizer(fields, 1), ("a/*",))
    state = run(("net",), optimizer)
    fallen = state
    for loss in (1.0, 1.0):
        fallen = after_validation(fallen, {"net": loss}, fields)
    gradients = {"a": {"kernel": jnp.ones(2)}, "b": {"kernel": jnp.asarray([0.3, -2.0])}}
    moved = [
        optimizer.update(gradients, one.networks["net"].opt_state, one.networks["net"].params)[0]
        for one in (state, fallen)
    ]
    assert_allclose(moved[1]["b"]["kernel"], 0.1 * moved[0]["b"]["kernel"], rtol=1e-6)
    assert np.abs(moved[0]["b"]["kernel"]).min() > 0
    assert not np.asarray(moved[0]["a"]["kernel"]).any()


def test_without_a_patience_nothing_is_kept():
    fields = config(patience=0)
    state = run(("net",), make_optimizer(fields, 1))
    assert after_validation(state, {"net": 1.0}, fields) is state
    leaves = jax.tree.leaves(state.networks["net"].opt_state, is_leaf=lambda leaf: isinstance(leaf, PlateauState))
    assert not any(isinstance(leaf, PlateauState) for leaf in leaves)
    assert scale_of(state.networks["net"].opt_state) == 1.0


def with_plateau(config: ConfigDict) -> ConfigDict:
    """Falls at every validation but the first: none can be better by so much."""
    config.optimizer.schedule = "constant"
    config.optimizer.plateau.patience, config.optimizer.plateau.min_delta = 1, 1e6
    config.selection.metric, config.selection.mode = "loss", "min"
    return config


def test_a_run_is_killed_and_goes_on_with_the_rate_it_had(tiny, tmp_path):
    """The same bits in one go and in two; rates, losses and the best epoch as the history tells."""
    config = with_plateau(tiny("classification"))
    whole = start(config, tmp_path / "whole")
    assert train(whole, quiet())
    expected, history = final_state(whole), whole.checkpoints.facts(whole.checkpoints.latest())["history"]
    losses = [row["val/mt_loss"] for row in history]
    best, value = whole.checkpoints.best("mt")
    assert best == history[int(np.argmin(losses))]["step"]
    assert value == min(losses)
    rates = [row["train/mt_learning_rate"] for row in history]
    assert_allclose(rates, config.optimizer.learning_rate * np.array([1.0, 1.0, 0.1]), rtol=1e-6)
    assert scale_of(expected.networks["mt"].opt_state) == pytest.approx(0.01)
    whole.checkpoints.close()
    events = EventAccumulator(str(tmp_path / "whole"), size_guidance={"tensors": 0})
    events.Reload()
    assert {"train/mt_learning_rate", "val/mt_loss"} <= set(events.Tags()["tensors"])

    short = config.copy_and_resolve_references()
    short.train.epochs = 2
    first = start(short, tmp_path / "parts")
    assert train(first, quiet())
    assert scale_of(final_state(first).networks["mt"].opt_state) == pytest.approx(0.1)
    first.checkpoints.close()
    second = start(config, tmp_path / "parts")
    assert train(second, quiet())
    for a, b in zip(*map(jax.tree.leaves, (expected, final_state(second))), strict=True):
        assert np.array_equal(a, b)
    second.checkpoints.close()
