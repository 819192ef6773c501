"""Update rules that Keras has in another form than Optax, before the learning rate.

Source: keras.optimizers, versions 2 and 3. What is called epsilon differs between libraries; here it is Keras's.
"""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

DECAY_BASE = 0.96  # of Nadam's momentum schedule


class NadamState(NamedTuple):
    """Of Nadam.

    Attributes:
      count: steps taken, int32 [].
      mu, nu: means of the gradients and of their squares.
      product: of the momenta of all steps so far, float32 [].
    """

    count: Any
    mu: Any
    nu: Any
    product: Any


def _moments(gradients: Any, mu: Any, nu: Any, b1: float, b2: float) -> tuple[Any, Any]:
    mu = jax.tree.map(lambda m, g: m + (1.0 - b1) * (g - m), mu, gradients)
    return mu, jax.tree.map(lambda v, g: v + (1.0 - b2) * (g * g - v), nu, gradients)


def _one_minus_power(b: float, t: Any) -> Any:
    """1 - b^t, to the last digits: in float32, 1 - 0.999 itself has four."""
    return -jnp.expm1(t * math.log(b)) if b else jnp.ones(())


def scale_by_keras_adam(b1: float, b2: float, eps: float) -> optax.GradientTransformation:
    """Adam with "epsilon hat" (Kingma and Ba 2015, the remark before section 2.1): m / (sqrt(v) + eps) times a number.

    m <- b1 m + (1 - b1) g; v <- b2 v + (1 - b2) g^2; the update is sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt(v) + eps). So
    eps is added to the root of the v that is not yet corrected. In the common form, m' / (sqrt(v') + e) with the
    corrected m' and v', it is e = eps / sqrt(1 - b2^t): 32 times eps at the first step with b2 = 0.999, eps in the end.
    """

    def init(params: Any) -> optax.ScaleByAdamState:
        zeros = jax.tree.map(jnp.zeros_like, params)
        return optax.ScaleByAdamState(jnp.zeros((), jnp.int32), zeros, zeros)

    def update(gradients: Any, state: Any, params: Any = None) -> tuple[Any, optax.ScaleByAdamState]:
        del params
        mu, nu = _moments(gradients, state.mu, state.nu, b1, b2)
        t = state.count + 1
        correction = jnp.sqrt(_one_minus_power(b2, t)) / _one_minus_power(b1, t)
        updates = jax.tree.map(lambda m, v: correction * m / (jnp.sqrt(v) + eps), mu, nu)
        return updates, optax.ScaleByAdamState(t, mu, nu)

    return optax.GradientTransformation(init, update)


def scale_by_nadam(b1: float, b2: float, eps: float, momentum_decay: float) -> optax.GradientTransformation:
    """Nadam (Dozat 2016, Algorithm 2) with its momentum schedule.

    The momentum of step t is u_t = b1 (1 - 0.96^(t d) / 2), d = `momentum_decay`; the update is m' / (sqrt(v') + eps)
    with v' = v / (1 - b2^t) and m' = u_{t+1} m / (1 - u_1 ... u_{t+1}) + (1 - u_t) g / (1 - u_1 ... u_t); m and v as
    Adam's. d is 1/250 in Dozat's paper, in Keras before 2.11 and in PyTorch; 1 in Keras since.
    """

    def momentum(t: Any) -> Any:
        return b1 * (1.0 - 0.5 * DECAY_BASE ** (t * momentum_decay))

    def init(params: Any) -> NadamState:
        zeros = jax.tree.map(jnp.zeros_like, params)
        return NadamState(jnp.zeros((), jnp.int32), zeros, zeros, jnp.ones((), jnp.float32))

    def update(gradients: Any, state: Any, params: Any = None) -> tuple[Any, NadamState]:
        del params
        mu, nu = _moments(gradients, state.mu, state.nu, b1, b2)
        t = state.count + 1
        now, after = momentum(t), momentum(t + 1)
        product = state.product * now
        of_mean, of_gradient = after / (1.0 - product * after), (1.0 - now) / (1.0 - product)
        correction = _one_minus_power(b2, t)

        def one(g: Any, m: Any, v: Any) -> Any:
            return (of_mean * m + of_gradient * g) / (jnp.sqrt(v / correction) + eps)

        return jax.tree.map(one, gradients, mu, nu), NadamState(t, mu, nu, product)

    return optax.GradientTransformation(init, update)
