"""What is checked of a config that classifies and segments."""

from ml_collections import ConfigDict

from busjax.evaluation.segmentation import SEGMENTATION
from busjax.methods import multitask_network
from busjax.models import MULTITASK
from busjax.names import hint
from busjax.training.errors import ConfigError


def validate_multitask(config: ConfigDict, name: str) -> None:
    """Checks what the method 'multitask' needs beside what every method does.

    Args:
      config: of the run, settled by its releases.
      name: of its network in `config.model`.

    Raises:
      ConfigError: naming the field that is wrong.
    """
    own = config.model[name]
    if name == SEGMENTATION:
        raise ConfigError(f"model.network: found {name!r}, expected another name: results.json holds the masks by it")
    for field, kind in (("architecture", str), ("segmentation", bool)):
        if not isinstance(own.get(field), kind):
            raise ConfigError(f"model.{name}.{field}: found {own.get(field)!r}, expected a {kind.__name__}")
    if own.architecture not in MULTITASK:
        found = f"model.{name}.architecture: unknown {own.architecture!r}"
        raise ConfigError(f"{found}{hint(own.architecture, sorted(MULTITASK))}")
    if config.data.views != 1:
        raise ConfigError(f"data.views: found {config.data.views}, expected 1 for the method 'multitask'")
    try:
        multitask_network(config, name)
    except ValueError as error:
        raise ConfigError(f"model.{name}: {error}") from None
