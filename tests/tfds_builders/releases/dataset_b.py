"""Dataset B: ids as texts with zeros and a gap, a legend beside the table, masks blurred by compression."""

from pathlib import Path

import numpy as np
import openpyxl

from tests.tfds_builders.expected import Expected, box, picture, rgb, save

LEGEND = (
    ("FA", "Fibroadenoma"),
    ("IDC", "Invasive Ductal Carcinoma"),
    ("DCIS", "Ductal Carcinoma In Situ"),
    ("PAP", "Papiloma"),
    ("UNK", "Unknown"),
    ("LN", "Lymph Node"),
    ("LP", "Lymphoma"),
)
KINDS = (
    # Type, Diagnosis, label, solid, histology
    ("Benign", "CYST", 1, 0, "cyst"),
    ("Malignant", "IDC", 2, 1, "invasive ductal carcinoma"),
    ("Benign", "FA", 1, 1, "fibroadenoma"),
    ("Malignant", "UNK", 2, 1, ""),
    ("Benign", "LN", 1, 1, "lymph node"),
    ("Malignant", "DCIS", 2, 1, "ductal carcinoma in situ"),
    ("Benign", "PAP", 1, 1, "papilloma"),
    ("Malignant", "ILC", 2, 1, "invasive lobular carcinoma"),
    ("Benign", "CYST", 1, 0, "cyst"),
    ("Malignant", "LP", 2, 1, "lymphoma"),
)
NUMBERS = (*range(1, 12), *range(295, 304))


def write_release(folder: Path) -> list[Expected]:
    """Writes BUS/ into `folder`."""
    release = folder / "BUS"
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Hoja1"
    sheet.append(("Image", "Type", "Diagnosis", None, None, "Llegend"))
    expected = []
    for row, (number, kind) in enumerate(zip(NUMBERS, KINDS * 2, strict=True)):
        name, (type_, diagnosis, label, solid, histology) = f"{number:06d}", kind
        width, height = 30 + row, 22 + row % 5
        image, lesion = picture("RGB" if row % 3 else "L", width, height, row), box(width, height, 5, 6, 15 + row, 16)
        # Around 0 and 255 as compression leaves them: up to 150 is background, from 151 lesion.
        noise = picture("L", width, height, 100 + row)
        mask = np.where(lesion, 151 + noise % 105, noise % 151).astype(np.uint8)
        mask[0, 0], mask[6, 5] = 150, 151
        save(release / "original" / f"{name}.png", image)
        save(release / "GT" / f"{name}.png", mask, "RGB" if row % 4 == 1 else None)
        sheet.append((name, type_, diagnosis, None, None, *(LEGEND[row] if row < len(LEGEND) else ())))
        facts = {"histology": histology, "device": "Siemens ACUSON Sequoia C512"}
        expected.append(Expected(name, name, label, solid, rgb(image), lesion, **facts))
    book.save(release / "DatasetB.xlsx")
    return expected
