"""What a check finds: pairs of duplicates, and single images with a fault."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int64

from tfds_builders.check.collection import Collection
from tfds_builders.check.fingerprints import Fingerprints
from tfds_builders.check.pairs import Pairs, join
from tfds_builders.summary import resized_masks

BLANK_SPREAD = 4
"""An image is blank where at most this many grey levels lie between the 1st and the 99th percentile of its pixels."""


@dataclass(frozen=True)
class Findings:
    """All that was found in a collection.

    Attributes:
        pairs: exact and near duplicates.
        group: the first image of the group to which every image belongs after joining the pairs transitively; itself
            where it is in no pair. Images of one name are one; the datasets' own cases play no part in it.
        same_case: whether the images of a pair share a case.
        labels_differ: whether they have two classes, both known.
        resized_mask, blank, empty_mask: rows of the images released with a mask of another size, of (nearly) constant
            images, and of benign or malignant ones with a mask that holds no lesion.
    """

    pairs: Pairs
    group: Int64[np.ndarray, " images"]
    same_case: Bool[np.ndarray, " pairs"]
    labels_differ: Bool[np.ndarray, " pairs"]
    resized_mask: Int64[np.ndarray, " resized"]
    blank: Int64[np.ndarray, " blank"]
    empty_mask: Int64[np.ndarray, " empty"]


def judge(collection: Collection, prints: Fingerprints, pairs: Pairs) -> Findings:
    """Judges the pairs by cases and labels, and lists the images with a fault of their own."""
    table = collection.table
    one, two = table.label[pairs.first], table.label[pairs.second]
    _, index, number = np.unique(table.image_id, return_index=True, return_inverse=True)
    namesake = index[number]
    return Findings(
        pairs=pairs,
        group=join(namesake[pairs.first], namesake[pairs.second], len(table))[namesake],
        same_case=table.case_id[pairs.first] == table.case_id[pairs.second],
        labels_differ=(one >= 0) & (two >= 0) & (one != two),
        resized_mask=np.flatnonzero(resized_masks(table)),
        blank=np.flatnonzero(prints.spread <= BLANK_SPREAD),
        # Label 0 is normal: there an empty mask is right; -1 is unknown.
        empty_mask=np.flatnonzero(prints.empty_mask & (table.label > 0)),
    )


def name_groups(collection: Collection, findings: Findings) -> list[list[str]]:
    """The image ids of every group of two or more images."""
    members: dict[int, dict[str, None]] = {}
    for group, image_id in zip(findings.group.tolist(), collection.table.image_id.tolist(), strict=True):
        members.setdefault(group, {})[image_id] = None
    return [list(names) for names in members.values() if len(names) > 1]
