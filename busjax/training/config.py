"""The config of a run: checked before anything starts, kept in the work directory, compared when a run is resumed."""

import dataclasses
import inspect
import json
from collections.abc import Mapping, Sequence
from typing import Any

from ml_collections import ConfigDict

from busjax.data.preprocessing import HALVES
from busjax.evaluation.published import check_place
from busjax.fields import WITHOUT_EFFECT, completed, flatten, with_effect
from busjax.methods import SINGLE, network_names
from busjax.methods.tasks import TASKS
from busjax.models import BACKBONES
from busjax.models.layers import Settings
from busjax.names import EVERY, hint
from busjax.pretrained.table import RELEASES
from busjax.training.autoencoder_config import validate_autoencoding
from busjax.training.errors import ConfigError
from busjax.training.fold_rules import check_fold_devices
from busjax.training.fusion_config import validate_fusion
from busjax.training.multitask_config import validate_multitask
from busjax.training.releases import settle_releases, wanted
from busjax.training.rules import check_fields, check_together
from tfds_builders import BUILDERS

# What a resumed run may change: what changes no result, and how long to go on (unless the learning rate follows a
# schedule over all steps).
CHANGEABLE = (*WITHOUT_EFFECT, "train.epochs", "train.patience")


DATASETS = "a name such as 'busi', or several: 'bus_bra,busi' or a list"


def dataset_names(value: str | Sequence[Any]) -> tuple[str, ...]:
    """The datasets that a field names: a list of them, or a text in which commas divide them.

    Raises:
      ValueError: an element that is not a text, an empty or a repeated name.
    """
    names = tuple(name.strip() for name in value.split(",")) if isinstance(value, str) else tuple(value)
    if names == ("",):
        return ()
    if not all(isinstance(name, str) and name for name in names) or len(set(names)) < len(names):
        raise ValueError(f"found {value!r}, expected {DATASETS}, each once")
    return names


def _require_names(field: str, value: Any, *, optional: bool) -> None:
    if not isinstance(value, str | list | tuple):
        raise ConfigError(f"{field}: found {value!r}, expected {DATASETS}")
    try:
        names = dataset_names(value)
    except ValueError as error:
        raise ConfigError(f"{field}: {error}") from None
    if not names and not optional:
        raise ConfigError(f"{field}: found {value!r}, expected {DATASETS}")
    for name in names:
        if (key := name.partition("/")[0]) not in BUILDERS:
            raise ConfigError(f"{field}: unknown dataset {key!r}{hint(key, sorted(BUILDERS))}")


def validate(config: ConfigDict) -> None:
    """Checks every field and what fields mean together.

    Raises:
      ConfigError: naming the first field that is wrong.
    """
    check_fields(flatten(config))
    for field in ("name", "train", "test"):
        _require_names(f"data.{field}", config.data.get(field), optional=field != "name")
    if "table" in config:  # runs of older versions have none
        try:
            check_place(config.table.name, config.table.row)
        except ValueError as error:
            raise ConfigError(str(error)) from None
    if config.data.train and not config.data.test:
        raise ConfigError("data.test: found '', expected the datasets to test on, since data.train is set")
    names = network_names(config)
    for name in names:
        if name not in config.model:
            if len(names) > 1:
                raise ConfigError(f"model: found no network {name!r}, which the method {config.method!r} needs")
            raise ConfigError(f"model.network: found {name!r}, expected a network of the config such as 'mt' or 'sn'")
    if config.method == "autoencoding":
        validate_autoencoding(config, names[0])
    _validate_releases(config, names)
    config = settle_releases(config)
    for name in names:
        if config.method != "autoencoding":
            _validate_backbone(config, name, maps=config.method == "cross_training")
        if config.model[name].task not in TASKS:
            found = config.model[name].task
            raise ConfigError(f"model.{name}.task: found {found!r}, expected one of {', '.join(TASKS)}")
    if config.model.batch_norm == "frozen" and len(wanted(config)) < len(names):
        raise ConfigError(
            "model.batch_norm: found 'frozen', expected 'batch': frozen statistics only make sense with loaded "
            "weights, and pretrained.release names none"
        )
    check_together(config, names)
    if config.method == "fusion":
        validate_fusion(config)
    if config.method == "multitask":
        validate_multitask(config, names[0])
    if config.data.split == "kfold" and config.data.fold >= config.data.folds:
        raise ConfigError(
            f"data.fold: found {config.data.fold}, expected 0 to {config.data.folds - 1} (data.folds - 1)"
        )


def _validate_backbone(config: ConfigDict, name: str, *, maps: bool) -> None:
    """Checks the backbone of a network, its options, the size of its input, and whether it gives maps if it has to."""
    if (found := config.model[name].get("backbone")) not in BACKBONES:
        raise ConfigError(f"model.{name}.backbone: found {found!r}, expected one of {', '.join(BACKBONES)}")
    known = inspect.signature(BACKBONES[config.model[name].backbone]).parameters
    for option in config.model[name].options:
        if option not in known:
            found = f"model.{name}.options.{option}"
            raise ConfigError(f"{found}: {config.model[name].backbone} has no such option, expected {_rest(known)}")
    options = config.model[name].options.to_dict()
    backbone = BACKBONES[config.model[name].backbone](Settings(), **options)
    if config.data.image_size < backbone.minimum_size:
        found = f"data.image_size: found {config.data.image_size}"
        raise ConfigError(f"{found}, expected at least {backbone.minimum_size} for {config.model[name].backbone}")
    if backbone.always_hidden and maps:
        raise ConfigError(
            f"model.{name}.backbone: found {config.model[name].backbone!r}, expected one without hidden layers: "
            f"{config.method} needs class activation maps"
        )


def _validate_releases(config: ConfigDict, names: tuple[str, ...]) -> None:
    """Checks the fields of `pretrained`: that they are of this method's networks, known, and agree."""
    of_networks = [name for name in ("mt", "sn", *SINGLE) if name in config.pretrained]
    sections = {"pretrained": config.pretrained, **{f"pretrained.{n}": config.pretrained[n] for n in of_networks}}
    used = ["pretrained"] if len(names) == 1 else [f"pretrained.{name}" for name in names]
    for section, fields in sections.items():
        if fields.release and section not in used:
            expected = " and ".join(f"{name}.release" for name in used)
            raise ConfigError(f"{section}.release: not used by {config.method}, expected {expected}")
        if fields.release and fields.release not in RELEASES:
            raise ConfigError(f"{section}.release: unknown {fields.release!r}{hint(fields.release, sorted(RELEASES))}")
        if fields.path and not fields.release:
            raise ConfigError(f"{section}.release: found '', expected the name of what {section}.path is")
    found = wanted(config)
    named = [(release, release.name) for release, _ in found.values()]
    for name, (release, _) in found.items():
        backbone, width = config.model[name].backbone, release.settings.get("width", 1.0)
        if backbone not in ("", release.backbone):
            expected = f"expected {release.backbone!r} as {release.name} has it, or ''"
            raise ConfigError(f"model.{name}.backbone: found {backbone!r}, {expected}")
        if config.model[name].width not in (1.0, width):
            raise ConfigError(
                f"model.{name}.width: found {config.model[name].width}, expected {width} as {release.name} has it"
            )
    # Both networks see the same pixels. Another interpolation of the resize is tolerable: the first one's is taken.
    ways = {dataclasses.replace(release.preprocessing, interpolation="bilinear"): name for release, name in named}
    if len(ways) > 1:
        raise ConfigError(
            f"pretrained: {', '.join(ways.values())} expect pixels scaled in different ways, expected one way for all"
        )
    # The map tower starts from the same weights and sees maps from 0 to 1.
    if config.method == "cross_training" and found and HALVES not in ways:
        raise ConfigError(
            f"pretrained: {', '.join(ways.values())} expects pixels in another range than maps have, expected releases "
            "for pixels from -1 to 1"
        )
    if config.pretrained.freeze and len(found) < len(names):
        raise ConfigError("pretrained.freeze: random weights would be frozen, expected a release for every network")


def _rest(parameters: Mapping[str, Any]) -> str:
    """The options of a backbone: its parameters but the first."""
    return ", ".join(list(parameters)[1:])


def validate_devices(config: ConfigDict, devices: int, hosts: int) -> None:
    """Checks that training batches can be divided (those of an evaluation are made to fit).

    Raises:
      ConfigError: they cannot.
    """
    check_fold_devices(config, devices, hosts)
    size = config.train.batch_size
    if size % devices and config.data.fold != EVERY:  # of all folds at a time, devices divide these
        raise ConfigError(
            f"train.batch_size: found {size}, expected a multiple of the {devices} devices ({hosts} hosts): "
            "every device takes an equal share of a batch"
        )


def to_json(config: ConfigDict) -> dict[str, Any]:
    """The config as JSON values."""
    return json.loads(config.to_json())


def from_json(values: Mapping[str, Any]) -> ConfigDict:
    """A locked config from what `to_json` gave, also in an older version."""

    def plain(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {name: plain(item) for name, item in value.items()}
        return tuple(value) if isinstance(value, list) else value

    return ConfigDict(plain(completed(values))).lock()


def refuse_other(stored: Mapping[str, Any], config: ConfigDict, where: str) -> None:
    """Checks that a run in `where` can go on with this config.

    Raises:
      ConfigError: listing the fields that differ and must not.
    """
    old, new = flatten(completed(stored)), flatten(config)
    fixed = ("train.epochs",) if new["optimizer.schedule"] != "constant" else ()
    changed = [
        f"{name}: {old.get(name, 'missing')!r} there, {new.get(name, 'missing')!r} now"
        for name in sorted(old.keys() | new.keys())
        if (name not in CHANGEABLE or name in fixed) and old.get(name) != new.get(name)
    ]
    if changed:
        raise ConfigError(
            f"{where} holds a run of another config ({'; '.join(changed)}): use another --workdir, or the same settings"
        )


def same_results(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two configs, as `to_json` gives them, differ only in what changes no result."""
    return with_effect(completed(one)) == with_effect(completed(other))
