"""The findings counted, as tables for the terminal and for the page."""

from dataclasses import dataclass

import numpy as np

from tfds_builders.check.agreement import Agreement, agree
from tfds_builders.check.collection import Collection
from tfds_builders.check.findings import Findings


@dataclass(frozen=True)
class Counts:
    """A table of counts: a title, names of the columns, and rows of text."""

    title: str
    header: tuple[str, ...]
    rows: list[tuple[str, ...]]


def count(collection: Collection, findings: Findings) -> list[Counts]:
    """Images with faults by dataset, pairs by dataset and between datasets, and agreement with known duplicates.

    The third table is there only where a dataset knows duplicates among its images; `agreement.agree` defines it.
    """
    counts = [_count_images(collection, findings), _count_pairs(collection, findings)]
    agreement = _count_agreement(collection, findings)
    return [*counts, agreement] if agreement.rows else counts


def _count_images(collection: Collection, findings: Findings) -> Counts:
    rows = []
    for number, name in enumerate(collection.names):
        inside = np.flatnonzero(collection.source == number)
        cases = len(np.unique(collection.table.case_id[inside]))
        faults = (findings.resized_mask, findings.blank, findings.empty_mask)
        numbers = (len(inside), cases, *(int(np.isin(rows_, inside).sum()) for rows_ in faults))
        rows.append((name, *map(str, numbers)))
    header = ("dataset", "images", "cases", "mask of another size", "blank", "lesion without mask pixels")
    return Counts("Images", header, rows)


def _count_pairs(collection: Collection, findings: Findings) -> Counts:
    pairs = findings.pairs
    one, two = collection.source[pairs.first], collection.source[pairs.second]
    kinds = (
        pairs.exact & ~findings.same_case,
        pairs.exact & findings.same_case,
        ~pairs.exact & ~findings.same_case,
        ~pairs.exact & findings.same_case,
        findings.labels_differ,
    )
    names = collection.names
    between = sorted(set(zip(one.tolist(), two.tolist(), strict=True)) - {(i, i) for i in range(len(names))})
    rows = []
    for first, second in [*((i, i) for i in range(len(names))), *between]:
        inside = (one == first) & (two == second)
        name = names[first] if first == second else f"{names[first]} and {names[second]}"
        rows.append((name, *(str(int((inside & kind).sum())) for kind in kinds)))
    header = (
        "pairs",
        "exact, two cases",
        "exact, same case",
        "near, two cases",
        "near, same case",
        "labels differ",
    )
    return Counts("Duplicates", header, rows)


def _count_agreement(collection: Collection, findings: Findings) -> Counts:
    rows = []
    for number, name in enumerate(collection.names):
        present = np.flatnonzero(collection.source == number)
        found, joined = agree(findings.pairs, collection.known, present)
        if found.known:
            for kind, agreement in (("as found", found), ("joined", joined)):
                rows.append((f"{name}, {kind}", *_agreement(agreement)))
    header = ("known duplicates", "known pairs", "found pairs", "in both", "precision", "recall")
    return Counts("Agreement with the duplicates that the dataset lists", header, rows)


def _agreement(agreement: Agreement) -> tuple[str, ...]:
    rates = ("-" if rate is None else f"{rate:.3f}" for rate in (agreement.precision, agreement.recall))
    return (str(agreement.known), str(agreement.found), str(agreement.both), *rates)
