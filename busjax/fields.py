"""The fields of a config by their dotted names."""

from collections.abc import Collection, Mapping
from typing import Any

from ml_collections import ConfigDict

WITHOUT_EFFECT = (
    "data.data_dir",
    "data.manual_dir",
    "data.cache",
    "pretrained.path",
    "pretrained.cache_dir",
    "pretrained.mt.path",
    "pretrained.sn.path",
    "pretrained.mammography.path",
    "pretrained.ultrasound.path",
    "train.folds_at_once",
    "train.log_every",
    "eval.batch_size",
    "table.name",
    "table.row",
)
"""What changes no result: where files are, what speed or memory alone depends on, what stands beside results."""


ADDED = {"train.folds_at_once": 0, "eval.unit": "image"}
"""Fields that runs of older versions have not, and what they did."""


def completed(config: Mapping[str, Any]) -> dict[str, Any]:
    """A stored config with the fields that it lacks because it is older, as far as it has their section."""
    found = {name: dict(value) if isinstance(value, Mapping) else value for name, value in config.items()}
    for field, value in ADDED.items():
        section, _, name = field.partition(".")
        if isinstance(found.get(section), dict):
            found[section].setdefault(name, value)
    return found


def flatten(config: Mapping[str, Any] | ConfigDict, prefix: str = "") -> dict[str, Any]:
    """Fields by their dotted names; tuples as lists, as JSON has them."""
    flat: dict[str, Any] = {}
    for name, value in config.items():
        if isinstance(value, Mapping | ConfigDict):
            flat.update(flatten(value, f"{prefix}{name}."))
        else:
            flat[f"{prefix}{name}"] = list(value) if isinstance(value, tuple) else value
    return flat


def with_effect(config: Mapping[str, Any] | ConfigDict) -> dict[str, Any]:
    """The fields, by dotted names, that results depend on."""
    return {name: value for name, value in flatten(config).items() if name not in WITHOUT_EFFECT}


def short_name(field: str, fields: Collection[str]) -> str:
    """The end of a dotted name, with as much before it as tells it from the other fields; of 'a.name' at least both."""
    words = field.split(".")
    for length in range(2 if words[-1] == "name" else 1, len(words) + 1):
        end = words[-length:]
        if sum(other.split(".")[-length:] == end for other in fields) == 1:
            return ".".join(end)
    return field


def value_text(value: Any) -> str:
    """A value in a name or a label: the elements of a list joined by '+', 'none' for an empty one or an empty text."""
    if isinstance(value, list | tuple):
        return "+".join(map(value_text, value)) or "none"
    return "none" if value == "" else str(value)
