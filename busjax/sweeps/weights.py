"""Whether a run that is there started from the weights that its config names now."""

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from busjax.pretrained.download import checksum_of
from busjax.pretrained.errors import PretrainedError
from busjax.training.config import from_json
from busjax.training.releases import wanted
from busjax.training.workdir import Workdir


def other_weights(folder: Path, config: Mapping[str, Any]) -> str:
    """What to say of a run from other weights than those of a config; '' where nothing tells of such.

    The path of a file of weights is no part of what makes a run: they may have been moved. So its checksum is compared
    with the one that the run noted when it loaded them. A file that is not there any more tells nothing.

    Args:
      folder: the run's work directory.
      config: as JSON values, with the settings of the run.
    """
    noted = Workdir(folder).pretrained
    try:
        loaded = json.loads(noted.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ""
    except (OSError, ValueError):
        return f"{noted}: cannot be read, expected the checksum of every network's weights"
    for network, (_, path) in wanted(from_json(config)).items():
        file = Path(path).expanduser()
        told = loaded.get(network) if isinstance(loaded, dict) else None
        if not path or not isinstance(told, dict) or "checksum" not in told or not file.is_file():
            continue
        try:
            facts = file.stat()
            found = _checksum(file, str(told["checksum"]), facts.st_mtime_ns, facts.st_size)
        except (OSError, PretrainedError) as error:
            return f"{file}: cannot be read to compare it with the weights of the run in {folder} ({error})"
        if found != told["checksum"]:
            return (
                f"{folder}: holds a run from other weights ({network}: {told['checksum']} there, {found} in {file} "
                "now); expected the same weights, or another --workdir"
            )
    return ""


@functools.lru_cache
def _checksum(file: Path, like: str, changed: int, size: int) -> str:
    """The checksum, of the kind of another one; read once for all runs of a sweep, as long as the file is the same."""
    del changed, size
    return checksum_of(file, like).found
