"""What is checked of configs that leave cases out in turn."""

import math

from ml_collections import ConfigDict

from busjax.names import EVERY, LEAVE_ONE_OUT
from busjax.training.errors import ConfigError

SIDE_BY_SIDE = ("classification", "fusion")
"""Methods whose folds can be trained in one run."""


def check_folds(config: ConfigDict) -> None:
    """Checks `data.fold`, and what all folds in one run cannot have.

    Raises:
      ConfigError: naming the field that is wrong.
    """
    data = config.data
    if data.split == LEAVE_ONE_OUT and data.fold >= data.folds:
        raise ConfigError(
            f"data.fold: found {data.fold}, expected 0 to {data.folds - 1} (data.folds - 1), or {EVERY} for all"
        )
    if data.split == LEAVE_ONE_OUT and data.variants:
        raise ConfigError(f"data.variants: found {data.variants}, expected 0 where data.split is {LEAVE_ONE_OUT!r}")
    epochs = config.train.epochs
    if data.split == LEAVE_ONE_OUT and math.floor(config.selection.after * epochs) < epochs - 1:
        raise ConfigError(
            f"selection.after: found {config.selection.after:g}, expected {(epochs - 1) / epochs:.4g} or more where "
            f"data.split is {LEAVE_ONE_OUT!r} and train.epochs {epochs}: the last is reported, for all lesions alike"
        )
    if data.fold != EVERY:
        return
    if data.split != LEAVE_ONE_OUT:
        raise ConfigError(f"data.fold: found {EVERY}, expected 0 or more but for data.split {LEAVE_ONE_OUT!r}")
    if config.method not in SIDE_BY_SIDE:
        raise ConfigError(
            f"data.fold: found {EVERY}, expected 0 or more of the method {config.method!r}; all folds in one run are "
            f"for {' and '.join(SIDE_BY_SIDE)}"
        )
    if config.train.stored_features:
        raise ConfigError(f"train.stored_features: found True, expected False where data.fold is {EVERY}")
    if config.optimizer.plateau.patience:
        raise ConfigError(
            f"optimizer.plateau.patience: found {config.optimizer.plateau.patience}, expected 0 where data.fold is "
            f"{EVERY}: every fold would need a rate of its own"
        )


def check_fold_devices(config: ConfigDict, devices: int, hosts: int) -> None:
    """Checks that the devices can divide the folds.

    Raises:
      ConfigError: they cannot.
    """
    if config.data.split != LEAVE_ONE_OUT:
        return
    if hosts > 1:
        raise ConfigError(
            f"data.split: found {LEAVE_ONE_OUT!r} on {hosts} hosts, expected one; use a sweep over data.fold"
        )
    if config.data.fold == EVERY and config.data.folds % devices:
        raise ConfigError(
            f"data.folds: found {config.data.folds}, expected a multiple of the {devices} devices, which divide them"
        )
