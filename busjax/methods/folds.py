"""A method of many networks that are trained side by side, each without the images of one case (leave one out).

The state of every fold is that of the method itself; they are stacked along a first axis, and the step is the method's
own, vectorised over it. Step and key are the same in all folds, as they would be in runs of one seed. Nothing passes
between folds, so that devices can divide them.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from busjax.methods.batch import Batch
from busjax.methods.method import AXIS, Method
from busjax.methods.state import TrainState

FOLD_AXES = {"picked": 0, "features": 1}
"""What a pool has for every fold by itself (`data.folds.Folds.pick`), and the axis of the folds."""


def stack(state: TrainState, folds: int) -> TrainState:
    """The state of so many folds, all as the given one. Pure."""
    networks = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (folds, *leaf.shape)), state.networks)
    return TrainState(state.step, state.key, networks)


def train_step(method: Method, at_once: int) -> Callable[[TrainState, Batch], tuple[Any, Any]]:
    """(stacked state, pool) -> the stacked networks after the method's step, and metrics of each fold.

    Args:
      method: of a single fold.
      at_once: how many folds are computed together, by `jax.vmap`; the groups of so many one after the other. 0 for
        all.
    """

    def of_fold(shared: TrainState, pool: Batch, networks: Any, own: Batch) -> tuple[Any, Any]:
        batch = {name: values[own["picked"]] for name, values in {**pool, **own}.items() if name != "picked"}
        state, told = _alone(method.train_step, TrainState(shared.step, shared.key, networks), batch)
        return state.networks, told

    def step(state: TrainState, batch: Batch) -> tuple[Any, Any]:
        own = {name: jnp.moveaxis(batch[name], FOLD_AXES[name], 0) for name in FOLD_AXES if name in batch}
        pool = {name: values for name, values in batch.items() if name not in FOLD_AXES}
        shared = TrainState(state.step, state.key, {})
        return _over(lambda one: of_fold(shared, pool, *one), (state.networks, own), at_once)

    return step


def predict(method: Method, at_once: int) -> Callable[[TrainState, Batch], dict[str, Any]]:
    """(stacked state, batch with views and `fold`) -> the method's predictions, each row's by its fold's networks."""

    def of_row(state: TrainState, row: Batch) -> Any:
        networks = jax.tree.map(lambda leaf: leaf[row["fold"]], state.networks)
        batch = {name: values[None] for name, values in row.items() if name != "fold"}
        told = _alone(method.predict, TrainState(state.step, state.key, networks), batch)
        return jax.tree.map(lambda values: values[0], told)

    return lambda state, batch: _over(lambda row: of_row(state, row), dict(batch), at_once)


def features(method: Method, at_once: int) -> Callable[[TrainState, Batch], Array]:
    """(stacked state, batch with views) -> the method's features by every fold, [batch, folds, views, ...]."""
    of_batch: Any = method.features

    def compute(state: TrainState, batch: Batch) -> Array:
        def of_fold(networks: Any) -> Array:
            return _alone(of_batch, TrainState(state.step, state.key, networks), batch)

        return jnp.moveaxis(_over(of_fold, state.networks, at_once), 0, 1)

    return compute


def _alone(function: Callable[..., Any], state: TrainState, batch: Batch) -> Any:
    """A function that is written per device, of the one device that a fold has."""
    told = jax.vmap(lambda _: function(state, batch), axis_name=AXIS)(jnp.zeros(1))
    return jax.tree.map(lambda values: values[0], told)


def _over(function: Callable[[Any], Any], values: Any, at_once: int) -> Any:
    """The function of each entry along the first axis."""
    length = len(jax.tree.leaves(values)[0])
    if not 0 < at_once < length:
        return jax.vmap(function)(values)
    return jax.lax.map(function, values, batch_size=at_once)
