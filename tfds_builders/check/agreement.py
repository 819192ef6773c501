"""How well found pairs agree with the groups that a dataset knows."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from tfds_builders.check.pairs import Pairs, join


@dataclass(frozen=True)
class Agreement:
    """Numbers of pairs: found, known (both images in one known group), and both."""

    found: int
    known: int
    both: int

    @property
    def precision(self) -> float | None:
        """The part of the found pairs that is known; None where nothing was found."""
        return self.both / self.found if self.found else None

    @property
    def recall(self) -> float | None:
        """The part of the known pairs that was found; None where none is known."""
        return self.both / self.known if self.known else None


def agree(
    pairs: Pairs, known: Int[np.ndarray, " images"], present: Int[np.ndarray, " present"]
) -> tuple[Agreement, Agreement]:
    """Compares found pairs with known groups, both restricted to the images of one dataset.

    A known pair is any two images of one known group that are both present (all k (k - 1) / 2 pairs of a group with k
    present images). A found pair is one of `pairs` whose images are both present. After joining, any two present images
    that are linked by a chain of such found pairs count as found. A found pair that is not known counts against
    precision, though it may be a duplicate that nobody listed.

    Args:
        pairs: what was found.
        known: the known group of every image, -1 where it is in none.
        present: rows of the dataset's images.

    Returns:
        The agreement of the pairs as found, and of the pairs after transitive joining.
    """
    inside = np.isin(pairs.first, present) & np.isin(pairs.second, present)
    pairs = pairs.take(inside)
    grouped = known[present]
    grouped = grouped[grouped >= 0]
    total = _pairs_within(np.unique(grouped, return_counts=True)[1])
    together = (known[pairs.first] >= 0) & (known[pairs.first] == known[pairs.second])
    joined = join(pairs.first, pairs.second, len(known))[present]
    both = np.stack([joined, known[present]])[:, known[present] >= 0]
    return (
        Agreement(len(pairs), total, int(together.sum())),
        Agreement(
            _pairs_within(np.unique(joined, return_counts=True)[1]),
            total,
            _pairs_within(np.unique(both, axis=1, return_counts=True)[1]),
        ),
    )


def _pairs_within(sizes: Int[np.ndarray, " groups"]) -> int:
    return int((sizes * (sizes - 1) // 2).sum())
