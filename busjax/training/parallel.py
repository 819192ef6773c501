"""Where a step meets the devices: the only place that knows how many there are.

A step is written for one device with a named axis. Here it is mapped over a mesh of one axis: the state is the same on
every device, batches are divided along their first dimension.
"""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from busjax.methods.method import AXIS


def make_mesh(devices: Any = None) -> Mesh:
    """A mesh of all devices of all hosts, or of those given."""
    return Mesh(np.asarray(jax.devices() if devices is None else devices), (AXIS,))


def replicated(mesh: Mesh) -> NamedSharding:
    """The placement of states: a copy on each device."""
    return NamedSharding(mesh, PartitionSpec())


def divided(mesh: Mesh) -> NamedSharding:
    """The placement of batches: rows spread over the devices."""
    return NamedSharding(mesh, PartitionSpec(AXIS))


def map_train_step(step: Callable, mesh: Mesh) -> Callable:
    """Compiles (state, batch) -> (state, metrics) for a mesh. The old state is donated."""
    mapped = jax.shard_map(
        step,
        mesh=mesh,
        in_specs=(PartitionSpec(), PartitionSpec(AXIS)),
        out_specs=(PartitionSpec(), PartitionSpec()),
        check_vma=False,  # gradients of a device's own loss, averaged by the step itself, as under jax.pmap
    )
    return jax.jit(mapped, donate_argnums=0)


def map_predict(predict: Callable, mesh: Mesh) -> Callable:
    """Compiles (state, batch) -> outputs for a mesh; outputs are gathered, so that every host has all of them."""
    mapped = jax.shard_map(
        predict,
        mesh=mesh,
        in_specs=(PartitionSpec(), PartitionSpec(AXIS)),
        out_specs=PartitionSpec(AXIS),
        check_vma=False,
    )
    return jax.jit(mapped, out_shardings=replicated(mesh))


def abstract_state(init: Callable, size: int, mesh: Mesh) -> Any:
    """The shapes and types of a state, with its placement: a copy on each device of the mesh."""
    shapes = jax.eval_shape(lambda key: init(key, size), jax.random.PRNGKey(0))
    return jax.tree.map(lambda s: jax.ShapeDtypeStruct(s.shape, s.dtype, sharding=replicated(mesh)), shapes)


def initialise(init: Callable, key: jax.Array, size: int, mesh: Mesh) -> Any:
    """A new state, with a copy on each device of the mesh."""
    return jax.jit(init, static_argnums=1, out_shardings=replicated(mesh))(key, size)
