"""Fields that a run would not use, and that someone has set: the run would be as without them, and say nothing.

Asked of runs that have not begun: what older ones have set stands in their work directories.
"""

from ml_collections import ConfigDict

from busjax.data.splits import HOLDOUT_SHARES
from busjax.methods import network_names
from busjax.models import BACKBONES, MULTITASK
from busjax.models.layers import Settings
from busjax.names import LEAVE_ONE_OUT
from busjax.training.errors import ConfigError
from busjax.training.releases import settle_releases

# What stands in a config that has not set them.
DROPOUT, HEAD_DROPOUT = 0.2, 0.3
OWN_PARTS = ("kfold", "official", LEAVE_ONE_OUT)
"""Protocols whose parts are not those of `data.shares`."""


def refuse_unused(config: ConfigDict) -> None:
    """Checks that fields which the run does not use are as they are by default.

    Args:
      config: of a run that has not begun, valid otherwise.

    Raises:
      ConfigError: naming the first field that is not.
    """
    data = config.data
    if data.split in OWN_PARTS and tuple(data.shares) != HOLDOUT_SHARES:
        raise ConfigError(
            f"data.shares: found {tuple(data.shares)!r}, expected {HOLDOUT_SHARES!r}, the default: data.split "
            f"{data.split!r} does not use it"
        )
    settled = settle_releases(config)
    names = network_names(config)
    if why := _no_dropout_of_the_mean(settled, names):
        _require("model.dropout_rate", config.model.dropout_rate, DROPOUT, why)
    if config.method == "autoencoding":
        return
    for name in names:
        own = settled.model[name]
        field, found = f"model.{name}.head.dropout_rate", own.head.dropout_rate
        if own.head.widths:
            continue
        if config.method != "multitask":
            why = f"without hidden layers (model.{name}.head.widths) it is not used"
            if not _no_dropout_of_the_mean(settled, names):
                why += ", model.dropout_rate is"
            _require(field, found, HEAD_DROPOUT, why)
        elif not MULTITASK[own.architecture].dropout_first and found != 0:
            raise ConfigError(
                f"{field}: found {found}, expected 0: {own.architecture!r} has no dropout without hidden layers "
                f"(model.{name}.head.widths)"
            )


def _no_dropout_of_the_mean(settled: ConfigDict, names: tuple[str, ...]) -> str:
    """Why a run does not drop averaged features before the last layer by `model.dropout_rate`; '' where it does."""
    if settled.method == "autoencoding":
        return "the method 'autoencoding' has no dropout"
    heads = " and ".join(f"model.{name}.head.dropout_rate" for name in names)
    if settled.method == "multitask":
        return f"the method 'multitask' does not use it, its dropout is {heads}"
    owns = [settled.model[name] for name in names]
    if all(own.head.widths for own in owns):
        return f"with hidden layers it is not used, their dropout is {heads}"
    if all(BACKBONES[own.backbone](Settings(), **own.options.to_dict()).always_hidden for own in owns):
        return f"{' and '.join(own.backbone for own in owns)} has hidden layers of its own and does not use it"
    return ""


def _require(field: str, found: float, expected: float, why: str) -> None:
    if found != expected:
        raise ConfigError(f"{field}: found {found}, expected {expected}, the default: {why}")
