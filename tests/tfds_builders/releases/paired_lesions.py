"""Someone's own lesions in two modalities: contours in every form that is read, masks, DICOM, rows in any order."""

import csv
from pathlib import Path

import numpy as np

from tests.tfds_builders.expected import Expected, box, picture, rgb, save
from tests.tfds_builders.releases.manifest import save_dicom, windowed

HEADER = ("modality", "view", "image", "lesion_id", "label", "contour", "mask", "solid", "birads", "histology", "fold")
WIDTH, HEIGHT = 24, 20
SIZE = (WIDTH, HEIGHT)
SQUARE, WHOLE = box(*SIZE, 3, 4, 12, 15), box(*SIZE, 0, 0, *SIZE)
# From (2, 2) to (10, 2) to (2, 10): of the row r, from its column 2 on, the centres with x + y < 12.
TRIANGLE = np.array([[c >= 2 and r >= 2 and c + r + 1 < 12 for c in range(WIDTH)] for r in range(HEIGHT)])
CONTOURS = {
    "square.csv": ("x,y\n3,4\n12,4\n12,15\n3,15\n3,4\n", SQUARE),
    "square.txt": ("\ufeff3\t4\r\n3\t15\r\n\r\n12.0\t15.0\r\n12\t4", SQUARE),
    "triangle.txt": ("X Y\n2   2\n 10 2\n2 10\n", TRIANGLE),
    "whole.csv": ("0; 0\n24; 0\n24; 20\n0; 20", WHOLE),
}


def write_release(folder: Path) -> list[Expected]:
    """Writes manifest.csv, pictures, masks and contours of twelve lesions of two to four pictures."""
    rows: list[tuple[str, ...]] = []
    expected: list[Expected] = []
    for name, (text, _) in CONTOURS.items():
        (folder / "contours").mkdir(parents=True, exist_ok=True)
        (folder / "contours" / name).write_bytes(text.encode())
    save(folder / "masks/square.png", SQUARE)
    contours = list(CONTOURS)
    for view in ("CC", "radial", "MLO", ""):  # the rows of a lesion do not follow each other
        modality = "mammography" if view in ("CC", "MLO") else "ultrasound"
        for lesion in range(12):
            if (view == "MLO" and lesion % 3) or (view == "" and lesion % 4):
                continue
            label = ("benign", "malignant")[lesion % 2]
            place = f"{lesion:02d}/{modality} {view or 2}"
            if lesion == 5 and view == "CC":
                image = f"{place}.dcm"
                made, shown = windowed()
                save_dicom(folder / image, made)
            else:
                image, shown = f"{place}.png", picture("L", *SIZE, seed=len(rows))
                save(folder / image, shown)
            name = contours[len(rows) % 5] if len(rows) % 5 < 4 else ""
            contour, mask = (f"contours/{name}", "") if name else ("", "masks/square.png")
            known, fold = ("yes", "no", "")[lesion % 3], lesion // 2 % 3
            texts = ("4c", "IDC, grade 2") if lesion == 5 else ("", "")
            rows.append((modality, view, image, f"L {lesion}", label, contour, mask, known, *texts, str(fold)))
            expected.append(
                Expected(
                    image_id=place,
                    case_id=f"L {lesion}",
                    label=1 + lesion % 2,
                    solid=(1, 0, -1)[lesion % 3],
                    image=rgb(shown),
                    mask=CONTOURS[name][1] if name else SQUARE,
                    birads=texts[0],
                    histology=texts[1],
                    fold=fold,
                    modality=modality,
                    view=view,
                )
            )
    with (folder / "manifest.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([HEADER, *rows])
    return expected
