"""Ways of training. What one step computes is here; the loop around it is not."""

from collections.abc import Callable
from typing import Any

import optax

from busjax.methods.classification import classification
from busjax.methods.cross_training import MT, SN, cross_training
from busjax.methods.freezing import freeze_parameters
from busjax.methods.method import AXIS, Method
from busjax.methods.tasks import TASKS
from busjax.models import make_network
from busjax.names import hint


def _network(config: Any, name: str, has_map_tower: bool, unroll_blocks: bool | None):
    """The network `name` of a config."""
    own, shared = config.model[name], config.model
    return make_network(
        own.backbone,
        width=own.width,
        options=own.options.to_dict(),
        # Of released weights, which settle these for their network.
        norm_scale=own.get("norm_scale", shared.norm_scale),
        norm_epsilon=own.get("norm_epsilon", shared.norm_epsilon),
        norm_momentum=shared.norm_momentum,
        dtype=config.dtype,
        axis_name=AXIS if shared.sync_batch_norm else None,
        dropout_rate=shared.dropout_rate,
        has_map_tower=has_map_tower,
        unroll_blocks=unroll_blocks,
        **({"map_scale": shared.map_scale} if has_map_tower else {}),
    )


def _classification(config: Any, optimizer: optax.GradientTransformation, unroll: bool | None) -> Method:
    name = config.model.network
    task = TASKS[config.model[name].task]
    return classification(
        name, _network(config, name, False, unroll), task, optimizer, config.model.batch_norm == "frozen"
    )


def _cross_training(config: Any, optimizer: optax.GradientTransformation, unroll: bool | None) -> Method:
    networks = {name: _network(config, name, True, unroll) for name in (MT, SN)}
    return cross_training(networks, optimizer, config.model.batch_norm == "frozen")


def network_names(config: Any) -> tuple[str, ...]:
    """The networks that the method of a config trains, by their names in `config.model`."""
    return (MT, SN) if config.method == "cross_training" else (config.model.network,)


METHODS: dict[str, Callable[[Any, optax.GradientTransformation, bool | None], Method]] = {
    "classification": _classification,
    "cross_training": _cross_training,
}


def make_method(config: Any, optimizer: optax.GradientTransformation, *, unroll_blocks: bool | None = None) -> Method:
    """The method that a config names.

    Args:
      config: of the run.
      optimizer: its update rule.
      unroll_blocks: see `busjax.models.layers.Settings`.

    Raises:
      ValueError: for an unknown name, with the nearest one that exists.
    """
    if config.method not in METHODS:
        raise ValueError(f"method: unknown name {config.method!r}{hint(config.method, sorted(METHODS))}")
    patterns = tuple(config.pretrained.freeze)
    if patterns:
        optimizer = freeze_parameters(optimizer, patterns)
    return METHODS[config.method](config, optimizer, unroll_blocks)
