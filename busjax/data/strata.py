"""Dealing cases to the parts of a split so that every stratum is represented in proportion."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from jaxtyping import Int

from tfds_builders.record import MALIGNANT

STRATA = ("malignant", "solid benign", "benign, solidity unknown", "not solid", "class unknown")
"""The three strata that the counts of Qi et al. 2019 reveal, and two for images of which less is known.

Ordered from the most to the least severe.
"""


def image_strata(label: Int[np.ndarray, " images"], solid: Int[np.ndarray, " images"]) -> Int[np.ndarray, " images"]:
    """Position in `STRATA` of every image; a normal image counts as not solid whatever `solid` says."""
    stratum = np.full(len(label), STRATA.index("not solid"))
    stratum[(label == 1) & (solid == 1)] = STRATA.index("solid benign")
    stratum[(label == 1) & (solid == -1)] = STRATA.index("benign, solidity unknown")
    stratum[label == MALIGNANT] = STRATA.index("malignant")
    stratum[label < 0] = STRATA.index("class unknown")
    return stratum


def deal(
    groups: Int[np.ndarray, " images"],
    strata: Int[np.ndarray, " images"],
    weights: Sequence[int],
    seed: int,
) -> Int[np.ndarray, " images"]:
    """Part of every image: whole groups, dealt stratum by stratum in proportion to `weights`.

    A group takes the first stratum that any of its images is in (malignant before solid benign before the others).
    Within a stratum the groups are shuffled by a generator keyed by (seed, stratum), put in order of falling size, and
    each goes to the part that is then furthest behind its share, measured in images: the smallest
    (images held + half of this group) / weight, as in Webster's apportionment. Large groups so spread over the parts
    in proportion too, and single images even out the rest. Ties go to the part that holds least over all strata.

    Args:
      groups: number of the group (0, 1, ...) of every image; the numbering decides the outcome, so it must not depend
        on the order of the rows.
      strata: stratum of every image (0, 1, ...), the most important first.
      weights: relative size of every part.
      seed: any non-negative integer.
    """
    count = int(groups.max()) + 1
    sizes = np.bincount(groups, minlength=count)
    kinds = int(strata.max()) + 1
    severity = np.full(count, kinds)
    np.minimum.at(severity, groups, strata)
    part_of_group = np.empty(count, dtype=np.int64)
    total = [0] * len(weights)
    for stratum in range(kinds):
        members = np.flatnonzero(severity == stratum)
        members = np.random.default_rng([seed, stratum]).permutation(members)
        held = [0] * len(weights)
        for group in members[np.argsort(-sizes[members], kind="stable")]:
            size = int(sizes[group])
            part = min(
                range(len(weights)),
                key=lambda i: (Fraction(2 * held[i] + size, weights[i]), Fraction(total[i], weights[i]), i),
            )
            part_of_group[group] = part
            held[part] += size
            total[part] += size
    return part_of_group[groups]
