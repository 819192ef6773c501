"""Class activation maps (Zhou et al. 2016; Qi et al. 2019, eq. 3)."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from busjax.models.layers import at_least_float32


def class_activation_map(
    features: Float[Array, "batch height width channels"],
    weights: Float[Array, "channels classes"],
    logits: Float[Array, "batch classes"],
) -> Float[Array, "batch height width"]:
    """M_c(u, v) = sum_n W[n, c] a_n(u, v) for the class c that the network predicts, scaled to [0, 1] for each image.

    The bias is left out and labels play no part, as in the paper. Its normalisation is not stated: minimum to 0 and
    maximum to 1 is our choice; a map that is the same everywhere becomes 0. No gradient passes.

    Args:
      features: a^{L-1}, the activations before global average pooling.
      weights: of the linear layer after the pooling.
      logits: the network's outputs without dropout; their largest is the predicted class.
    """
    features, weights, logits = jax.lax.stop_gradient((features, weights, logits))
    chosen = jnp.take(weights, jnp.argmax(logits, axis=-1), axis=1)
    raw = jnp.einsum("bhwn,nb->bhw", at_least_float32(features), chosen)
    low = raw.min(axis=(1, 2), keepdims=True)
    span = raw.max(axis=(1, 2), keepdims=True) - low
    return jnp.where(span > 0, (raw - low) / jnp.where(span > 0, span, 1.0), 0.0)


def enlarge(cam: Float[Array, "batch height width"], size: int) -> Float[Array, "batch {size} {size}"]:
    """Resizes maps to `size` pixels, bilinear with half-pixel centres (the paper names no kernel: our choice)."""
    return jax.image.resize(cam, (cam.shape[0], size, size), "bilinear")
