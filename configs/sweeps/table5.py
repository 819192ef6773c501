"""Table 5 of Shareef et al.: without and with augmentation, seven networks from ImageNet weights.

    python launch.py --sweep configs/sweeps/table5.py --workdir runs/table5
    python launch.py --sweep configs/sweeps/table5.py:mobilenet,vgg16 --workdir runs/table5     these networks alone

70 runs, one for each network, strategy and fold. The left half is the right half of Table 4.
"""

from collections.abc import Callable

from configs.sweeps.benchmark_tables import every_fold


def sweep(add: Callable[..., None], variant: str) -> None:
    every_fold(add, "shareef_5", ("no_augmentation", "bce"), variant)
