"""A learning rate that falls when the validation loss no longer does.

Its state is a part of the optimizer's: a run that is killed and goes on takes the same steps, and every device and host
has the same rate.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array

from busjax.methods.state import TrainState


class PlateauState(NamedTuple):
    """What has been seen of a network's validation loss.

    Attributes:
      scale: what the learning rate is multiplied by, float32 [].
      best: the lowest loss so far, float32 []; infinite before the first.
      wait: validations since, int32 [].
    """

    scale: Any
    best: Any
    wait: Any


def scale_by_plateau() -> optax.GradientTransformation:
    """Multiplies updates by the scale, which `after_validation` alone changes."""

    def init(params: Any) -> PlateauState:
        del params
        return PlateauState(jnp.ones((), jnp.float32), jnp.full((), jnp.inf, jnp.float32), jnp.zeros((), jnp.int32))

    def update(updates: Any, state: PlateauState, params: Any = None) -> tuple[Any, PlateauState]:
        del params
        return jax.tree.map(lambda value: (value * state.scale).astype(value.dtype), updates), state

    return optax.GradientTransformation(init, update)


def is_wanted(config: Any) -> bool:
    """Whether `config.optimizer` asks for it: by a patience above 0."""
    return "plateau" in config and config.plateau.patience > 0


def reduce_on_plateau(
    state: PlateauState, loss: Array | float, *, factor: float, patience: int, min_delta: float, floor: float
) -> PlateauState:
    """The state after a validation, as Keras's ReduceLROnPlateau with mode 'min' and no cooldown. Pure.

    Args:
      state: before it.
      loss: of the validation; only one that is lower than the best by more than `min_delta` is better.
      factor: multiplies the scale at the `patience`-th validation in a row that is not better.
      patience: see `factor`.
      min_delta: see `loss`.
      floor: the lowest scale.
    """
    loss = jnp.asarray(loss, jnp.float32)
    better = loss + min_delta < state.best
    wait = jnp.where(better, 0, state.wait + 1)
    falls = (wait >= patience) & (state.scale > floor)
    return PlateauState(
        scale=jnp.where(falls, jnp.maximum(state.scale * factor, floor), state.scale).astype(jnp.float32),
        best=jnp.where(better, loss, state.best),
        wait=jnp.where(falls, 0, wait).astype(jnp.int32),
    )


_reduced = jax.jit(reduce_on_plateau, static_argnames=("factor", "patience", "min_delta", "floor"))


def after_validation(state: TrainState, losses: Mapping[str, float | None], config: Any) -> TrainState:
    """The state of a run after a validation. Without a plateau in its optimizers, the same state.

    Args:
      state: before it.
      losses: the validation loss of each network, by name; None where no answer was known, which changes nothing.
      config: the fields of `optimizer`.
    """
    if not is_wanted(config):
        return state
    plateau = config.plateau
    how = {"factor": plateau.factor, "patience": plateau.patience, "min_delta": plateau.min_delta}
    how["floor"] = plateau.floor / config.learning_rate

    def moved(found: Any, loss: float) -> Any:
        if not isinstance(found, PlateauState):
            return found
        new = _reduced(found, jnp.float32(loss), **how)
        return jax.tree.map(lambda old, value: jax.device_put(value, old.sharding), found, new)

    networks = dict(state.networks)
    for name, network in networks.items():
        loss = losses.get(name)
        if loss is not None:
            opt_state = jax.tree.map(lambda found, loss=loss: moved(found, loss), network.opt_state, is_leaf=_is_state)
            networks[name] = network.replace(opt_state=opt_state)  # type: ignore[attr-defined]
    return state.replace(networks=networks)  # type: ignore[attr-defined]


def scale_of(opt_state: Any) -> float:
    """What the learning rate is multiplied by; 1 without a plateau."""
    found = [leaf for leaf in jax.tree.leaves(opt_state, is_leaf=_is_state) if isinstance(leaf, PlateauState)]
    return float(found[0].scale) if found else 1.0


def _is_state(leaf: Any) -> bool:
    return isinstance(leaf, PlateauState)
