"""Whether what a paper prints as AUC is the mean of its sensitivity and specificity: of decisions, not of scores."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from busjax.evaluation.literature import PAPERS
from busjax.evaluation.published import PublishedRow

TOLERANCE = Decimal("0.1")
"""In percent. All three are printed to 0.1, so that rounding alone explains a difference of up to that."""


@dataclass(frozen=True)
class AucCheck:
    """A printed AUC beside the mean of the printed sensitivity and specificity, in percent.

    Attributes:
      printed, mean: the two.
      holds: whether they agree within `TOLERANCE`.
    """

    printed: Decimal
    mean: Decimal
    holds: bool


def auc_check(row: PublishedRow) -> AucCheck | None:
    """The check of one row; None where it prints no AUC, or not both rates. Decimal, so that 0.1 is 0.1."""
    auc, sensitivity, specificity = (
        _percent(row, metric) for metric in (PAPERS[row.paper].auc_is, "sensitivity", "specificity")
    )
    if auc is None or sensitivity is None or specificity is None:
        return None
    mean = (sensitivity + specificity) / 2
    return AucCheck(auc, mean, abs(mean - auc) <= TOLERANCE)


def told(rows: Sequence[PublishedRow]) -> str:
    """How many of some rows have an AUC that is (sensitivity + specificity) / 2, and which have not."""
    checks = [(row, check) for row in rows if (check := auc_check(row)) is not None]
    if not checks:
        return "No row prints an AUC beside sensitivity and specificity."
    held = sum(check.holds for _, check in checks)
    text = f"The printed AUC is (sensitivity + specificity) / 2, to {TOLERANCE} %, in {held} of {len(checks)} results"
    others = [
        f"{row.method}, {row.setting} ({', '.join(row.tables)}: printed {check.printed:.1f}, mean {check.mean:.2f})"
        for row, check in checks
        if not check.holds
    ]
    return f"{text}. Not so: {'; '.join(others)}." if others else f"{text}."


def _percent(row: PublishedRow, metric: str) -> Decimal | None:
    if metric not in row.printed:
        return None
    return Decimal(row.printed[metric]) * (1 if metric in PAPERS[row.paper].percent else 100)
