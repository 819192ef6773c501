"""Passes through the parts of a network, shared by the methods."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, UInt32

from busjax.methods.batch import Batch
from busjax.methods.losses import known, softmax_cross_entropy
from busjax.models.class_activation import class_activation_map
from busjax.models.region_enhanced import Outputs, RegionEnhancedNetwork


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def run(
    network: RegionEnhancedNetwork, part: str, train: bool, params: Any, batch_stats: Any, *arrays: Any
) -> tuple[Any, Any]:
    """Applies one part of a network. Returns its output and the running statistics it leaves.

    Compiled by itself only to be traced once for all the passes of a step that have the same shapes.

    Args:
      network: the network.
      part: name of its method: 'image_features', 'map_features' or 'classify'.
      train: whether batch normalisation uses the batch's statistics.
      params: its parameters.
      batch_stats: its running statistics.
      *arrays: the part's inputs.
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
    """The class activation map of a network's own prediction, at the resolution of its features."""
    return class_activation_map(outputs.features, params["classifier"]["kernel"], outputs.logits)


def example_keys(key: UInt32[Array, "2"], batch: Batch) -> UInt32[Array, "batch 2"]:
    """A key for each example, which depends on its row in the dataset and not on its place in the batch."""
    return jax.vmap(lambda index: jax.random.fold_in(key, index))(batch["index"])


def step_outputs(name: str, logits: Array, target: Array, weight: Array) -> dict[str, Array]:
    """What the metrics collection wants to know of one network's update."""
    return {
        f"{name}_cross_entropy": softmax_cross_entropy(logits, target),
        f"{name}_correct": (jnp.argmax(logits, axis=-1) == target).astype(jnp.float32),
        f"{name}_known": known(target, weight),
    }


def fold_views(image: Float[Array, "batch views height width 3"]) -> Float[Array, "examples height width 3"]:
    """Views as examples."""
    return image.reshape(-1, *image.shape[2:])


def unfold_views(values: Array, like: Array) -> Array:
    """The inverse of `fold_views` for anything computed of it: [batch * views, ...] to [batch, views, ...]."""
    return values.reshape(*like.shape[:2], *values.shape[1:])


def mean_probability(
    logits: Float[Array, "examples classes"], like: Float[Array, "batch views height width 3"]
) -> Float[Array, "batch classes"]:
    """The mean of the views' softmax probabilities (multi-input prediction, Qi et al. 2019, section 3.2)."""
    return unfold_views(jax.nn.softmax(logits), like).mean(axis=1)
