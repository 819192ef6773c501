"""Where a step meets the devices: the only place that knows how many there are.

A step is written for one device with a named axis. Here it is mapped over a mesh of one axis: the state is the same on
every device, batches are divided along their first dimension. Of networks that are trained side by side, one for each
fold, every device has some, and all of each batch.
"""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from busjax.methods import folds
from busjax.methods.method import AXIS, Method
from busjax.methods.state import TrainState

FOLDS = "folds"


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


def _of_folds(sharded: Any, whole: Any) -> Any:
    """By the parts of a stacked state: `sharded` for what each fold has by itself, `whole` for what all share."""
    return TrainState(whole, whole, sharded)


def folds_placement(mesh: Mesh) -> Any:
    """The placement of a stacked state: the devices of the mesh divide the folds."""
    mesh = Mesh(mesh.devices, (FOLDS,))
    return _of_folds(NamedSharding(mesh, PartitionSpec(FOLDS)), NamedSharding(mesh, PartitionSpec()))


def map_folds_step(method: Method, at_once: int, mesh: Mesh) -> Callable:
    """Compiles (stacked state, pool) -> (stacked state, metrics over all folds) for a mesh. The old state is donated.

    Args:
      method: of a single fold.
      at_once: how many folds a device computes together; 0 for all that it has.
      mesh: whose devices divide the folds.
    """
    # An axis of its own: inside, a fold's step has the axis of a single device.
    mesh, step = Mesh(mesh.devices, (FOLDS,)), folds.train_step(method, at_once)

    def whole(state: TrainState, batch: Any) -> tuple[TrainState, Any]:
        lies = {
            name: PartitionSpec(*[None] * folds.FOLD_AXES[name], FOLDS) if name in folds.FOLD_AXES else PartitionSpec()
            for name in batch
        }
        mapped = jax.shard_map(
            step,
            mesh=mesh,
            in_specs=(_of_folds(PartitionSpec(FOLDS), PartitionSpec()), lies),
            out_specs=PartitionSpec(FOLDS),
            check_vma=False,
        )
        networks, told = mapped(state, batch)
        return TrainState(state.step + 1, state.key, networks), told.reduce()

    return jax.jit(whole, donate_argnums=0)


def map_folds(function: Callable, mesh: Mesh) -> Callable:
    """Compiles (stacked state, batch) -> anything, which every device then has."""
    return jax.jit(function, out_shardings=replicated(mesh))


def stacked(state: TrainState, count: int, mesh: Mesh) -> TrainState:
    """The state of so many folds, all as the given one, divided over the devices."""
    return jax.jit(folds.stack, static_argnums=1, out_shardings=folds_placement(mesh))(state, count)


def abstract_stacked(state: Any, count: int, mesh: Mesh) -> Any:
    """From `abstract_state` of one fold to that of so many."""
    shapes, places = jax.eval_shape(lambda one: folds.stack(one, count), state), folds_placement(mesh)

    def placed(shape: Any, place: NamedSharding) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(shape.shape, shape.dtype, sharding=place)

    own = jax.tree.map(lambda shape: placed(shape, places.networks), shapes.networks)
    return TrainState(placed(shapes.step, places.step), placed(shapes.key, places.key), own)
