"""The lesions of an experiment of Habib et al. 2020 left out one by one, each in a run of its own.

    python launch.py --sweep configs/sweeps/habib_folds.py --config.data.name=paired_lesions/OURS --workdir runs/folds
    python launch.py --sweep configs/sweeps/habib_folds.py:separate,bce,cnn,small --config.data.name=phantom/paired \\
        --workdir runs/folds_small

For clusters, and for networks of which not all folds fit in a GPU's memory. The variant is that of `configs/habib.py`;
its scores are those of one run with `--config.data.fold=-1`, but for rounding.
"""

from collections.abc import Callable

from configs.habib import get_config


def sweep(add: Callable[..., None], variant: str) -> None:
    config = get_config(variant or "full")
    for fold in range(config.data.folds):
        add(f"configs/habib.py:{variant or 'full'}", {"data.fold": fold})
