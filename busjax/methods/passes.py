"""Passes through the parts of a network, shared by the methods."""

import functools
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, UInt32

from busjax.methods.batch import Batch
from busjax.methods.losses import Loss, decided, known, probabilities
from busjax.models.class_activation import class_activation_map
from busjax.models.region_enhanced import Outputs, RegionEnhancedNetwork


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def run(
    network: RegionEnhancedNetwork, part: str, train: bool, params: Any, batch_stats: Any, *arrays: Any
) -> tuple[Any, Any]:
    """Applies one part of a network: `apply`, compiled by itself only to be traced once for all the passes of a step
    that have the same shapes.

    Args:
      network: the network.
      part: name of its method: 'image_features', 'map_features' or 'classify'.
      train: whether batch normalisation uses the batch's statistics.
      params: its parameters.
      batch_stats: its running statistics.
      *arrays: the part's inputs.
    """
    return apply(network, part, train, params, batch_stats, *arrays)


def apply(network: nn.Module, part: str, train: bool, params: Any, batch_stats: Any, *arrays: Any) -> tuple[Any, Any]:
    """The output of a network, or of one of its methods, and the running statistics it leaves; arguments as of `run`.

    A network as a whole is the part '__call__'.
    """
    output, updated = network.apply(
        {"params": params, "batch_stats": batch_stats}, *arrays, train=train, method=part, mutable=["batch_stats"]
    )
    return output, updated.get("batch_stats", {})  # a network without batch normalisation has none


def blank_features(network: RegionEnhancedNetwork, params: Any, batch_stats: Any, size: int, own: bool) -> Array:
    """F_cam(0), which is the same for every image: [1, h, w, channels].

    Args:
      network: the network with a map tower.
      params: its parameters.
      batch_stats: its running statistics; never changed by a blank map.
      size: of the map in pixels.
      own: whether batch normalisation uses the blank map's own statistics. They are used at training and at inference
        alike, so that "no map" is the same constant of the parameters in both; False only for frozen statistics.
    """
    return run(network, "map_features", own, params, batch_stats, jnp.zeros((1, size, size)))[0]


def activation_map(params: Any, outputs: Outputs) -> Float[Array, "batch height width"]:
    """The class activation map of a network's own prediction, at the resolution of its features.

    One logit l counts as the two -l/2 and l/2, whose softmax is the same; a map has no scale of its own.
    """
    kernel, logits = params["classifier"]["kernel"], outputs.logits
    if logits.shape[-1] == 1:
        kernel, logits = jnp.concatenate([-kernel, kernel], axis=1), jnp.concatenate([-logits, logits], axis=1)
    return class_activation_map(outputs.features, kernel, logits)


def example_keys(key: UInt32[Array, "2"], batch: Batch) -> UInt32[Array, "batch 2"]:
    """A key for each example, which depends on its row in the dataset and not on its place in the batch."""
    return jax.vmap(lambda index: jax.random.fold_in(key, index))(batch["index"])


def step_outputs(name: str, logits: Array, each: Array, target: Array, weight: Array) -> dict[str, Array]:
    """What the metrics collection wants to know of one network's update; `each` is the loss of every example."""
    return {
        f"{name}_each_loss": each,
        f"{name}_correct": (decided(logits) == target).astype(jnp.float32),
        f"{name}_known": known(target, weight),
    }


def fold_views(
    image: Float[Array, "batch views height width channels"],
) -> Float[Array, "examples height width channels"]:
    """Views as examples."""
    return image.reshape(-1, *image.shape[2:])


def unfold_views(values: Array, like: Array) -> Array:
    """The inverse of `fold_views` for anything computed of it: [batch * views, ...] to [batch, views, ...]."""
    return values.reshape(*like.shape[:2], *values.shape[1:])


def mean_probability(
    logits: Float[Array, "examples classes"], like: Float[Array, "batch views height width channels"]
) -> Float[Array, "batch answers"]:
    """The mean of the views' probabilities (multi-input prediction, Qi et al. 2019, section 3.2)."""
    return unfold_views(probabilities(logits), like).mean(axis=1)


def seen(batch: Batch) -> Array:
    """What a network is given of a batch: stored features where there are any, else images."""
    return batch["features"] if "features" in batch else batch["image"]


def validation_losses(
    loss: Loss, logits: Mapping[str, Array], targets: Mapping[str, Array], batch: Batch
) -> dict[str, dict[str, Array]]:
    """What `Method.predict` tells of the losses of a batch with views: for each output one term, the views' mean.

    Args:
      loss: of an example.
      logits: by output, [batch * views, classes].
      targets: by output, [batch].
      batch: the images.
    """
    given = seen(batch)
    views = given.shape[1]
    losses = {
        name: unfold_views(loss(values, jnp.repeat(targets[name], views)), given).mean(axis=1)[:, None]
        for name, values in logits.items()
    }
    weights = {name: known(target, batch["weight"])[:, None] for name, target in targets.items()}
    return {"losses": losses, "loss_weights": weights}
