"""BrEaST-Lesions-USG: RGBA images and masks, several masks, gaps in the numbers, two sheets, BI-RADS of mixed type."""

from pathlib import Path

import numpy as np
import openpyxl

from tests.tfds_builders.expected import Expected, box, picture, rgb, save

NONE = "not applicable"
COMPLEX_CYST, THICK_CYST = "Complex cyst / Non-simple cyst", "Cyst filled with thick fluid"
PAPILLARY = "Encapsulated papillary carcinoma&Ductal carcinoma in situ (DCIS)"
NST = "Invasive carcinoma of no special type (NST)"

# CaseID, BIRADS as in the sheet, Echogenicity, Interpretation, Diagnosis, Classification, label, solid, other masks
ROWS: tuple[tuple[int, int | str, str, str, str, str, int, int, int], ...] = (
    (1, 2, "heterogeneous", "Breast scar (surgery)&Breast scar (radiotherapy)", NONE, "benign", 1, -1, 0),
    (2, "4b", "hypoechoic", "Dysplasia&Fibroadenoma", "Intramammary lymph node", "benign", 1, 1, 0),
    (4, 3, "hypoechoic", THICK_CYST, NONE, "benign", 1, 0, 0),
    (5, "4b", "complex cystic/solid", "Suspicion of malignancy", PAPILLARY, "malignant", 2, 1, 0),
    (22, "4c", "hypoechoic", "Suspicion of malignancy", NST, "malignant", 2, 1, 1),
    (45, 1, NONE, NONE, NONE, "normal", 0, 0, 0),
    (60, 2, "anechoic", "Simple cyst", NONE, "benign", 1, 0, 0),
    (61, 1, NONE, NONE, NONE, "normal", 0, 0, 0),
    (70, "4a", "complex cystic/solid", COMPLEX_CYST, "Fibroadenoma", "benign", 1, -1, 0),
    (85, 3, "isoechoic", "Fibroadenoma", NONE, "benign", 1, 1, 1),
    (90, "4a", "hypoechoic", "Fibroadenoma", "Fibrocystic change", "benign", 1, -1, 0),
    (140, 5, "hypoechoic", "Suspicion of malignancy", f"{NST}&Mucinous carcinoma", "malignant", 2, 1, 4),
    (142, "4a", "hypoechoic", THICK_CYST + "&Fibroadenoma", "Simple cyst", "benign", 1, 0, 0),
    *((number, 5, "hyperechoic", "Suspicion of malignancy", NST, "malignant", 2, 1, 0) for number in range(200, 208)),
    (256, "4a", "hypoechoic", THICK_CYST + "&Fibroadenoma", NONE, "benign", 1, -1, 0),
)
HEADER = (
    *("CaseID", "Image_filename", "Mask_tumor_filename", "Mask_other_filename", "Pixel_size", "Age"),
    *("Tissue_composition", "Signs", "Symptoms", "Shape", "Margin", "Echogenicity", "Posterior_features", "Halo"),
    *("Calcifications", "Skin_thickening", "Interpretation", "BIRADS", "Verification", "Diagnosis", "Classification"),
)


def write_release(folder: Path) -> list[Expected]:
    """Writes the folder of images and masks and the Excel file into `folder`."""
    images = folder / "BrEaST-Lesions_USG-images_and_masks"
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "BrEaST-Lesions-USG clinical dat"
    sheet.append(HEADER)
    book.create_sheet("Data Dictionary").append(("Column", "Meaning"))
    expected = []
    for row, (number, birads, echo, interpretation, diagnosis, classification, label, solid, others) in enumerate(ROWS):
        case, width, height = f"case{number:03d}", 24 + row, 20 + row % 4
        # Random alpha: some pixels are transparent and have a colour all the same.
        image, lesion = picture("RGBA", width, height, row), box(width, height, 0, 0, 0, 0)
        save(images / f"{case}.png", image)
        names = [] if label == 0 else [f"{case}_tumor.png", *(f"{case}_other{k}.png" for k in range(1, others + 1))]
        for k, name in enumerate(names):
            part = box(width, height, 3 * k, 4 + k, 3 * k + 5, 9 + k)
            alpha = 75 if number == 140 and k == 4 else 255
            values = [np.where(part, np.uint8(top), np.uint8(0)) for top in (255, 255, 255, alpha)]
            save(images / name, np.stack(values, axis=-1))
            lesion |= part
        cells = {
            "CaseID": number,
            "Image_filename": f"{case}.png",
            "Mask_tumor_filename": names[0] if names else None,
            "Mask_other_filename": "&".join(names[1:]) or None,
            "Pixel_size": 0.0075,
            "Age": 57 if row % 2 else "not available",
            "Echogenicity": echo,
            "Interpretation": interpretation,
            "BIRADS": birads,
            "Diagnosis": diagnosis,
            "Classification": classification,
        }
        sheet.append([cells.get(name, "no") for name in HEADER])
        histology = "" if diagnosis == NONE else diagnosis
        facts = {"birads": str(birads), "histology": histology}
        expected.append(Expected(case, case, label, solid, rgb(image), lesion, **facts))
    book.save(folder / "BrEaST-Lesions-USG-clinical-data-Dec-15-2023.xlsx")
    return expected
