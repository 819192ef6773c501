"""Table 7 of Shareef et al.: three optimizers, seven networks from ImageNet weights.

    python launch.py --sweep configs/sweeps/table7.py --workdir runs/table7
    python launch.py --sweep configs/sweeps/table7.py:mobilenet,vgg16 --workdir runs/table7     these networks alone

105 runs, one for each network, optimizer and fold. Adam is the weighted BCE of Table 6.
"""

from collections.abc import Callable

from configs.sweeps.benchmark_tables import every_fold


def sweep(add: Callable[..., None], variant: str) -> None:
    every_fold(add, "shareef_7", ("wbce", "sgd", "nadam"), variant)
