"""GDPH & SYSUCC: categories as numbers and as text in both cases, a stray one, rows in another order than the images,
pictures under two names and two labels."""

from pathlib import Path

import openpyxl

from tests.tfds_builders.expected import Expected, picture, rgb, save

IMAGES = (
    # hospital, name, reader 1, reader 2, fold counted from 1, BI-RADS, label, solid, seed of the picture
    ("SYSUCC", "benign(0)", 2, 3, 1, "2/3", 1, -1, 0),
    ("SYSUCC", "benign(1)", "3", "4b", 2, "3/4b", 1, -1, 1),
    ("SYSUCC", "benign(2)", 3, 3, 3, "3/3", 1, -1, 2),
    ("SYSUCC", "benign(10)", "4a", "4A", 4, "4a/4a", 1, -1, 3),
    ("SYSUCC", "benign(274)", "4A", "c", 5, "4a/c", 1, -1, 4),
    ("GDPH", "benign(443)", "4B", "4b ", 1, "4b/4b", 1, -1, 5),
    ("GDPH", "benign(444)", "4c", "5", 2.0, "4c/5", 1, -1, 6),
    ("GDPH", "benign(500)", 3.0, "4C", 3, "3/4c", 1, -1, 7),
    ("GDPH", "benign(885)", 2, 2, 4, "2/2", 1, -1, 8),
    ("SYSUCC", "malignant(0)", 5, 5, 5, "5/5", 2, 1, 9),
    ("SYSUCC", "malignant(1)", "4a", 5, 1, "4a/5", 2, 1, 2),  # the picture of benign(2)
    ("SYSUCC", "malignant(2)", "4b", 5, 2, "4b/5", 2, 1, 10),
    ("SYSUCC", "malignant(9)", "4B", "4c", 3, "4b/4c", 2, 1, 11),
    ("SYSUCC", "malignant(10)", "4c", "4c", 4, "4c/4c", 2, 1, 11),  # the same picture twice
    ("SYSUCC", "malignant(1115)", 5, "4C", 5, "5/4c", 2, 1, 12),
    ("GDPH", "malignant(1116)", 5, 5, 1, "5/5", 2, 1, 13),
    ("GDPH", "malignant(1117)", "5", 5, 2, "5/5", 2, 1, 14),
    ("GDPH", "malignant(1200)", 5, "5", 3, "5/5", 2, 1, 15),
    ("GDPH", "malignant(1518)", "4C", "4A", 4, "4c/4a", 2, 1, 16),
)


def write_release(folder: Path) -> list[Expected]:
    """Writes GDPH&SYSUCC/ into `folder`, the layout with two hospitals."""
    release = folder / "GDPH&SYSUCC"
    book = openpyxl.Workbook()
    book.active.title = "prediction"
    book.active.append(["ID", "BIRADS-reader1", "BIRADS-reader2", "fold"])
    expected = []
    for hospital, name, _, _, fold, birads, label, solid, seed in IMAGES:
        image = picture("RGB" if seed % 2 else "L", 24 + seed, 20, seed)
        save(release / hospital / f"{name}.png", image)
        facts = {"birads": birads, "fold": int(fold) - 1}
        expected.append(Expected(name, name, label, solid, rgb(image), None, **facts))
    for _, name, first, second, fold, *_ in reversed(IMAGES):
        book.active.append([name, first, second, fold])
    book.save(release / "BIRADS&FOLD.xlsx")
    return expected
