"""All that was found, as CSV."""

import csv
import io

import numpy as np

from tfds_builders.check.collection import Collection
from tfds_builders.check.findings import Findings

PAIR_COLUMNS = (
    "image_1",
    "image_2",
    "kind",
    "mirrored",
    "distance",
    "correlation",
    "same_case",
    "labels_differ",
    "dataset_1",
    "dataset_2",
    "case_1",
    "case_2",
    "label_1",
    "label_2",
    "group",
)
IMAGE_COLUMNS = ("image", "dataset", "case", "label", "fault")


def list_pairs(collection: Collection, findings: Findings) -> str:
    """A CSV table of all pairs in the order of their images.

    kind is exact or near; mirrored, same_case and labels_differ are yes or no; distance is in bits of 64; group is the
    first image of the group after joining all pairs transitively.
    """
    table, pairs = collection.table, findings.pairs
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(PAIR_COLUMNS)
    label = collection.label_names
    columns = (
        table.image_id[pairs.first],
        table.image_id[pairs.second],
        np.where(pairs.exact, "exact", "near"),
        np.where(pairs.mirrored, "yes", "no"),
        pairs.distance,
        [f"{value:.4f}" for value in pairs.correlation],
        np.where(findings.same_case, "yes", "no"),
        np.where(findings.labels_differ, "yes", "no"),
        table.dataset[pairs.first],
        table.dataset[pairs.second],
        table.case_id[pairs.first],
        table.case_id[pairs.second],
        label[pairs.first],
        label[pairs.second],
        table.image_id[findings.group[pairs.first]],
    )
    writer.writerows(zip(*columns, strict=True))
    return text.getvalue()


def list_images(collection: Collection, findings: Findings) -> str:
    """A CSV table of the images with a fault of their own, once for each: resized mask, blank, or empty mask."""
    table = collection.table
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(IMAGE_COLUMNS)
    for fault, rows in (
        ("resized mask", findings.resized_mask),
        ("blank", findings.blank),
        ("empty mask", findings.empty_mask),
    ):
        for row in rows.tolist():
            label = collection.label_names[row]
            writer.writerow((table.image_id[row], table.dataset[row], table.case_id[row], label, fault))
    return text.getvalue()
