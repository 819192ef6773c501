"""The config of a run as a sweep recorded it, from the run.json in the run's work directory.

    python launch.py --config configs/recorded.py:runs/lambda/map_scale=0.1/run.json --workdir runs/again

runs/lambda/map_scale=0.1/run.json also says from which config file it came, and what was changed.
"""

import json
from pathlib import Path

from ml_collections import ConfigDict

from busjax.training.config import from_json


def get_config(file: str) -> ConfigDict:
    try:
        return from_json(json.loads(Path(file).read_text(encoding="utf-8"))["config"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{file}: found no config of a run ({type(error).__name__}), expected its run.json") from None
