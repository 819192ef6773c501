"""Table 9 of Shareef et al.: MT-ESTAN and three other networks that classify and segment, on BUSI and BUSIS.

    python launch.py --sweep configs/sweeps/table9.py --workdir runs/table9
    python launch.py --sweep configs/sweeps/table9.py:mt_estan --workdir runs/table9     these networks alone

20 runs, one for each network and fold.
"""

from collections.abc import Callable

from busjax.names import choose

NETWORKS = ("sha_mtl", "vakanski", "emt_net", "mt_estan")


def sweep(add: Callable[..., None], variant: str) -> None:
    for network in choose(variant, NETWORKS, "network"):
        for fold in range(5):
            add(f"configs/{network}.py", {"data.fold": fold})
