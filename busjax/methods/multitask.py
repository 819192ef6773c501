"""One network that tells the class and draws the lesion: the multi-task networks of Shareef et al., sections 3.3, 3.5.

The loss is w_c mean(classification loss) + w_s segmentation loss (their eq. 11 has w_s = 1). The first mean is over the
images of the batch whose class is known, the second loss is of those that have a mask; an image may have either, both
or neither, and one that has neither counts nowhere. Batch normalisation sees them all.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import clu.metrics
import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from jax import lax
from jaxtyping import Array, Float

from busjax.methods import passes
from busjax.methods.batch import Batch
from busjax.methods.losses import Loss, decided, known, make_loss, mean_over_devices
from busjax.methods.method import AXIS, Method
from busjax.methods.metrics import collection
from busjax.methods.segmentation_losses import SegmentationLoss, image_losses, make_segmentation_loss
from busjax.methods.state import TrainState, apply_gradients, init_network, initial_key, step_key
from busjax.methods.tasks import Task


@dataclasses.dataclass(frozen=True)
class MultitaskLoss:
    """The two losses and their weights.

    Attributes:
      classification: of an example, from logits and target.
      segmentation: a device's share, from mask logits, masks, weights and the axis of the devices.
      of_image: the segmentation loss of every image by itself, for validation.
      classification_weight, segmentation_weight: w_c and w_s.
    """

    classification: Loss
    segmentation: SegmentationLoss
    of_image: Callable[[Array, Array], Array]
    classification_weight: float = 1.0
    segmentation_weight: float = 1.0


def make_multitask_loss(config: Any) -> MultitaskLoss:
    """The losses that `config.loss` names.

    Raises:
      ValueError: for an unknown name.
    """
    return MultitaskLoss(
        classification=make_loss(config),
        segmentation=make_segmentation_loss(config),
        of_image=lambda logits, mask: image_losses(config.segmentation, logits, mask),
        classification_weight=config.classification_weight,
        segmentation_weight=config.segmentation_weight,
    )


def masked(batch: Batch) -> Float[Array, " batch"]:
    """1 for images that count in the segmentation loss: not padding, and with a mask, which may be empty."""
    return jnp.where(batch["has_mask"], batch["weight"], 0.0)


def multitask(
    name: str,
    network: nn.Module,
    task: Task,
    optimizer: optax.GradientTransformation,
    frozen: bool,
    loss: MultitaskLoss,
) -> Method:
    """Training of a network with a classification and a segmentation head.

    Args:
      name: of the network in states and results.
      network: called with (image, dropout keys or None, train=...), gives logits and mask logits
        (`models.multitask.MultitaskOutputs`). One whose attribute `segmentation` is False gives no mask logits; it is
        then trained by the classification loss alone.
      task: the question its class answers.
      optimizer: its update rule.
      frozen: whether batch normalisation keeps its running statistics in training.
      loss: of both.
    """
    # '<name>_loss' is the whole loss; at validation Dice and soft IoU are those of each image, not of the batch.
    where = {f"{name}_accuracy": "has_class", "classification_loss": "has_class", "segmentation_loss": "any_mask"}
    metrics = collection((), f"{name}_loss", **where)
    train, draws = not frozen, getattr(network, "segmentation", True)

    def init(key: Array, size: int) -> TrainState:
        state = init_network(network, optimizer, initial_key(key, 0), size)
        return TrainState(jnp.zeros((), jnp.int32), key, {name: state})

    def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, clu.metrics.Collection]:
        net = state.networks[name]
        target = task.target(batch)
        keys = passes.example_keys(step_key(state), batch)
        has_class, has_mask = known(target, batch["weight"]), draws * masked(batch)

        def whole_loss(params):
            outputs, stats = passes.apply(network, "__call__", train, params, net.batch_stats, batch["image"], keys)
            each = loss.classification(outputs.logits, target)
            whole = loss.classification_weight * mean_over_devices(each, has_class, AXIS)
            drawn = jnp.zeros(())
            if draws:
                drawn = loss.segmentation(outputs.mask_logits, batch["mask"], has_mask, AXIS)
                whole += loss.segmentation_weight * drawn
            return whole, (outputs.logits, each, drawn, stats)

        (value, (logits, each, drawn, stats)), gradients = jax.value_and_grad(whole_loss, has_aux=True)(net.params)
        net = apply_gradients(net, lax.pmean(gradients, AXIS), lax.pmean(stats, AXIS), optimizer)
        value, drawn = lax.pmean((value, drawn), AXIS)
        told = metrics.gather_from_model_output(
            axis_name=AXIS,
            all_finite=jnp.isfinite(value),
            step=state.step,
            classification_loss=each,
            has_class=has_class,
            segmentation_loss=drawn[None],
            any_mask=lax.pmax(has_mask.max(), AXIS)[None],
            **{f"{name}_loss": value, f"{name}_accuracy": decided(logits) == target},
        )
        return TrainState(state.step + 1, state.key, {name: net}), told

    def predict(state: TrainState, batch: Batch) -> dict:
        net, image = state.networks[name], batch["image"]
        outputs, _ = passes.apply(network, "__call__", False, net.params, net.batch_stats, passes.fold_views(image))
        losses = passes.validation_losses(
            loss.classification, {name: outputs.logits}, {name: task.target(batch)}, batch
        )
        values, weights = [loss.classification_weight * losses["losses"][name]], [losses["loss_weights"][name]]
        told = {"scores": {name: passes.mean_probability(outputs.logits, image)}, "cams": {}, "maps": {}}
        if draws:
            each = loss.of_image(outputs.mask_logits, passes.fold_views(batch["mask"]))
            values.append(loss.segmentation_weight * passes.unfold_views(each, image).mean(axis=1)[:, None])
            weights.append(masked(batch)[:, None])
            probability = jax.nn.sigmoid(outputs.mask_logits[..., 0])
            told["masks"] = {name: passes.unfold_views(probability, image)}
        return {
            **told,
            "losses": {name: jnp.concatenate(values, axis=1)},
            "loss_weights": {name: jnp.concatenate(weights, axis=1)},
        }

    return Method({name: network}, {name: task}, (name,), init, train_step, predict, metrics, {name: name}, draws)
