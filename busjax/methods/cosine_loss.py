"""Large-margin cosine loss (LMCL, CosFace; Wang et al. 2018, eq. 4)."""

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int


def large_margin_cosine(
    logits: Float[Array, "batch classes"], target: Int[Array, " batch"], scale: float, margin: float
) -> Float[Array, " batch"]:
    """-log of e^{s (cos y - m)} / (e^{s (cos y - m)} + sum over j != y of e^{s cos j}), each example's.

    Of class 0 where the answer is unknown (-1), to be left out by its weight. With m = 0 it is the softmax
    cross-entropy of the logits.

    Args:
      logits: s cos(theta_c), as `models.cosine_head.CosineHead` gives them.
      target: y.
      scale: s.
      margin: m.

    Raises:
      ValueError: there is one logit; a margin is between the weights of two classes or more.
    """
    classes = logits.shape[-1]
    if classes < 2:
        raise ValueError(f"large-margin cosine loss: found {classes} output, expected one for each class, 2 or more")
    right = jnp.maximum(target, 0)
    reduced = logits - scale * margin * jax.nn.one_hot(right, classes, dtype=logits.dtype)
    return optax.softmax_cross_entropy_with_integer_labels(reduced, right)
