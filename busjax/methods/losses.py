"""Losses of batches in which some answers are not known."""

import jax.numpy as jnp
import optax
from jax import lax
from jaxtyping import Array, Float, Int


def known(target: Int[Array, " batch"], weight: Float[Array, " batch"]) -> Float[Array, " batch"]:
    """1 for examples that count: not padding, and with a known answer."""
    return jnp.where(target >= 0, weight, 0.0)


def softmax_cross_entropy(
    logits: Float[Array, "batch classes"], target: Int[Array, " batch"]
) -> Float[Array, " batch"]:
    """-log of the target's softmax probability (Qi et al. 2019, eq. 5), each example's; of class 0 where unknown."""
    return optax.softmax_cross_entropy_with_integer_labels(logits, jnp.maximum(target, 0))


def mean_over_devices(
    values: Float[Array, " batch"], weight: Float[Array, " batch"], axis_name: str
) -> Float[Array, ""]:
    """This device's share of the weighted mean over all devices: the average of the shares is the mean itself.

    Its gradient, averaged over the devices, is therefore the gradient of the mean, however unknown answers are spread.
    A batch without any known answer gives 0.
    """
    total = lax.pmean(weight.sum(), axis_name)
    return (values * weight).sum() / jnp.where(total > 0, total, 1.0)
