"""Whether a row of the clinical data of BrEaST-Lesions-USG says that there is a solid nodule.

Three columns tell: Diagnosis (the biopsy's histology; "not applicable" where there was none), Interpretation (what the
radiologist took it for) and Echogenicity. "&" joins several terms: in Diagnosis they were found together, in
Interpretation they are alternatives.
"""

from tfds_builders.tables import Row

EVIDENCE = ("Diagnosis", "Interpretation", "Echogenicity")
"""The columns that it goes by, beside Classification."""

NOT_APPLICABLE = "not applicable"

# A mass of tissue, as in bus_bra/solidity.py; Qi et al. 2019 name fibroadenoma and lipoma.
SOLID_TERMS = frozenset(
    (
        "fibroadenoma",
        "hamartoma",
        "intraductal papilloma",
        "intramammary lymph node",
        "lactating adenoma",
        "lipoma",
        "phyllodes tumor",
    )
)
# Fluid, thick or thin, in a cyst, a duct or a cavity; Qi et al. 2019 name cyst and ductal ectasia.
FLUID_TERMS = frozenset(
    (
        "complex cyst / non-simple cyst",
        "cyst filled with thick fluid",
        "duct filled with thick fluid",
        "lacteal cyst",
        "mammary duct ectasia",
        "seroma",
        "simple cyst",
    )
)
# Every other term leaves the question open: dysplasia, adenosis, hyperplasia, fibrocystic change and the like are
# findings under the microscope; fat necrosis, hematoma, abscess and mastitis are fluid, tissue or both; a suspicion of
# malignancy, a scar or an implant is no kind of nodule.
_SOLID, _FLUID, _OPEN = "solid", "fluid", "open"

COMPLEX, ANECHOIC = "complex cystic/solid", "anechoic"
ECHOGENICITY = (ANECHOIC, COMPLEX, "heterogeneous", "hyperechoic", "hypoechoic", "isoechoic", NOT_APPLICABLE)


def solid_nodule(row: Row) -> int:
    """Tells whether the lesion is a solid nodule.

    - Normal: 0; malignant: 1 (Qi et al. 2019).
    - Benign and "complex cystic/solid": unknown.
    - Benign otherwise: the terms of Diagnosis where there was a biopsy, those of Interpretation elsewhere. In a
      diagnosis, open terms beside a settled one do not count; among the alternatives of an interpretation they do.
      An anechoic lesion shows fluid, whatever the open terms. 1 where all that counts is solid, 0 where all is fluid.

    Args:
        row: a row of the clinical data, with Classification, Echogenicity, Interpretation and Diagnosis.

    Returns:
        1 yes, 0 no, -1 unknown.

    Raises:
        DatasetError: an unknown Classification or Echogenicity.
    """
    echogenicity = row.choose("Echogenicity", {name: name for name in ECHOGENICITY})
    if row["Classification"] != "benign":
        return row.choose("Classification", {"normal": 0, "malignant": 1})
    if echogenicity == COMPLEX:
        return -1
    biopsied = row["Diagnosis"] != NOT_APPLICABLE
    kinds = {_kind(term) for term in row["Diagnosis" if biopsied else "Interpretation"].split("&")}
    if biopsied or echogenicity == ANECHOIC:
        kinds.discard(_OPEN)
    if echogenicity == ANECHOIC:
        kinds.add(_FLUID)
    if kinds == {_SOLID}:
        return 1
    return 0 if kinds == {_FLUID} else -1


def _kind(term: str) -> str:
    name = term.strip().lower()
    return _SOLID if name in SOLID_TERMS else _FLUID if name in FLUID_TERMS else _OPEN
