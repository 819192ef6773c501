"""Losses of a classification, each example's, and their mean over a batch in which some answers are not known.

All but the softmax cross-entropy and the large-margin cosine loss are functions of one logit l = log(p / (1 - p)), p
the probability of the positive answer of two: the output of a network with one, and l1 - l0 of one with two, for
softmax(l0, l1) is (1 - p, p) with p = sigmoid(l1 - l0). They are written in softplus(x) = log(1 + exp(x)):
log p = -softplus(-l) and log(1 - p) = -softplus(l). Neither overflows, nor does its gradient. A target is t, 1 or 0; an
unknown one (-1) is taken as 0, to be left out by its weight.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import lax
from jaxtyping import Array, Float, Int

from busjax.methods.cosine_loss import large_margin_cosine
from busjax.names import hint

LMCL = "lmcl"  # the loss whose networks end in cosines
CLIP = 1e-7  # of Keras, backend.epsilon()

# Logits [batch, classes] and targets [batch] -> the loss of each example [batch].
Loss = Callable[[Array, Array], Array]


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


def positive_logit(logits: Float[Array, "batch classes"]) -> Float[Array, " batch"]:
    """l = log(p / (1 - p)) of the positive answer, of networks with one or two outputs.

    Raises:
      ValueError: there are more than two classes.
    """
    if logits.shape[-1] not in (1, 2):
        raise ValueError(f"a loss of one logit: found {logits.shape[-1]} outputs, expected 1 or 2")
    return logits[:, 0] if logits.shape[-1] == 1 else logits[:, 1] - logits[:, 0]


def decided(logits: Float[Array, "batch classes"]) -> Int[Array, " batch"]:
    """The most probable answer, of equals the first; of one logit 1 where it is above 0."""
    if logits.shape[-1] == 1:
        return (logits[:, 0] > 0).astype(jnp.int32)
    return jnp.argmax(logits, axis=-1).astype(jnp.int32)


def probabilities(logits: Float[Array, "batch classes"]) -> Float[Array, "batch answers"]:
    """Of every answer: of one logit (1 - sigmoid, sigmoid), else the softmax."""
    if logits.shape[-1] == 1:
        return jnp.concatenate([jax.nn.sigmoid(-logits), jax.nn.sigmoid(logits)], axis=-1)
    return jax.nn.softmax(logits)


def cross_entropy(logits: Float[Array, "batch classes"], target: Int[Array, " batch"]) -> Float[Array, " batch"]:
    """Softmax cross-entropy; of one logit, binary cross-entropy, which is the same of two answers."""
    if logits.shape[-1] == 1:
        return binary_cross_entropy(logits, target)
    return softmax_cross_entropy(logits, target)


def binary_cross_entropy(logits: Float[Array, "batch classes"], target: Int[Array, " batch"]) -> Float[Array, " batch"]:
    """BCE: -[t log p + (1 - t) log(1 - p)] (Shareef et al., with the sign that minimises)."""
    return weighted_binary_cross_entropy(logits, target, 1.0)


def weighted_binary_cross_entropy(
    logits: Float[Array, "batch classes"], target: Int[Array, " batch"], positive_weight: float
) -> Float[Array, " batch"]:
    """WBCE, -[w t log p + (1 - t) log(1 - p)], in its numerically stable form on logits.

    (1 - t) l + s softplus(-l) with s = 1 + (w - 1) t: the NS-WBCE of Shareef et al., which print a minus before it that
    would maximise it. Equal to TensorFlow's weighted_cross_entropy_with_logits with pos_weight w.
    """
    logit, t = positive_logit(logits), _binary(target)
    return (1.0 - t) * logit + (1.0 + (positive_weight - 1.0) * t) * jax.nn.softplus(-logit)


def clipped_weighted_binary_cross_entropy(
    logits: Float[Array, "batch classes"], target: Int[Array, " batch"], positive_weight: float
) -> Float[Array, " batch"]:
    """WBCE of the probability, clipped to [1e-7, 1 - 1e-7] as Keras does and as the code of Shareef et al. does.

    Differs from `weighted_binary_cross_entropy` only beyond |l| = 16.1, where it is constant: an example that is wrong
    by so much has no gradient. Near there, float32 holds 1 - p with few digits.
    """
    p, t = jnp.clip(jax.nn.sigmoid(positive_logit(logits)), CLIP, 1.0 - CLIP), _binary(target)
    return -(positive_weight * t * jnp.log(p) + (1.0 - t) * jnp.log1p(-p))


def focal(
    logits: Float[Array, "batch classes"], target: Int[Array, " batch"], gamma: float, alpha: float
) -> Float[Array, " batch"]:
    """-[alpha t (1 - p)^gamma log p + (1 - alpha) (1 - t) p^gamma log(1 - p)] (Lin et al. 2017, eq. 5).

    Shareef et al., eq. 10, leave out the exponent of p; their code has it. With gamma 0 and alpha 1/2 it is half of
    binary cross-entropy.
    """
    logit, t = positive_logit(logits), _binary(target)
    log_p, log_q = -jax.nn.softplus(-logit), -jax.nn.softplus(logit)
    return -(alpha * t * jnp.exp(gamma * log_q) * log_p + (1.0 - alpha) * (1.0 - t) * jnp.exp(gamma * log_p) * log_q)


LOSSES: dict[str, Callable[[Any], Loss]] = {
    "cross_entropy": lambda config: cross_entropy,
    "bce": lambda config: binary_cross_entropy,
    "weighted_bce": lambda config: functools.partial(
        weighted_binary_cross_entropy, positive_weight=config.positive_weight
    ),
    "weighted_bce_clipped": lambda config: functools.partial(
        clipped_weighted_binary_cross_entropy, positive_weight=config.positive_weight
    ),
    "focal": lambda config: functools.partial(focal, gamma=config.gamma, alpha=config.alpha),
    LMCL: lambda config: functools.partial(large_margin_cosine, scale=config.scale, margin=config.margin),
}
"""Name -> function of the fields of `config.loss`."""


def make_loss(config: Any) -> Loss:
    """The classification loss of `config.loss`: (logits [batch, classes], target [batch]) -> [batch].

    Args:
      config: with `name`, `positive_weight` (w, of weighted losses), `gamma` and `alpha` (of focal), `scale` and
        `margin` (of lmcl).

    Raises:
      ValueError: for an unknown name, with the nearest one that exists.
    """
    if config.name not in LOSSES:
        raise ValueError(f"loss.name: unknown name {config.name!r}{hint(config.name, sorted(LOSSES))}")
    return LOSSES[config.name](config)


def _binary(target: Int[Array, " batch"]) -> Float[Array, " batch"]:
    return jnp.maximum(target, 0).astype(jnp.float32)
