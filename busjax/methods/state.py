"""The state of a run: everything that a training step changes."""

from typing import Any

import flax.linen as nn
import flax.struct
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array

from busjax.models.initialisation import initialise


@flax.struct.dataclass
class NetworkState:
    """One network's share.

    Attributes:
      params: parameter tree.
      batch_stats: running means and variances of batch normalisation.
      opt_state: the optimizer's state.
    """

    params: Any
    batch_stats: Any
    opt_state: Any


@flax.struct.dataclass
class TrainState:
    """State between two steps.

    Attributes:
      step: number of steps taken, int32 [].
      key: the run's random key, uint32 [2]; a step folds its own number into it.
      networks: each network's state, by name.
    """

    step: Any
    key: Any
    networks: Any


def initial_key(key: Array, number: int) -> Array:
    """The key of a network's first parameters, for the networks of a run numbered from 0."""
    return jax.random.fold_in(jax.random.fold_in(key, 0), number)


def step_key(state: TrainState) -> Array:
    """The key of the step that comes next: a function of the run's key and the step alone."""
    return jax.random.fold_in(jax.random.fold_in(state.key, 1), state.step)


def init_network(network: nn.Module, optimizer: optax.GradientTransformation, key: Array, size: int) -> NetworkState:
    """Random parameters for inputs of `size` x `size` pixels. Pure; meant to be compiled."""
    variables = initialise(network, key, jax.ShapeDtypeStruct((1, size, size, 3), jnp.float32))
    return NetworkState(variables["params"], variables.get("batch_stats", {}), optimizer.init(variables["params"]))


def apply_gradients(
    network: NetworkState, gradients: Any, batch_stats: Any, optimizer: optax.GradientTransformation
) -> NetworkState:
    """One optimizer update, with the running statistics that the update's pass left."""
    updates, opt_state = optimizer.update(gradients, network.opt_state, network.params)
    return NetworkState(optax.apply_updates(network.params, updates), batch_stats, opt_state)
