"""Table 8 of Shareef et al.: five networks with and without segmentation, on BUSI and BUSIS.

    python launch.py --sweep configs/sweeps/table8.py --workdir runs/table8
    python launch.py --sweep configs/sweeps/table8.py:mobilenet,vgg16 --workdir runs/table8     these networks alone

50 runs, one for each network, with and without, and fold.
"""

from collections.abc import Callable

from busjax.names import choose
from configs.multitask import BACKBONES


def sweep(add: Callable[..., None], variant: str) -> None:
    for network in choose(variant, BACKBONES, "network"):
        for kind in (network, f"{network},single"):
            for fold in range(5):
                add(f"configs/multitask.py:{kind}", {"data.fold": fold})
