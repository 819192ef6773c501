"""Initial weights and losses at a size for two CPU cores: MobileNet of three quarters of the channels on BUS-BRA.

    python launch.py --sweep configs/sweeps/benchmark_small.py --workdir runs/benchmark_small
    python launch.py --sweep configs/sweeps/benchmark_small.py:FILE.h5 --workdir runs/benchmark_small

Twelve runs: random and ImageNet weights, with augmentation in both; BCE, weighted BCE and focal loss; two folds of
five, so every row of its table is incomplete. Images, size and length of training are not the paper's: no row is to be
read as one of its tables. The weights, keras/mobilenet_0.75, are downloaded, or read from FILE.h5, which may be moved
later.
"""

from collections.abc import Callable


def sweep(add: Callable[..., None], variant: str) -> None:
    weights = {"pretrained.path": variant} if variant else {}
    for loss in ("bce", "wbce", "focal"):
        for fold in (0, 1):
            add(f"configs/benchmark.py:small,{loss}", {"data.fold": fold, **weights})
            add(f"configs/benchmark.py:small,{loss},random", {"data.fold": fold})
