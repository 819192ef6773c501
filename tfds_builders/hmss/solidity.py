"""Which sections of ultrasoundcases.info say that there is a solid nodule, and which that there is none.

Qi et al. 2019: fibroadenoma, lipoma and everything malignant have a solid nodule; cysts have none. The site files
its cases by section ("5.1.6 ..."), a coarser thing than a histology of each image: where a section holds masses and
other things, the answer is unknown (-1).
"""

import re

from tfds_builders.record import DatasetError
from tfds_builders.tables import Row

SOLID, NOT_SOLID, UNKNOWN = 1, 0, -1

BENIGN: dict[str, int] = {
    "5.1.1": NOT_SOLID,  # cysts
    "5.1.2": NOT_SOLID,  # infected cysts
    "5.1.3": UNKNOWN,  # cysts with a mass: fluid and tissue, and an image may show either
    "5.1.4": UNKNOWN,  # pitfalls of cysts: 8 of its 30 images are malignant, so not all of them show a cyst
    "5.1.5": NOT_SOLID,  # galactoceles and sebaceous cysts
    "5.1.6": SOLID,  # fibroadenomas
    "5.1.7": SOLID,  # lipomas
    "5.1.8": SOLID,  # other lesions that are not cystic
    "5.1.9": UNKNOWN,  # haematomas: fluid, clot or scar
    "5.1.10": UNKNOWN,  # ductal: dilated ducts and papillomas
    "5.1.11": UNKNOWN,  # inflammation: oedema, abscess or mass
    "5.1.12": UNKNOWN,  # after operations, and fat necrosis: from an oil cyst to a scar
    "5.2.13": UNKNOWN,  # a section of malignant cases; what its three benign images show is not told
}
"""Section -> 1 solid nodule, 0 none, -1 unknown, for images that the benchmark calls benign."""

MALIGNANT_UNKNOWN = (
    "5.1.4",  # filed as a pitfall of cysts: it may have shown itself as fluid
    "5.2.3",  # cystic and intracystic cancers
    "5.2.12",  # lymph nodes and recurrences: a node in the axilla, a mass or a thickened scar
)
"""Sections in which a malignant image need not show a solid nodule; in all others of 5.2 it does (Qi et al. 2019)."""

ONE_DIAGNOSIS = ("5.1.1", "5.1.2", "5.1.6", "5.1.7", "5.1.9")
"""Sections, all benign, whose title is one diagnosis, which is then the image's histology."""

_SUBGROUP = re.compile(r"5\.(?P<part>[12])\.(?P<number>\d+)[\s.:-]*(?P<title>.*)", re.DOTALL)


def read_subgroup(row: Row, label: str) -> tuple[int, str]:
    """What the section in which an image is filed says of it.

    Args:
        row: a row of HMSS.csv, with its `subgroup` ("5.1.6 Fibroadenomas").
        label: "benign" or "malignant", by the column `tumor type`, which contradicts the section of 11 images.

    Returns:
        1 for a solid nodule, 0 for none, -1 for unknown; and the section's title as the histology, "" where it is not
        one diagnosis.

    Raises:
        DatasetError: no section number, or one that is not in the tables above for this label.
    """
    match = _SUBGROUP.fullmatch(row["subgroup"])
    if match is None:
        raise DatasetError(f"{row.where}: subgroup {row['subgroup']!r}, expected 5.1.N or 5.2.N and a title")
    section = f"5.{match['part']}.{int(match['number'])}"
    histology = match["title"] if section in ONE_DIAGNOSIS else ""
    if label == "benign" and section in BENIGN:
        return BENIGN[section], histology
    if label == "malignant" and section in MALIGNANT_UNKNOWN:
        return UNKNOWN, histology
    if label == "malignant" and match["part"] == "2":
        return SOLID, histology
    raise DatasetError(
        f"{row.where}: tumor type {row['tumor type']!r} in subgroup {row['subgroup']!r} is not in the tables of "
        "hmss/solidity.py"
    )
