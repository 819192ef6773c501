"""Update rules."""

from collections.abc import Callable
from typing import Any

import jax
import optax

from busjax.names import hint


def decayed(params: Any) -> Any:
    """Which parameters weight decay acts on: kernels and scales, not biases (MXNet's rule)."""
    return jax.tree_util.tree_map_with_path(lambda path, _: path[-1].key in ("kernel", "scale"), params)


def adadelta(config: Any, learning_rate: optax.ScalarOrSchedule) -> optax.GradientTransformation:
    """MXNet's AdaDelta of 2017-18, the framework and optimizer of Qi et al. 2019.

    v <- rho v + (1 - rho) g^2; d = sqrt(u + eps) / sqrt(v + eps) g; u <- rho u + (1 - rho) d^2; w <- w - d - wd w.
    It had no learning rate; `learning_rate` multiplies d alone, and 1 is MXNet's form. With decay 'coupled', wd w is
    added to g first instead, the textbook's L2 regularisation; under AdaDelta that is far weaker. The paper says
    "L2 regularization" only, and MXNet does it the first way.
    """
    scale = optax.scale_by_adadelta(config.rho, config.eps)
    if config.decay == "coupled":
        decay = optax.add_decayed_weights(config.weight_decay, decayed)
        return optax.chain(decay, scale, optax.scale_by_learning_rate(learning_rate))
    decay = optax.add_decayed_weights(-config.weight_decay, decayed)
    return optax.chain(scale, optax.scale_by_learning_rate(learning_rate), decay)


def adam(config: Any, learning_rate: optax.ScalarOrSchedule) -> optax.GradientTransformation:
    """Adam (Kingma and Ba 2015) as PyTorch has it: epsilon outside the root, after bias correction.

    With decay 'decoupled' the learning rate times wd w is subtracted from w (AdamW), with 'coupled' wd w is added to g.
    """
    scale = optax.scale_by_adam(config.b1, config.b2, config.eps)
    decay = optax.add_decayed_weights(config.weight_decay, decayed)
    order = (decay, scale) if config.decay == "coupled" else (scale, decay)
    return optax.chain(*order, optax.scale_by_learning_rate(learning_rate))


OPTIMIZERS: dict[str, Callable[[Any, optax.ScalarOrSchedule], optax.GradientTransformation]] = {
    "adadelta": adadelta,
    "adam": adam,
}
SCHEDULES = ("constant", "cosine")


def make_optimizer(config: Any, steps: int) -> optax.GradientTransformation:
    """The update rule of `config.optimizer`.

    Its schedule is 'constant', as in the paper, or 'cosine': from the learning rate to 0 over all steps of a run.

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
    if config.schedule not in SCHEDULES:
        raise ValueError(f"optimizer.schedule: unknown name {config.schedule!r}{hint(config.schedule, SCHEDULES)}")
    rate: optax.ScalarOrSchedule = config.learning_rate
    if config.schedule == "cosine":
        rate = optax.cosine_decay_schedule(config.learning_rate, steps)
    return OPTIMIZERS[config.name](config, rate)
