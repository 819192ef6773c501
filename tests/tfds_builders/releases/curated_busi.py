"""Curated BUSI: BUSI's numbers with their gaps, two groups of near-duplicates, a mapping with CRLF, a mask of 254."""

from pathlib import Path

import numpy as np

from tests.tfds_builders.expected import Expected, box, picture, rgb, save

IMAGES = (
    # class, number, case, label, solid; benign 61, 94 and 108 are one group of BUSI, malignant 6 is in another
    ("benign", 20, "benign_id_20", 1, -1),
    ("benign", 22, "benign_id_22", 1, -1),
    ("benign", 61, "benign_id_61", 1, -1),
    ("benign", 94, "benign_id_61", 1, -1),
    ("benign", 100, "benign_id_100", 1, -1),
    ("benign", 108, "benign_id_61", 1, -1),
    ("benign", 195, "benign_id_195", 1, -1),
    ("benign", 436, "benign_id_436", 1, -1),
    ("malignant", 1, "malignant_id_1", 2, 1),
    ("malignant", 2, "malignant_id_2", 2, 1),
    ("malignant", 6, "malignant_id_4", 2, 1),
    ("malignant", 11, "malignant_id_11", 2, 1),
    ("malignant", 143, "malignant_id_143", 2, 1),
    ("malignant", 206, "malignant_id_206", 2, 1),
    ("malignant", 207, "malignant_id_207", 2, 1),
    ("malignant", 208, "malignant_id_208", 2, 1),
    ("malignant", 210, "malignant_id_210", 2, 1),
    ("normal", 2, "normal_id_2", 0, 0),
    ("normal", 18, "normal_id_18", 0, 0),
    ("normal", 133, "normal_id_133", 0, 0),
)


def write_release(folder: Path) -> list[Expected]:
    """Writes 'Curated BUSI/' with its images and masks, and the mapping beside it, into `folder`."""
    release = folder / "Curated BUSI"
    expected = []
    for row, (name, number, case, label, solid) in enumerate(IMAGES):
        width, height = 24 + row, 30 - row % 7
        image = picture("RGB" if row % 3 == 0 else "L", width, height, row)
        mask = box(width, height, 3, 4, 10 + row % 5, 15)
        if name == "normal":
            mask[:] = False
        save(release / "images" / f"{name}_id_{number}.png", image)
        path = release / "masks" / f"{name}_id_{number}_mask.png"
        if number == 195:
            # Where two of BUSI's masks overlap, their sum of 8 bits is 254.
            save(path, np.where(mask, 255, 0).astype(np.uint8) - box(width, height, 5, 6, 8, 9))
        else:
            save(path, mask, "RGB" if name == "normal" else None)
        expected.append(Expected(f"{name}_id_{number}", case, label, solid, rgb(image), mask))
    (release / "images" / ".DS_Store").write_bytes(b"\0")
    mapping = "\r\n".join(["class;id", *(f"{name};{number}" for name, number, *_ in IMAGES)])
    (folder / "mapping_curated_BUSI.csv").write_text(mapping, newline="")
    return expected
