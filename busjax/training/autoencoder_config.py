"""What is checked of a config whose layers are trained before the task."""

from ml_collections import ConfigDict

from busjax.training.errors import ConfigError
from busjax.training.rules import POSITIVE, SHARE, WIDTHS

FIELDS = ("noise", "pretrain_epochs", "pretrain_rate", "task", "widths")


def validate_autoencoding(config: ConfigDict, name: str) -> None:
    """Checks what the method 'autoencoding' needs beside what every method does.

    Args:
      config: of the run.
      name: of its network in `config.model`.

    Raises:
      ConfigError: naming the field that is wrong.
    """
    own = config.model[name]
    if sorted(own) != list(FIELDS):
        raise ConfigError(f"model.{name}: found {', '.join(sorted(own))}; 'autoencoding' expects {', '.join(FIELDS)}")
    rules = {
        "widths": WIDTHS,
        "noise": SHARE,
        "pretrain_epochs": (lambda value: type(value) is int and value >= 0, "a whole number, 0 for no pre-training"),
        "pretrain_rate": POSITIVE,
    }
    for field, (holds, expected) in rules.items():
        if not holds(own[field]):
            raise ConfigError(f"model.{name}.{field}: found {own[field]!r}, expected {expected}")
    # Values between 0 and 1 of one channel, as sigmoid units give them back; the further inputs are the region's.
    for field, expected in {"resize": "lesion", "grey": True, "pixels": "unit"}.items():
        if config.data[field] != expected:
            found = f"data.{field}: found {config.data[field]!r}"
            raise ConfigError(f"{found}, expected {expected!r} for the method 'autoencoding'")
    if config.pretrained.release:
        found = f"pretrained.release: found {config.pretrained.release!r}"
        raise ConfigError(f"{found}, expected '': there are no released weights for the method 'autoencoding'")
