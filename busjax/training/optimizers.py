"""Update rules."""

from collections.abc import Callable
from typing import Any

import jax
import optax

from busjax.names import hint
from busjax.training.keras_rules import scale_by_keras_adam, scale_by_nadam
from busjax.training.plateau import is_wanted, scale_by_plateau

# The fields of `config.optimizer`, and what multiplies an update by minus the learning rate -> the rule.
Rule = Callable[[Any, optax.GradientTransformation], optax.GradientTransformation]


DECAYED = ("kernel", "transposed_kernel", "scale")


def decayed(params: Any) -> Any:
    """Which parameters weight decay acts on: kernels and scales, not biases (MXNet's rule)."""
    return jax.tree_util.tree_map_with_path(lambda path, _: path[-1].key in DECAYED, params)


def adadelta(config: Any, rate: optax.GradientTransformation) -> optax.GradientTransformation:
    """MXNet's AdaDelta of 2017-18, the framework and optimizer of Qi et al. 2019.

    v <- rho v + (1 - rho) g^2; d = sqrt(u + eps) / sqrt(v + eps) g; u <- rho u + (1 - rho) d^2; w <- w - d - wd w.
    It had no learning rate; here it multiplies d alone, and 1 is MXNet's form. With decay 'coupled', wd w is
    added to g first instead, the textbook's L2 regularisation; under AdaDelta that is far weaker. The paper says
    "L2 regularization" only, and MXNet does it the first way.
    """
    scale = optax.scale_by_adadelta(config.rho, config.eps)
    if config.decay == "coupled":
        return optax.chain(optax.add_decayed_weights(config.weight_decay, decayed), scale, rate)
    return optax.chain(scale, rate, optax.add_decayed_weights(-config.weight_decay, decayed))


def adam(config: Any, rate: optax.GradientTransformation) -> optax.GradientTransformation:
    """Adam (Kingma and Ba 2015) as PyTorch has it: epsilon outside the root, after bias correction."""
    return _with_decay(config, optax.scale_by_adam(config.b1, config.b2, config.eps), rate)


def keras_adam(config: Any, rate: optax.GradientTransformation) -> optax.GradientTransformation:
    """Adam as Keras has it, whose epsilon stands before bias correction: see `scale_by_keras_adam`."""
    return _with_decay(config, scale_by_keras_adam(config.b1, config.b2, config.eps), rate)


def nadam(config: Any, rate: optax.GradientTransformation) -> optax.GradientTransformation:
    """Nadam with the momentum schedule of Keras: see `scale_by_nadam`."""
    return _with_decay(config, scale_by_nadam(config.b1, config.b2, config.eps, config.momentum_decay), rate)


def rmsprop(config: Any, rate: optax.GradientTransformation) -> optax.GradientTransformation:
    """RMSprop as Keras had it until version 2.2, and PyTorch has it, without momentum.

    v <- rho v + (1 - rho) g^2; the update is g / (sqrt(v) + eps). Keras 3 has eps under the root, where its 1e-7 weighs
    as much as 3e-4 here.
    """
    return _with_decay(config, optax.scale_by_rms(config.rho, config.eps, eps_in_sqrt=False), rate)


def sgd(config: Any, rate: optax.GradientTransformation) -> optax.GradientTransformation:
    """Gradient descent with momentum as Keras has it (the heavy ball): v <- momentum v - rate g; w <- w + v.

    The rate stands inside v: where it falls, v keeps what it had. With a rate that never changes this is also PyTorch's
    form. wd w is added to g (decay 'coupled', L2 regularisation).

    Raises:
      ValueError: decoupled decay, which the rule does not have.
    """
    if config.weight_decay and config.decay != "coupled":
        raise ValueError("optimizer.decay: found 'decoupled', expected 'coupled' of sgd with a weight decay")
    decay = optax.add_decayed_weights(config.weight_decay, decayed)
    return optax.chain(decay, rate, optax.trace(config.momentum))


def _with_decay(
    config: Any, scale: optax.GradientTransformation, rate: optax.GradientTransformation
) -> optax.GradientTransformation:
    """With decay 'decoupled' the learning rate times wd w is subtracted from w (AdamW), with 'coupled' wd w is added
    to g."""
    decay = optax.add_decayed_weights(config.weight_decay, decayed)
    order = (decay, scale) if config.decay == "coupled" else (scale, decay)
    return optax.chain(*order, rate)


OPTIMIZERS: dict[str, Rule] = {
    "adadelta": adadelta,
    "adam": adam,
    "keras_adam": keras_adam,
    "nadam": nadam,
    "rmsprop": rmsprop,
    "sgd": sgd,
}
SCHEDULES = ("constant", "cosine")


def learning_rate(config: Any, steps: int) -> optax.Schedule:
    """From the number of steps taken to the learning rate of the next one, before any plateau's scale.

    Raises:
      ValueError: for an unknown schedule, with what exists.
    """
    if config.schedule not in SCHEDULES:
        raise ValueError(f"optimizer.schedule: unknown name {config.schedule!r}{hint(config.schedule, SCHEDULES)}")
    if config.schedule == "cosine":
        return optax.cosine_decay_schedule(config.learning_rate, steps)
    return optax.constant_schedule(config.learning_rate)


def make_optimizer(config: Any, steps: int) -> optax.GradientTransformation:
    """The update rule of `config.optimizer`.

    Its schedule is 'constant', as in the paper, or 'cosine': from the learning rate to 0 over all steps of a run. With
    `plateau.patience` the rate falls when the validation loss no longer does (`plateau.after_validation`).

    Args:
      config: the fields of `optimizer`.
      steps: how many steps the run has.

    Raises:
      ValueError: for an unknown name or kind of decay, with what exists.
    """
    if config.name not in OPTIMIZERS:
        raise ValueError(f"optimizer.name: unknown name {config.name!r}{hint(config.name, sorted(OPTIMIZERS))}")
    if config.decay not in ("decoupled", "coupled"):
        raise ValueError(f"optimizer.decay: found {config.decay!r}, expected 'decoupled' or 'coupled'")
    schedule = learning_rate(config, steps)
    # A number where it is constant, which leaves no count in the optimizer's state.
    rate = optax.scale_by_learning_rate(schedule if config.schedule != "constant" else config.learning_rate)
    if is_wanted(config):
        rate = optax.chain(rate, scale_by_plateau())
    return OPTIMIZERS[config.name](config, rate)
