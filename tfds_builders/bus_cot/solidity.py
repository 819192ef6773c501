"""Which lesions of BUS-CoT are solid nodules, by class, histology and echo pattern.

Qi et al. 2019: fibroadenoma, lipoma and everything malignant have a solid nodule; cysts and ductal ectasia have none.
Two things are known of a benign lesion here: its histology, in names that are not published as a list (so only names
that say it by themselves are in the tables below, in lower case; any other one settles nothing), and its echo pattern,
of which two values matter. `NoEcho` (anechoic) is what fluid looks like. `CysticSolidMixedEcho` has fluid and tissue:
it is not plain fluid, and whether it counts as a solid nodule Qi does not say. Any other echo may be either.
"""

from collections.abc import Sequence

SOLID, NOT_SOLID, UNKNOWN = 1, 0, -1

TISSUE = frozenset(
    {
        "fibroadenoma",
        "hamartoma",  # a circumscribed mass of normal breast elements
        "intraductal papilloma",  # a growth of tissue, even where it lies in a dilated duct
        "leiomyoma",
        "lipoma",
        "phyllodes tumor",
        "benign phyllodes tumor",
    }
)
FLUID = frozenset({"cyst", "simple cyst", "galactocele", "duct ectasia"})
ANECHOIC = "NoEcho"
MIXED = "CysticSolidMixedEcho"


def solidity(label: str | None, histology: Sequence[str], echo: str) -> int:
    """Whether a lesion is a solid nodule: 1, 0, or -1 where the release does not settle it or contradicts itself.

    Args:
        label: "benign", "malignant", or None where it is not released.
        histology: its histologies as released.
        echo: EchoCharacteristics as released, "" where there is none.
    """
    if label == "malignant":
        return UNKNOWN if echo == ANECHOIC else SOLID  # an anechoic solid cancer contradicts itself
    names = {name.lower() for name in histology}
    tissue, fluid = bool(names & TISSUE), bool(names) and names <= FLUID
    if label is None or (tissue and (names & FLUID or echo == ANECHOIC)):
        return UNKNOWN
    if tissue:
        return SOLID
    if (fluid and echo != MIXED) or echo == ANECHOIC:
        return NOT_SOLID
    return UNKNOWN
