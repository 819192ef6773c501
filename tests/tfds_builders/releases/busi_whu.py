"""BUSI-WHU, version 3: several images of a patient, a first digit that is no class, names taken for numbers."""

from pathlib import Path

import openpyxl

from tests.tfds_builders.expected import Expected, box, picture, rgb, save

IMAGES = (
    # image, its name in the table, patient in the table, class in the table, case, label, solid
    ("00001", 1, "00001", "Benign", "00001", 1, -1),
    ("00002", "00002.bmp", "00002", "benign", "00002", 1, -1),
    ("00003", "00003", "00003", "Malignant", "00003", 2, 1),
    ("00005", "00005", "00005", "Malignant", "00005", 2, 1),
    ("00006", 6, "00006", "Benign", "00006", 1, -1),
    ("00007", 7, "00007", "Benign", "00007", 1, -1),
    ("00010", 10, "00010", "Benign", "00010", 1, -1),
    ("00011", 11, "00011", "Malignant", "00011", 2, 1),
    ("00012", 12, "00012", "Malignant", "00012", 2, 1),
    ("00013", 13, "00013", "Benign", "00013", 1, -1),
    ("00014", 14, "00014", "Benign", "00014", 1, -1),
    ("00015", 15, "00015", "Benign", "00015", 1, -1),
    ("00016", 16, "00016", "Malignant", "00016", 2, 1),
    ("00020", 20, "00020", "Malignant", "00020", 2, 1),
    ("10001-1", "10001-1", "10001", "Malignant", "10001", 2, 1),
    ("10001-2", "10001-2", "10001", "Malignant", "10001", 2, 1),
    ("10001-10", "10001-10", "10001", "Malignant", "10001", 2, 1),
    ("10002-1", "10002-1", 10002, "Malignant", "10002", 2, 1),
    ("10002-2", "10002-2", 10002, "Malignant", "10002", 2, 1),
    ("10003-1", "10003-1", 10003, "Benign", "10003", 1, -1),
    ("10004-1", "10004-1", 10004, "Malignant", "10004", 2, 1),
)


def write_release(folder: Path) -> list[Expected]:
    """Writes BUSI-WHU/ and its table into `folder`."""
    release = folder / "BUSI-WHU"
    book = openpyxl.Workbook()
    book.active.append(["image_name", "patient_index", "class", "tumor area", "maximum diameter"])
    expected = []
    for row, (name, text, patient, group, case, label, solid) in enumerate(IMAGES):
        width, height = 24 + row % 5, 20 + row % 4
        image, mask = picture("L" if row % 2 else "RGB", width, height, row), box(width, height, 3, 4, 12, 9 + row % 6)
        save(release / "img" / f"{name}.bmp", image)
        save(release / "gt" / f"{name}_anno.bmp", mask, "1" if row % 2 else "RGB")
        book.active.append([text, patient, group, 12.5 + row, 7.25])
        expected.append(Expected(name, case, label, solid, rgb(image), mask))
    book.save(release / "Patient_infos_BUSI-WHU.xlsx")
    return expected
