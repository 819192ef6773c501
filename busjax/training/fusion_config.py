"""What is checked of a config that fuses two modalities."""

from ml_collections import ConfigDict

from busjax.methods import COMBINED, SINGLE
from busjax.training.errors import ConfigError
from busjax.training.rules import POSITIVE, SHARE, WIDTHS
from tfds_builders.record import ULTRASOUND

WHOLE = (lambda value: type(value) is int and value >= 0), "a whole number, 0 or more"
RULES = {
    "widths": WIDTHS,
    "dropout_rate": SHARE,
    "dropouts": WHOLE,
    "rate_factor": POSITIVE,
    "single_epochs": WHOLE,
}


def validate_fusion(config: ConfigDict) -> None:
    """Checks what the method 'fusion' needs beside what every method does.

    Args:
      config: of the run.

    Raises:
      ConfigError: naming the field that is wrong.
    """
    own = config.model.get(COMBINED, {})
    if sorted(own) != sorted(RULES):
        found = ", ".join(sorted(own)) or "nothing"
        raise ConfigError(f"model.{COMBINED}: found {found}; 'fusion' expects {', '.join(sorted(RULES))}")
    for field, (holds, expected) in RULES.items():
        if not holds(own[field]):
            raise ConfigError(f"model.{COMBINED}.{field}: found {own[field]!r}, expected {expected}")
    tasks = {name: config.model[name].task for name in SINGLE}
    if len(set(tasks.values())) > 1:
        first, second = SINGLE
        raise ConfigError(f"model.{second}.task: found {tasks[second]!r}, expected {tasks[first]!r} as of {first}")
    outputs = {name: config.model[name].head.outputs for name in SINGLE}
    if set(outputs.values()) != {2}:
        wrong = next(name for name in SINGLE if outputs[name] != 2)
        raise ConfigError(f"model.{wrong}.head.outputs: found {outputs[wrong]}, expected 2, as the fusion network has")
    if config.data.modality != ULTRASOUND:
        raise ConfigError(
            f"data.modality: found {config.data.modality!r}, expected {ULTRASOUND!r}, which means nothing here: the "
            "method 'fusion' sees both modalities"
        )
    if config.data.variants or config.data.views != 1:
        field = "variants" if config.data.variants else "views"
        raise ConfigError(f"data.{field}: found {config.data[field]}, expected {int(field == 'views')} of pairs")
    if not own.single_epochs:
        return
    if config.optimizer.schedule != "constant" and own.single_epochs != config.train.epochs:
        raise ConfigError(
            f"model.{COMBINED}.single_epochs: found {own.single_epochs}, expected train.epochs, {config.train.epochs}, "
            f"where optimizer.schedule is {config.optimizer.schedule!r}: one schedule serves both stages"
        )
    if config.optimizer.plateau.patience:
        raise ConfigError(
            f"optimizer.plateau.patience: found {config.optimizer.plateau.patience}, expected 0 where "
            f"model.{COMBINED}.single_epochs is above 0"
        )
