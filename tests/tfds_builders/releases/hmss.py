"""HMSS: a byte-order mark, an unnamed 14th column, files named as in the table or as on the site, boxes with sizes."""

import csv
from pathlib import Path

import numpy as np
from PIL import Image

from tests.tfds_builders.expected import Expected, picture, save

HEADER = (
    "group,subgroup,subgroup url,case description,img url,img name,case id/cover img id,"
    "crop r1,crop r2,crop col1,crop col2,tumor type,Notes,"
)
SITE = "https://www.ultrasoundcases.info"

ROWS: tuple[tuple[str, str, str, str, str, str, int, str], ...] = (
    # saved as, img name, case, subgroup, tumor type, notes, solid, histology
    ("lbox_2879.jpg", "2879", "2879", "5.1.1 Cysts", "Benign", "", 0, "Cysts"),
    ("lbox_2880.jpg", "2880", "2879", "5.1.1 Cysts", "Benign", "", 0, "Cysts"),
    ("38189-Afbeelding1.jpg", "38189-Afbeelding1", "38189-Afbeelding1", "5.1.2 Infected", "Benign", "", 0, "Infected"),
    ("38189-Afbeelding2.png", "38189-Afbeelding2", "38189-Afbeelding1", "5.1.2 Infected", "Benign", "", 0, "Infected"),
    ("3001.jpg", "3001", "3001", "5.1.3 Cysts with a mass", "Benign", "", -1, ""),
    # One case with both labels, in a benign section.
    ("33278-Afbeelding1.jpg", "33278-Afbeelding1", "33278-Afbeelding1", "5.1.4 Pits", "Benign", "", -1, ""),
    (
        "33278-Afbeelding2.jpg",
        "33278-Afbeelding2",
        "33278-Afbeelding1",
        "5.1.4 Pits",
        "Malignant",
        "changed",
        -1,
        "",
    ),
    (
        "33278-Afbeelding3.jpg",
        "33278-Afbeelding3",
        "33278-Afbeelding1",
        "5.1.4 Pits",
        "Malignant",
        "changed",
        -1,
        "",
    ),
    ("3005.jpg", "3005", "3005", "5.1.5 Galactoceles", "Benign", "", 0, ""),
    ("3006.jpg", "3006", "3006", "5.1.6 Fibroadenomas", "Benign", "", 1, "Fibroadenomas"),
    ("3007.png", "3007", "3007", "5.1.7 Lipomas", "Benign", "", 1, "Lipomas"),
    ("3008.jpg", "3008", "3008", "5.1.8 Other, non cystic", "Benign", "", 1, ""),
    ("3009.jpg", "3009", "3009", "5.1.9 Hematomas", "Benign", "", -1, "Hematomas"),
    ("3010.jpg", "3010", "3010", "5.1.10 Ductal", "Benign", "", -1, ""),
    ("3011.jpg", "3011", "3011", "5.1.11 Inflammation", "Benign", "", -1, ""),
    ("3012.jpg", "3012", "3012", "5.1.12 Fat necrosis", "Benign", "", -1, ""),
    ("lbox_4001.png", "4001", "4001", "5.2.1 Carcinomas", "Malignant", "", 1, ""),
    ("lbox_4002.png", "4002", "4001", "5.2.1 Carcinomas", "Malignant", "", 1, ""),
    ("4003.jpg", "4003", "4003", "5.2.2 Carcinomas", "Malignant", "", 1, ""),
    ("4004.jpg", "4004", "4004", "5.2.3 Intracystic", "Malignant", "", -1, ""),
    ("4005.jpg", "4005", "4005", "5.2.12 Lymph nodes", "Malignant", "", -1, ""),
    # Filed under malignant cases, benign all the same.
    ("4006.jpg", "4006", "4006", "5.2.13 Various", "Benign", "changed", -1, ""),
    ("4007.jpg", "4007", "4007", "5.2.13 Various", "Malignant", "", 1, ""),
    ("4008.jpg", "4008", "4008", "5.2.11 Carcinomas", "Malignant", "", 1, ""),
    # The two cases that the benchmark's fifth fold lost.
    ("41569-Afbeelding1.jpg", "41569-Afbeelding1", "41569-Afbeelding1", "5.2.1 Carcinomas", "Malignant", "", 1, ""),
    ("56828-Afbeelding1.jpg", "56828-Afbeelding1", "56828-Afbeelding1", "5.2.1 Carcinomas", "Malignant", "", 1, ""),
    ("56828-Afbeelding2.jpg", "56828-Afbeelding2", "56828-Afbeelding1", "5.2.1 Carcinomas", "Malignant", "", 1, ""),
    ("4011.jpg", "4011", "4011", "5.2.4 Carcinomas", "Malignant", "", 1, ""),
    ("4012.jpg", "4012", "4012", "5.2.5 Carcinomas", "Malignant", "", 1, ""),
)

# Of images 30 wide and 28 high. The cells are first row, height, first column, width; then what they keep.
BOXES = {
    "2879": ((0, 28, 0, 30), (slice(0, 28), slice(0, 30))),  # everything
    "2880": ((7, 20, 10, 19), (slice(7, 27), slice(10, 29))),  # one pixel narrower than high
    "3006": ((1, 19, 2, 20), (slice(1, 20), slice(2, 22))),  # one pixel wider than high
    "4001": ((5, 23, 11, 8), (slice(5, 28), slice(11, 19))),  # to the last row
}
OTHERS = ((2, 15, 3, 18), (slice(2, 17), slice(3, 21)))


def write_release(folder: Path) -> list[Expected]:
    """Writes HMSS/ into `folder`; what is expected are whole images."""
    release = folder / "HMSS"
    lines = [HEADER.split(",")]
    expected = []
    for row, (file, name, case, subgroup, kind, notes, solid, histology) in enumerate(ROWS):
        path = release / "imgs" / file
        save(path, picture("L" if row % 4 == 0 else "RGB", 30, 28, row))
        image = np.asarray(Image.open(path).convert("RGB"))  # JPEG is not without loss
        on_site = file if file.endswith(".jpg") else file.replace(".png", ".jpg")
        url = f"{SITE}/clients/ultrasoundcases/uploads/{on_site}"
        part = "5.1 Benign lesions" if subgroup.startswith("5.1") else "5.2 Malignant lesions"
        # The commas and the accent are part of the text.
        texts = [part, subgroup, f"{SITE}/cases/breast-and-axilla/", 'Woman, 45, "naïve" mass', url, name, case]
        cells, _ = BOXES.get(name, OTHERS)
        lines.append([*texts, *map(str, cells), kind, notes, ""])
        expected.append(Expected(name, case, {"Benign": 1, "Malignant": 2}[kind], solid, image, None, "", histology))
    with (release / "HMSS.csv").open("w", encoding="utf-8-sig", newline="") as file_:
        csv.writer(file_).writerows(lines)
    return expected


def crop(expected: Expected) -> np.ndarray:
    """What the table's box keeps of an expected image."""
    _, (rows, columns) = BOXES.get(expected.image_id, OTHERS)
    return expected.image[rows, columns]
