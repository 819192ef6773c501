"""Ways of training. What one step computes is here; the loop around it is not."""

import functools
from collections.abc import Callable
from typing import Any

import optax

from busjax.methods.autoencoding import Pretraining, autoencoding
from busjax.methods.classification import classification
from busjax.methods.cross_training import MT, SN, cross_training
from busjax.methods.freezing import freeze_parameters
from busjax.methods.fusion import COMBINED, SINGLE, fusion
from busjax.methods.losses import LMCL, make_loss
from busjax.methods.method import AXIS, Method
from busjax.methods.multitask import make_multitask_loss, multitask
from busjax.methods.tasks import TASKS
from busjax.models import make_multitask_network, make_network
from busjax.models.autoencoder import StackedAutoencoder
from busjax.models.dense_head import DenseHead
from busjax.models.fusion import FusionNetwork
from busjax.names import hint


def _network(config: Any, name: str, has_map_tower: bool, unroll_blocks: bool | None):
    """The network `name` of a config."""
    own, shared = config.model[name], config.model
    network = make_network(
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
        classes=own.head.outputs,
        cosine_scale=config.loss.scale if config.loss.name == LMCL else None,
        **({"map_scale": shared.map_scale} if has_map_tower else {}),
    )
    if not own.head.widths:
        return network
    head = functools.partial(DenseHead, tuple(own.head.widths), own.head.dropout_rate, pool=own.head.pool)
    return network.clone(hidden=head)


def _classification(config: Any, optimizer: optax.GradientTransformation, unroll: bool | None, _: int) -> Method:
    name = config.model.network
    task = TASKS[config.model[name].task]
    return classification(
        name,
        _network(config, name, False, unroll),
        task,
        optimizer,
        config.model.batch_norm == "frozen",
        make_loss(config.loss),
    )


def _cross_training(config: Any, optimizer: optax.GradientTransformation, unroll: bool | None, _: int) -> Method:
    networks = {name: _network(config, name, True, unroll) for name in (MT, SN)}
    return cross_training(networks, optimizer, config.model.batch_norm == "frozen", make_loss(config.loss))


def multitask_network(config: Any, name: str, unroll_blocks: bool | None = None):
    """The network `name` of a config that classifies and segments.

    Raises:
      ValueError: it cannot be made so; the message says what was found and what was expected.
    """
    own, shared = config.model[name], config.model
    return make_multitask_network(
        own.architecture,
        backbone=own.backbone,
        options=own.options.to_dict(),
        classes=own.head.outputs,
        head_widths=tuple(own.head.widths),
        dropout_rate=own.head.dropout_rate,
        segmentation=own.segmentation,
        image_unit=own.get("image_unit", (1.0, 1.0, 1.0)),
        width=own.width,
        norm_scale=own.get("norm_scale", shared.norm_scale),
        norm_epsilon=own.get("norm_epsilon", shared.norm_epsilon),
        norm_momentum=shared.norm_momentum,
        dtype=config.dtype,
        axis_name=AXIS if shared.sync_batch_norm else None,
        unroll_blocks=unroll_blocks,
    )


def _multitask(config: Any, optimizer: optax.GradientTransformation, unroll: bool | None, _: int) -> Method:
    name = config.model.network
    return multitask(
        name,
        multitask_network(config, name, unroll),
        TASKS[config.model[name].task],
        optimizer,
        config.model.batch_norm == "frozen",
        make_multitask_loss(config.loss),
    )


def _autoencoding(config: Any, optimizer: optax.GradientTransformation, _: bool | None, steps_per_epoch: int) -> Method:
    name = config.model.network
    own, task = config.model[name], TASKS[config.model[name].task]
    return autoencoding(
        name,
        StackedAutoencoder(config.data.image_size, tuple(own.widths), len(task.classes)),
        task,
        optimizer,
        Pretraining(own.pretrain_epochs * steps_per_epoch, own.pretrain_rate, own.noise),
        make_loss(config.loss),
    )


def _fusion(config: Any, optimizer: optax.GradientTransformation, unroll: bool | None, _: int) -> Method:
    own = config.model[COMBINED]
    combined = FusionNetwork(
        widths=tuple(own.widths),
        dropout_rate=own.dropout_rate,
        dropouts=own.dropouts,
        cosine_scale=config.loss.scale if config.loss.name == LMCL else None,
    )
    # Of every rule, the learning rate is a factor of the update.
    of_combined = optax.chain(optimizer, optax.scale(own.rate_factor))
    return fusion(
        {name: _network(config, name, False, unroll) for name in SINGLE},
        combined,
        TASKS[config.model[SINGLE[0]].task],
        {**dict.fromkeys(SINGLE, optimizer), COMBINED: of_combined},
        config.model.batch_norm == "frozen",
        make_loss(config.loss),
        end_to_end=own.single_epochs == 0,
    )


def trained_at(config: Any) -> dict[str, float]:
    """The networks that the epochs of `train.epochs` train, and what multiplies the learning rate of each."""
    if config.method != "fusion":
        return dict.fromkeys(network_names(config), 1.0)
    combined = {COMBINED: config.model[COMBINED].rate_factor}
    return combined if stores_descriptors(config) else {**dict.fromkeys(SINGLE, 1.0), **combined}


def sees_pairs(config: Any) -> bool:
    """Whether the method of a config takes pairs of pictures, one of each modality."""
    return config.method == "fusion"


def stores_descriptors(config: Any) -> bool:
    """Whether the epochs of `train.epochs` take stored descriptors in place of pictures, after pre-training."""
    return config.get("method") == "fusion" and config.model[COMBINED].single_epochs > 0


def pretraining_epochs(config: Any) -> int:
    """The epochs that come before those of `train.epochs`, of which none can be chosen: of layers that learn no task
    yet, or of single networks before their fusion."""
    if stores_descriptors(config):
        return config.model[COMBINED].single_epochs
    if config.get("method") != "autoencoding":
        return 0
    own = config.model[config.model.network]
    return own.pretrain_epochs * len(own.widths)


def network_names(config: Any) -> tuple[str, ...]:
    """The networks that the method of a config trains on pictures, by their names in `config.model`."""
    if config.method == "fusion":
        return SINGLE
    return (MT, SN) if config.method == "cross_training" else (config.model.network,)


METHODS: dict[str, Callable[[Any, optax.GradientTransformation, bool | None, int], Method]] = {
    "autoencoding": _autoencoding,
    "classification": _classification,
    "cross_training": _cross_training,
    "fusion": _fusion,
    "multitask": _multitask,
}


def make_method(
    config: Any,
    optimizer: optax.GradientTransformation,
    *,
    unroll_blocks: bool | None = None,
    steps_per_epoch: int = 1,
) -> Method:
    """The method that a config names.

    Args:
      config: of the run.
      optimizer: its update rule.
      unroll_blocks: see `busjax.models.layers.Settings`.
      steps_per_epoch: of the run, for methods whose stages are so many epochs long.

    Raises:
      ValueError: for an unknown name, with the nearest one that exists.
    """
    if config.method not in METHODS:
        raise ValueError(f"method: unknown name {config.method!r}{hint(config.method, sorted(METHODS))}")
    patterns = tuple(config.pretrained.freeze)
    if patterns:
        optimizer = freeze_parameters(optimizer, patterns)
    return METHODS[config.method](config, optimizer, unroll_blocks, steps_per_epoch)
