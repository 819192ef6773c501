"""What is checked of configs with versions of images, stored features, or the head of another run."""

from ml_collections import ConfigDict

from busjax.data.augmentation import Augmentation
from busjax.data.splits import AUGMENTED
from busjax.training.errors import ConfigError

WANTED = "?"
"""In `pretrained.head_from`: a run must be named on the command line."""


def check_variants(config: ConfigDict) -> None:
    """Checks `data.variants`, given a right `data.augment`.

    Raises:
      ConfigError: naming the field that is wrong.
    """
    variants = config.data.variants
    if config.data.split in AUGMENTED and not variants:
        raise ConfigError(
            f"data.variants: found 0, expected at least 2 of data.split {config.data.split!r}, which divides versions"
        )
    if variants and not _augments(config):
        raise ConfigError(
            f"data.variants: found {variants}, expected 0: data.augment changes nothing, all versions would be equal"
        )


def check_stored_features(config: ConfigDict, names: tuple[str, ...]) -> None:
    """Checks `train.stored_features`; whether all below the head is frozen is seen when the network is made.

    Raises:
      ConfigError: naming the field that is wrong.
    """
    if not config.train.stored_features:
        return
    where = "with train.stored_features"
    if config.method != "classification":
        raise ConfigError(f"train.stored_features: found True, expected False of the method {config.method!r}")
    if config.model.batch_norm != "frozen":
        raise ConfigError(f"model.batch_norm: found {config.model.batch_norm!r}, expected 'frozen' {where}")
    if config.data.resize == "short_side":
        raise ConfigError(
            f"data.resize: found 'short_side', whose crop changes in every epoch, expected 'squash' {where}"
        )
    if _augments(config) and not config.data.variants:
        raise ConfigError(
            "data.variants: found 0, expected at least 2: data.augment would change images in every epoch, stored "
            "features stay"
        )


def check_head_from(config: ConfigDict) -> None:
    """Checks `pretrained.head_from`; the run itself is read when training begins.

    Raises:
      ConfigError: naming the field that is wrong.
    """
    found = config.pretrained.head_from
    if found == WANTED:
        raise ConfigError(
            "pretrained.head_from: found no run, expected the work directory of a finished one, whose head this one "
            "starts from: --config.pretrained.head_from=runs/features"
        )
    if found and (config.method != "classification" or not config.pretrained.release):
        raise ConfigError(
            f"pretrained.head_from: found {found!r}, expected '' but for the method 'classification' with a "
            "pretrained.release"
        )


def _augments(config: ConfigDict) -> bool:
    return Augmentation.from_mapping(config.data.augment.to_dict()).changes
