import numpy as np
import pytest

from tfds_builders.check.agreement import Agreement, agree
from tfds_builders.check.pairs import Pairs


def pairs_of(*pairs: tuple[int, int]) -> Pairs:
    first, second = (np.array(column, np.int64) for column in np.array(pairs, np.int64).reshape(-1, 2).T)
    count = len(pairs)
    return Pairs(
        first,
        second,
        np.zeros(count, np.int64),
        np.ones(count, np.float32),
        np.zeros(count, bool),
        np.zeros(count, bool),
    )


# Images 0 to 8; 9 and 10 belong to another dataset. Known groups: {0, 1, 2}, {3, 4}, and {9, 10} there.
KNOWN = np.array([7, 7, 7, 5, 5, -1, -1, -1, -1, 6, 6])
PRESENT = np.arange(9)


@pytest.mark.parametrize(
    ("pairs", "found", "joined"),
    [
        # A chain through 0-1-2 is two of its three pairs; joined it is all three.
        ([(0, 1), (1, 2)], Agreement(2, 4, 2), Agreement(3, 4, 3)),
        # A wrong link from {0, 1} to {3, 4}: six pairs after joining, of which 0-1 and 3-4 are known.
        ([(0, 1), (1, 3), (3, 4)], Agreement(3, 4, 2), Agreement(6, 4, 2)),
        # Two images in no known group.
        ([(5, 6)], Agreement(1, 4, 0), Agreement(1, 4, 0)),
        ([], Agreement(0, 4, 0), Agreement(0, 4, 0)),
        # What happens in the other dataset, or between the two, does not count, and joins nothing.
        ([(9, 10), (0, 9), (2, 9)], Agreement(0, 4, 0), Agreement(0, 4, 0)),
    ],
)
def test_by_hand(pairs: list[tuple[int, int]], found: Agreement, joined: Agreement) -> None:
    assert agree(pairs_of(*pairs), KNOWN, PRESENT) == (found, joined)


def test_rates() -> None:
    assert Agreement(found=6, known=4, both=2).precision == pytest.approx(1 / 3)
    assert Agreement(found=6, known=4, both=2).recall == pytest.approx(1 / 2)
    assert Agreement(found=0, known=4, both=0).precision is None
    assert Agreement(found=1, known=0, both=0).recall is None


def test_known_groups_are_restricted_to_the_images_present() -> None:
    found, joined = agree(pairs_of((0, 2)), KNOWN, np.array([0, 2, 3, 7]))
    assert found == joined == Agreement(1, 1, 1)
    found, _ = agree(pairs_of((0, 2)), KNOWN, np.array([0, 3, 7]))
    assert found == Agreement(0, 0, 0)
    assert agree(pairs_of(), np.full(4, -1), np.arange(4)) == (Agreement(0, 0, 0), Agreement(0, 0, 0))
