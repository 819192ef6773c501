"""BUS-UCLM: a wrapper folder, a byte-order mark, semicolons, coloured masks, patients of several labels and sizes."""

from pathlib import Path

import numpy as np

from tests.tfds_builders.expected import Expected, box, picture, rgb, save

WRAPPER = "BUS-UCLM Breast ultrasound lesion segmentation dataset"
COLOURS = {"Normal": (0, 0, 0), "Benign": (0, 255, 0), "Malignant": (255, 0, 0)}
OFFICIAL_TEST = ("ANFO", "COPE", "CRCI", "ELCO", "FLKA")

# patient, labels of its images; HESN stands apart
PATIENTS = (
    ("ALWI", "NB"),
    ("ANFO", "NB"),
    ("CHVI", "MNBM"),
    ("COPE", "M"),
    ("CRCI", "N"),
    ("DAPA", "B"),
    ("ELCO", "B"),
    ("FLKA", "NM"),
    ("KIFO", "M"),
    ("MENE", "MM"),
    ("POFR", "NBB"),
    ("SIBA", "M"),
    ("TOCI", "BM"),
    ("VITR", "M"),
    ("WAQU", "MN"),
)
LABELS = {"N": ("Normal", 0, 0), "B": ("Benign", 1, -1), "M": ("Malignant", 2, 1)}
# letter, image size, mask size (width, height)
HESN = (("N", (24, 18), (30, 20)), ("B", (24, 20), (48, 60)), ("M", (22, 17), (30, 20)))


def write_release(folder: Path) -> list[Expected]:
    """Writes BUS-UCLM/ in its wrapper folder into `folder`."""
    release = folder / WRAPPER / "BUS-UCLM"
    table = ["Image;Resolution;Label;Doppler;Marks;Combined"]
    expected = []
    images = [
        (f"{patient}_{number:03d}", letter, "RGB", (30, 20), (30, 20))
        for patient, letters in PATIENTS
        for number, letter in enumerate(letters)
    ]
    images[4:4] = [(f"HESN_{number:03d}", letter, "RGBA", *sizes) for number, (letter, *sizes) in enumerate(HESN)]
    for row, (name, letter, mode, size, mask_size) in enumerate(images):
        text, label, solid = LABELS[letter]
        image, lesion = picture(mode, *size, row), box(*mask_size, 0, 0, 0, 0)
        if letter != "N":
            lesion = box(*mask_size, 4, 3, 13, 12) | box(*mask_size, 20, 14, 26, 19)  # two lesions
        save(release / "images" / f"{name}.png", image)
        save(release / "masks" / f"{name}.png", np.where(lesion[..., None], COLOURS[text], 0).astype(np.uint8))
        doppler = "Y" if name == "CHVI_001" else "Yes" if row % 7 == 0 else "No"
        table.append(f"{name}.png;856x606;{text};{doppler};No;No")
        expected.append(
            Expected(
                name,
                name[:4],
                label,
                solid,
                rgb(image),
                lesion if size == mask_size else None,  # nobody tells where these images were cut out
                device="Siemens ACUSON S2000",
                fold=0 if name[:4] in OFFICIAL_TEST else -1,
            )
        )
    (release / "INFO.csv").write_text("\n".join(table) + "\n", encoding="utf-8-sig")
    return expected
