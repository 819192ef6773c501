"""Results printed in the papers, as data, to be shown beside ours.

They were measured on other images than ours (Qi et al.: a private set of West China Hospital), so that a difference
to ours is not a difference between methods. Every row carries `OTHER_DATA` to say so wherever it is shown.
"""

from dataclasses import dataclass

OTHER_DATA = "other data"
"""The label of every published row."""

SOURCE = (
    "Qi et al., Automated diagnosis of breast ultrasonography images using deep neural networks, "
    "Medical Image Analysis 52 (2019) 185-198"
)

VARIANTS = ("BASIC", "MIP", "REM", "Han", "Cheng")
"""The methods that Qi et al. compare, in the order of their tables."""

_TABLES = {("mt", "val"): 4, ("mt", "test"): 5, ("sn", "val"): 6, ("sn", "test"): 7}
# F2, then accuracy, sensitivity and specificity in percent, as printed; rows in the order of VARIANTS.
_VALUES = {
    ("mt", "val"): (
        (0.878, 93.07, 86.74, 96.32),
        (0.916, 92.85, 92.83, 92.87),
        (0.931, 94.47, 93.91, 94.76),
        (0.888, 92.26, 88.91, 93.98),
        (0.639, 78.92, 62.17, 87.51),
    ),
    ("mt", "test"): (
        (0.885, 93.52, 87.39, 96.66),
        (0.920, 93.89, 92.61, 94.55),
        (0.942, 94.48, 95.65, 93.88),
        (0.905, 93.08, 90.87, 94.22),
        (0.645, 79.54, 62.61, 88.21),
    ),
    ("sn", "val"): (
        (0.920, 87.62, 92.76, 77.08),
        (0.930, 87.91, 94.19, 75.06),
        (0.941, 89.39, 95.29, 77.30),
        (0.907, 87.99, 90.57, 82.70),
        (0.819, 73.03, 82.79, 53.03),
    ),
    ("sn", "test"): (
        (0.916, 87.34, 92.22, 77.35),
        (0.924, 87.78, 93.31, 76.45),
        (0.932, 90.13, 93.54, 83.18),
        (0.887, 85.28, 88.61, 78.47),
        (0.805, 71.74, 81.16, 52.47),
    ),
}
# Sections 5.2.1 and 5.2.3. The text does not say whether on the validation or on the test set.
_AUC = {("mt", "BASIC"): 0.980, ("mt", "REM"): 0.982, ("sn", "BASIC"): 0.928, ("sn", "REM"): 0.928}


@dataclass(frozen=True)
class PublishedRow:
    """One row of a published table.

    Attributes:
      method: the network as the paper names it, e.g. 'Mt-Net(REM)'.
      variant: one of `VARIANTS`.
      f_beta: with beta = 2.
      accuracy, sensitivity, specificity: from 0 to 1, as printed (four digits).
      auc: from the text, which does not say on which part; None where it gives none.
      source: paper and table.
      data: always 'other data'.
    """

    method: str
    variant: str
    f_beta: float
    accuracy: float
    sensitivity: float
    specificity: float
    auc: float | None
    source: str
    data: str = OTHER_DATA


def published_rows(output: str, part: str) -> tuple[PublishedRow, ...]:
    """The rows of Qi et al. 2019, Tables 4 to 7, for an output ('mt' or 'sn') on a part ('val' or 'test').

    Empty for any other output or part: 'mt_without_map', for one, has no counterpart in the paper.
    """
    key = (output, part)
    if key not in _TABLES:
        return ()
    network = {"mt": "Mt-Net", "sn": "Sn-Net"}[output]
    names = {"Han": "Han et al.", "Cheng": "Cheng et al."}
    return tuple(
        PublishedRow(
            method=names.get(variant, f"{network}({variant})"),
            variant=variant,
            f_beta=f_beta,
            accuracy=round(accuracy / 100, 4),
            sensitivity=round(sensitivity / 100, 4),
            specificity=round(specificity / 100, 4),
            auc=_AUC.get((output, variant)),
            source=f"{SOURCE}, Table {_TABLES[key]}",
        )
        for variant, (f_beta, accuracy, sensitivity, specificity) in zip(VARIANTS, _VALUES[key], strict=True)
    )
