"""What the segmentation task adds to MT-ESTAN, at a size for two CPU cores: with and without it, two folds of BUS-BRA.

    python launch.py --sweep configs/sweeps/mt_estan_small.py --workdir runs/mt_estan_small

Four runs.
"""

from collections.abc import Callable


def sweep(add: Callable[..., None]) -> None:
    for fold in (0, 1):
        for variant in ("small", "small,encoder"):
            add(f"configs/mt_estan.py:{variant}", {"data.split": "kfold", "data.fold": fold})
