"""What the sweeps of Tables 4 to 7 share."""

from collections.abc import Callable, Iterable

from busjax.names import choose
from configs.benchmark import NETWORKS


def every_fold(add: Callable[..., None], table: str, strategies: Iterable[str], variant: str = "") -> None:
    """Adds every fold of every network with each strategy.

    Args:
      add: of the sweep.
      table: published, that the runs are shown beside.
      strategies: variants of `configs/benchmark.py`.
      variant: the networks to run, joined by commas; '' for all seven.

    Raises:
      ValueError: for an unknown network, with the nearest one that exists.
    """
    for network in choose(variant, list(NETWORKS), "network"):
        for strategy in strategies:
            for fold in range(5):
                add(f"configs/benchmark.py:{network},{strategy}", {"data.fold": fold, "table.name": table})
