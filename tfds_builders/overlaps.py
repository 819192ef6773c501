"""Which datasets hold the same pictures, so that nobody trains on what is tested without knowing."""

from collections.abc import Sequence
from itertools import combinations

from tfds_builders.reading import builder_class
from tfds_builders.record import DatasetError


def overlapping(names: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs of datasets that are known to share pictures; two configs of one dataset do."""
    facts = {name: builder_class(name).FACTS for name in names}
    keys = {name: name.partition("/")[0] for name in names}
    return [
        (one, other)
        for one, other in combinations(names, 2)
        if keys[other] in facts[one].overlaps
        or keys[one] in facts[other].overlaps
        or (keys[one] == keys[other] and not builder_class(one).CUSTOM_CONFIGS)
    ]


def refuse_overlap(names: Sequence[str], groups: str) -> None:
    """Checks that datasets that share pictures are used together only with a file of duplicate groups.

    Args:
        names: of the datasets, as `reading.open_dataset` takes them.
        groups: the file, "" for none.

    Raises:
        DatasetError: two of them do and there is no file; the message says how to make one.
    """
    pairs = overlapping(names)
    if pairs and not groups:
        one, other = pairs[0]
        raise DatasetError(
            f"{one} and {other} hold some of the same pictures, which could be trained on and tested at once; run "
            f"python -m tfds_builders check {' '.join(names)} --groups FILE and set data.groups=FILE"
        )
