"""The fields of a config by their dotted names."""

from collections.abc import Mapping
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
    "train.log_every",
    "eval.batch_size",
    "table.name",
    "table.row",
)
"""What changes no result: where files are, what speed or memory alone depends on, what stands beside results."""


def flatten(config: Mapping[str, Any] | ConfigDict, prefix: str = "") -> dict[str, Any]:
    """Fields by their dotted names; tuples as lists, as JSON has them."""
    flat: dict[str, Any] = {}
    for name, value in config.items():
        if isinstance(value, Mapping | ConfigDict):
            flat.update(flatten(value, f"{prefix}{name}."))
        else:
            flat[f"{prefix}{name}"] = list(value) if isinstance(value, tuple) else value
    return flat
