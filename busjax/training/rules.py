"""What each field of a config may be, and which fields go together."""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from ml_collections import ConfigDict

from busjax.data.augmentation import Augmentation
from busjax.data.despeckle import FILTERS
from busjax.data.pipeline import RESIZES
from busjax.data.preprocessing import PIXELS
from busjax.data.splits import PROTOCOLS
from busjax.methods import METHODS
from busjax.methods.losses import LMCL, LOSSES
from busjax.methods.segmentation_losses import SEGMENTATION_LOSSES
from busjax.methods.tasks import TASKS
from busjax.models.dense_head import POOLS
from busjax.names import EVERY
from busjax.pretrained.table import RELEASES
from busjax.training.errors import ConfigError
from busjax.training.fold_rules import check_folds
from busjax.training.optimizers import OPTIMIZERS, SCHEDULES
from busjax.training.stored_rules import check_head_from, check_stored_features, check_variants
from tfds_builders.record import MODALITIES

METRICS = ("f_beta", "auc", "accuracy", "balanced_accuracy", "sensitivity", "specificity", "loss")
OF_CLASSES = ("accuracy", "balanced_accuracy", "auc", "loss")  # those that more than two classes have


def _one_of(*names: str):
    return (lambda value: value in names), f"one of {', '.join(names)}"


def _number(holds: Callable[[float], bool], expected: str):
    """A rule for numbers, which neither None nor True and False are."""
    return (lambda value: isinstance(value, int | float) and not isinstance(value, bool) and holds(value)), expected


def _at_least(minimum: float):
    return _number(lambda value: value >= minimum, f"at least {minimum:g}")


def _between(low: float, high: float):
    return _number(lambda value: low <= value <= high, f"{low:g} to {high:g}")


POSITIVE = _number(lambda value: value > 0 and math.isfinite(value), "a positive number")
SHARE = _number(lambda value: 0 <= value < 1, "0 or more and below 1")
WIDTH = _number(lambda value: 0 < value <= 1, "above 0 and at most 1")
FLAG = (lambda value: isinstance(value, bool)), "True or False"
TEXT = (lambda value: isinstance(value, str)), "a text"
WIDTHS = (
    (lambda value: isinstance(value, list | tuple) and value and all(type(w) is int and w > 0 for w in value)),
    "a tuple of layer widths",
)
RULES: dict[str, tuple] = {
    "method": _one_of(*METHODS),
    "seed": _between(0, 2**32 - 1),
    "dtype": _one_of("float32", "bfloat16"),
    "data.modality": _one_of(*MODALITIES),
    "data.groups": TEXT,
    "pretrained.release": TEXT,
    "pretrained.path": TEXT,
    "pretrained.cache_dir": TEXT,
    "pretrained.head_from": TEXT,
    "pretrained.mt.release": TEXT,
    "pretrained.mt.path": TEXT,
    "pretrained.sn.release": TEXT,
    "pretrained.sn.path": TEXT,
    "pretrained.freeze": (
        (lambda value: isinstance(value, list) and all(isinstance(item, str) and item for item in value)),
        "a tuple of patterns",
    ),
    "data.split": _one_of(*PROTOCOLS),
    "data.split_seed": _at_least(0),
    "data.folds": _at_least(3),
    "data.fold": (
        (lambda value: type(value) is int and value >= EVERY),
        "0 or more, or -1 for all folds of 'leave_one_out'",
    ),
    "data.variants": (
        (lambda value: type(value) is int and (value == 0 or value >= 2)),
        "0 for none, or a whole number of versions from 2 on",
    ),
    "data.shares": (
        (lambda value: isinstance(value, list) and len(value) == 3 and all(type(s) is int and s > 0 for s in value)),
        "three whole numbers above 0, for training, validation and test",
    ),
    "data.image_size": _at_least(1),
    "data.resize": _one_of(*RESIZES),
    "data.grey": FLAG,
    "data.despeckle": ((lambda value: value == "" or value in FILTERS), f"'', or one of {', '.join(FILTERS)}"),
    "data.views": _at_least(1),
    "data.pixels": (
        (lambda value: value == "release" or value in PIXELS or value in RELEASES),
        f"'release', one of {', '.join(PIXELS)}, or the name of a release",
    ),
    "loss.name": _one_of(*LOSSES),
    "loss.positive_weight": POSITIVE,
    "loss.gamma": _at_least(0),
    "loss.alpha": _between(0, 1),
    "loss.scale": POSITIVE,
    "loss.margin": _between(0, 2),  # the farthest that two cosines can be apart
    "loss.segmentation": _one_of(*SEGMENTATION_LOSSES),
    "loss.classification_weight": _at_least(0),
    "loss.segmentation_weight": _at_least(0),
    "model.batch_norm": _one_of("batch", "frozen"),
    "model.norm_epsilon": POSITIVE,
    "model.norm_momentum": SHARE,
    "model.dropout_rate": SHARE,
    "model.map_scale": _number(math.isfinite, "a finite number"),
    "optimizer.name": _one_of(*OPTIMIZERS),
    "optimizer.schedule": _one_of(*SCHEDULES),
    "optimizer.decay": _one_of("decoupled", "coupled"),
    "optimizer.learning_rate": POSITIVE,
    "optimizer.rho": SHARE,
    "optimizer.eps": POSITIVE,
    "optimizer.b1": SHARE,
    "optimizer.b2": SHARE,
    "optimizer.momentum": SHARE,
    "optimizer.momentum_decay": _at_least(0),
    "optimizer.plateau.patience": _at_least(0),
    "optimizer.plateau.factor": _number(lambda value: 0 < value < 1, "above 0 and below 1"),
    "optimizer.plateau.min_delta": _at_least(0),
    "optimizer.plateau.floor": _at_least(0),
    "optimizer.weight_decay": _at_least(0),
    "train.stored_features": FLAG,
    "train.folds_at_once": (
        (lambda value: type(value) is int and value >= 0),
        "a whole number of folds, or 0 for all",
    ),
    "train.epochs": _at_least(1),
    "train.batch_size": _at_least(1),
    "train.patience": _at_least(1),
    "train.log_every": _at_least(1),
    "eval.batch_size": _at_least(1),
    "eval.unit": _one_of("image", "case"),
    "eval.threshold": _between(0, 1),
    "eval.mask_threshold": _between(0, 1),
    "eval.beta": POSITIVE,
    "selection.metric": _one_of(*METRICS),
    "selection.after": SHARE,
    "selection.mode": _one_of("max", "min"),
}


def check_fields(flat: Mapping[str, Any]) -> None:
    """Checks every field by itself.

    Args:
      flat: the config's fields by their dotted names.

    Raises:
      ConfigError: naming the first field that is missing or wrong.
    """
    networks = {field: WIDTH for field in flat if re.fullmatch(r"model\.\w+\.width", field)}
    for field, (holds, expected) in (RULES | networks).items():
        if field not in flat:
            raise ConfigError(f"{field}: missing from the config, expected {expected}")
        try:
            held = holds(flat[field])
        except TypeError:  # what cannot be compared, such as a list among names
            held = False
        if not held:
            raise ConfigError(f"{field}: found {flat[field]!r}, expected {expected}")
    for field, value in flat.items():
        if value is None:
            raise ConfigError(f"{field}: found None, expected a value")


def check_together(config: ConfigDict, names: tuple[str, ...]) -> None:
    """Checks what fields mean together.

    Args:
      config: each field of which is right by itself.
      names: of the networks that it trains.

    Raises:
      ConfigError: naming the first field that contradicts another.
    """
    try:
        Augmentation.from_mapping(config.data.augment.to_dict())
    except ValueError as error:
        raise ConfigError(f"data.{error}" if str(error).startswith("augment.") else f"data.augment: {error}") from None
    check_variants(config)
    if config.data.resize != "short_side" and config.data.views != 1:
        found = f"data.views: found {config.data.views}"
        raise ConfigError(f"{found}, expected 1 where data.resize is {config.data.resize!r}")
    check_folds(config)
    if config.eval.unit == "case" and config.data.variants:
        raise ConfigError(f"eval.unit: found 'case', expected 'image' where data.variants is {config.data.variants}")
    if config.data.pixels != "release" and config.method == "cross_training":
        found = f"data.pixels: found {config.data.pixels!r}"
        raise ConfigError(f"{found}, expected 'release' of a method whose networks see maps beside pixels")
    check_stored_features(config, names)
    check_head_from(config)
    if config.loss.name == LMCL and config.method in ("multitask", "autoencoding"):
        raise ConfigError(
            f"loss.name: found {LMCL!r}, expected another of the method {config.method!r}, whose networks have a "
            "linear last layer"
        )
    if config.data.resize == "lesion" and not config.data.variants:
        _refuse_turned_patches(config)
    for name in names:
        if config.method != "autoencoding":  # whose classifier is one layer
            _check_head(config, name, maps=config.method == "cross_training")
        _check_task(config, name, several=len(names) > 1)
    optimizer = config.optimizer
    if optimizer.name == "sgd" and optimizer.weight_decay and optimizer.decay != "coupled":
        raise ConfigError("optimizer.decay: found 'decoupled', expected 'coupled' of sgd with a weight decay")
    if optimizer.plateau.patience and optimizer.schedule != "constant":
        found = f"optimizer.schedule: found {optimizer.schedule!r}"
        raise ConfigError(f"{found}, expected 'constant' with optimizer.plateau.patience")
    if config.selection.metric == "loss" and config.selection.mode != "min":
        raise ConfigError(
            f"selection.mode: found {config.selection.mode!r}, expected 'min' where selection.metric is 'loss'"
        )


def _check_task(config: ConfigDict, name: str, *, several: bool) -> None:
    own = config.model[name]
    count = len(TASKS[own.task].classes)
    if several and count > 2:
        found = f"model.{name}.task: found {own.task!r}"
        raise ConfigError(f"{found}, expected a task of two classes of {config.method}")
    outputs = own.head.outputs if "head" in own else count
    if type(outputs) is not int or outputs not in ((1, 2) if count == 2 else (count,)):
        expected = "1 (a sigmoid) or 2 (a softmax)" if count == 2 else str(count)
        raise ConfigError(f"model.{name}.head.outputs: found {outputs!r}, expected {expected} of the task {own.task!r}")
    if count > 2 and config.loss.name != "cross_entropy":
        found = f"loss.name: found {config.loss.name!r}"
        raise ConfigError(f"{found}, expected 'cross_entropy' of the task {own.task!r}, which has {count} classes")
    if count > 2 and config.selection.metric not in OF_CLASSES:
        found = f"selection.metric: found {config.selection.metric!r}"
        expected = f"one of {', '.join(OF_CLASSES)} of the task {own.task!r}, which has {count} classes"
        raise ConfigError(f"{found}, expected {expected}")


def _refuse_turned_patches(config: ConfigDict) -> None:
    """A patch's further inputs are those of its region as it was; only versions of an image have their own."""
    augment = config.data.augment
    for field, still in (("right_angles", False), ("rotate_degrees", 0), ("shear_degrees", 0), ("scale", (1, 1))):
        found = augment[field]
        if (tuple(found) if field == "scale" else found) != still:
            raise ConfigError(
                f"data.augment.{field}: found {found!r}, expected {still!r} where data.resize is 'lesion' and "
                "data.variants is 0: the region's size and aspect are inputs, too"
            )


def _check_head(config: ConfigDict, name: str, *, maps: bool) -> None:
    head = config.model[name].get("head")
    if head is None or sorted(head) != ["dropout_rate", "outputs", "pool", "widths"]:
        found = "nothing" if head is None else ", ".join(sorted(head))
        raise ConfigError(f"model.{name}.head: found {found}, expected dropout_rate, outputs, pool, widths")
    widths = head.widths
    if not isinstance(widths, list | tuple) or not all(type(w) is int and w > 0 for w in widths):
        raise ConfigError(f"model.{name}.head.widths: found {widths!r}, expected a tuple of layer widths, or ()")
    if head.pool not in POOLS:
        raise ConfigError(f"model.{name}.head.pool: found {head.pool!r}, expected one of {', '.join(POOLS)}")
    if head.pool == "flatten" and (config.method != "classification" or not widths):
        raise ConfigError(
            f"model.{name}.head.pool: found 'flatten', expected 'average' but for the method 'classification' with "
            f"hidden layers (model.{name}.head.widths)"
        )
    if not SHARE[0](head.dropout_rate):
        raise ConfigError(f"model.{name}.head.dropout_rate: found {head.dropout_rate!r}, expected {SHARE[1]}")
    if config.loss.name == LMCL and head.outputs < 2:
        raise ConfigError(
            f"model.{name}.head.outputs: found {head.outputs}, expected 2: loss.name {LMCL!r} needs the cosine of each "
            "class"
        )
    if maps and widths:
        raise ConfigError(
            f"model.{name}.head.widths: found {tuple(widths)!r}, expected (): {config.method} needs class activation "
            "maps, which there are none of with hidden layers"
        )
