"""Table 6 of Shareef et al.: three losses, seven networks from ImageNet weights.

    python launch.py --sweep configs/sweeps/table6.py --workdir runs/table6
    python launch.py --sweep configs/sweeps/table6.py:mobilenet,vgg16 --workdir runs/table6     these networks alone

105 runs, one for each network, loss and fold.
"""

from collections.abc import Callable

from configs.sweeps.benchmark_tables import every_fold


def sweep(add: Callable[..., None], variant: str) -> None:
    every_fold(add, "shareef_6", ("bce", "wbce", "focal"), variant)
