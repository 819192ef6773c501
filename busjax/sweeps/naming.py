"""Names of runs, made of what differs between them."""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from busjax.fields import WITHOUT_EFFECT, short_name, value_text
from busjax.sweeps.definition import Request

LONGEST = 150  # characters; file systems allow 255 bytes


def run_names(requests: Sequence[Request]) -> list[str]:
    """A name for each run: the config where there are several, and the fields that are not set alike in all runs.

    `model.map_scale` is called `map_scale`, unless another field that differs ends in the same word. Fields that change
    no result, such as where files are, are in no name: a run is found again when they are moved.

    Returns:
      Names that can be names of folders, in the order of the runs; 'base' where nothing is set. Two runs may have the
      same one, where their values differ only in characters that a folder cannot have.
    """
    requests = [
        (config, {field: value for field, value in overrides.items() if field not in WITHOUT_EFFECT})
        for config, overrides in requests
    ]
    everywhere = [set(overrides) for _, overrides in requests]
    common = set.intersection(*everywhere)
    first = requests[0][1]
    alike = {field for field in common if all(overrides[field] == first[field] for _, overrides in requests)}
    if len(requests) == 1:
        alike = set()
    differing = set.union(*everywhere) - alike
    configs = [config for config, _ in requests]
    several_files = len({config.partition(":")[0] for config in configs}) > 1
    names = []
    for config, overrides in requests:
        parts = [_label(config, several_files)] if len(set(configs)) > 1 else []
        for field, value in overrides.items():
            if field in differing:
                parts.append(f"{short_name(field, differing)}={value_text(value)}")
        names.append(_folder(",".join(parts) or "base"))
    return names


def _label(config: str, several_files: bool) -> str:
    """A config file by its name and variant; by its variant alone where all runs have the same file."""
    path, _, variant = config.partition(":")
    if not path:
        return "base"
    stem = Path(path).stem
    if several_files:
        return f"{stem}.{variant}" if variant else stem
    return variant or "full"


def _folder(name: str) -> str:
    safe = re.sub(r"[^A-Za-z0-9_.,=+-]", "_", name)
    if len(safe) <= LONGEST:
        return safe
    return f"{safe[: LONGEST - 9]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
