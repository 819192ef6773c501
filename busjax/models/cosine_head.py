"""The last layer of a network: linear, or the cosines of CosFace (Wang et al. 2018, section 3.1)."""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from busjax.models.layers import at_least_float32

SHORTEST = 1e-6
"""A vector that is not longer than this has no direction: its cosines are 0, and no gradient passes through it."""


def unit(x: Float[Array, "*shape"], axis: int) -> Float[Array, "*shape"]:
    """`x` divided by its Euclidean length along an axis; 0 where that is `SHORTEST` or less."""
    squared = jnp.square(x).sum(axis=axis, keepdims=True)
    has_direction = squared > SHORTEST**2
    # The inner choice keeps the square root away from 0, where its gradient is infinite.
    length = jnp.sqrt(jnp.where(has_direction, squared, 1.0))
    return jnp.where(has_direction, x / length, 0.0)


class CosineHead(nn.Module):
    """s cos(theta_c) for every class c: features and class weights of length 1, no bias (eq. 3 before the margin).

    The margin is a matter of the loss, `methods/cosine_loss.py`; the softmax of these outputs is the score without it.

    Attributes:
      classes: number of outputs.
      scale: s.
    """

    classes: int
    scale: float = 1.0

    @nn.compact
    def __call__(self, x: Float[Array, "batch features"]) -> Float[Array, "batch classes"]:
        """In float32; from -s to s."""
        kernel = self.param("kernel", nn.initializers.he_normal(), (x.shape[-1], self.classes))
        return self.scale * (unit(at_least_float32(x), 1) @ unit(kernel, 0))


def last_layer(classes: int, cosine_scale: float | None) -> Any:
    """A `CosineHead` of that scale, or where it is None a linear layer with bias."""
    return nn.Dense(classes) if cosine_scale is None else CosineHead(classes, cosine_scale)
