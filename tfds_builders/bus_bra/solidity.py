"""Which histologies of BUS-BRA say that there is a solid nodule, and which that there is none.

Qi et al. 2019: fibroadenoma, lipoma and everything malignant have a solid nodule; cysts, ductal ectasia and normal
breasts have none. The table goes on from there only where the histology itself settles it. Where a diagnosis can be a
mass, a cyst, a shadow or nothing at all on ultrasound, the answer is unknown (-1).
"""

SOLID, NOT_SOLID, UNKNOWN = 1, 0, -1

SOLID_BY_HISTOLOGY: dict[tuple[str, str], int] = {
    # Malignant: all solid, by Qi's rule (in situ disease included, as the release calls it malignant).
    ("malignant", "adenocarcinoma"): SOLID,
    ("malignant", "ductal carcinoma in situ"): SOLID,
    ("malignant", "invasive ductal carcinoma"): SOLID,
    ("malignant", "invasive lobular carcinoma"): SOLID,
    ("malignant", "lobular carcinoma in situ"): SOLID,
    ("malignant", "lymphoma"): SOLID,
    ("malignant", "medullary carcinoma"): SOLID,
    ("malignant", "mucinous carcinoma"): SOLID,
    ("malignant", "papillary carcinoma"): SOLID,
    ("malignant", "phyllodes tumor"): SOLID,
    # Benign tumours and nodes: a mass of tissue by definition.
    ("benign", "fibroadenoma"): SOLID,
    ("benign", "lipoma"): SOLID,
    ("benign", "phyllodes tumor"): SOLID,
    ("benign", "hamartoma"): SOLID,  # a circumscribed mass of normal breast elements
    ("benign", "intraductal papilloma"): SOLID,  # a growth of tissue, even where it lies in a dilated duct
    ("benign", "lymph node"): SOLID,  # an oval of lymphoid tissue around a fatty hilum
    # Fluid.
    ("benign", "cyst"): NOT_SOLID,
    ("benign", "galactocele"): NOT_SOLID,  # a cyst filled with milk
    ("benign", "duct ectasia"): NOT_SOLID,  # dilated ducts filled with secretion
    # Not settled by the histology.
    ("benign", "fibrocystic changes"): UNKNOWN,  # cysts, fibrosis, or both
    (
        "benign",
        "metaplasia apocrina",
    ): UNKNOWN,  # apocrine metaplasia (as spelt in the release): mostly lines small cysts
    ("benign", "fat necrosis"): UNKNOWN,  # from an oil cyst to a spiculated mass
    ("benign", "mastitis"): UNKNOWN,  # oedema, an abscess (fluid), or a granulomatous mass
    ("benign", "sclerosing adenosis"): UNKNOWN,  # a mass, a distortion, or nothing visible
    ("benign", "fibrosis"): UNKNOWN,  # a mass, or only a shadow
    ("benign", "hyperplasia"): UNKNOWN,  # a finding under the microscope
    ("benign", "ductal hyperplasia"): UNKNOWN,  # a finding under the microscope
    ("benign", "proliferative lesions"): UNKNOWN,  # a group of diagnoses
    ("benign", "lobular atrophy"): UNKNOWN,  # loss of tissue, not a mass; what was seen and delineated is not told
}
"""(Pathology, Histology) as written in bus_data.csv -> 1 solid nodule, 0 none, -1 unknown."""
