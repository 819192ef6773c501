"""Table 4 of Shareef et al.: training from scratch and from ImageNet weights, seven networks.

    python launch.py --sweep configs/sweeps/table4.py --workdir runs/table4
    python launch.py --sweep configs/sweeps/table4.py:mobilenet,vgg16 --workdir runs/table4     these networks alone

70 runs, one for each network, strategy and fold.
"""

from collections.abc import Callable

from configs.sweeps.benchmark_tables import every_fold


def sweep(add: Callable[..., None], variant: str) -> None:
    every_fold(add, "shareef_4", ("scratch", "no_augmentation"), variant)
