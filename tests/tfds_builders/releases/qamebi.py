"""QAMEBI: names with spaces, overlays beside images, TIFF masks that count from 150 on, one image with two masks."""

from pathlib import Path

import numpy as np

from tests.tfds_builders.expected import Expected, box, picture, rgb, save

NUMBERS = {"Benign": (1, 2, 3, 4, 5, 9, 10, 11, 109), "Malignant": (1, 2, 3, 4, 5, 9, 10, 123)}


def write_release(folder: Path) -> list[Expected]:
    """Writes Benign/ and Malignant/ into `folder`."""
    expected = []
    for name, label, solid in (("Benign", 1, -1), ("Malignant", 2, 1)):
        for number in NUMBERS[name]:
            width, height = 24 + number % 4, 20 + number % 3
            image = picture("RGB", width, height, number + 1000 * solid + 2000)
            mask = box(width, height, 4, 5, 12, 13)
            # As if saved as JPEG once: 149 is not lesion, 150 is.
            values = np.where(mask, 150, 149 * box(width, height, 2, 3, 14, 15)).astype(np.uint8)
            save(folder / name / f"{number} {name} Image.bmp", image)
            save(folder / name / f"{number} {name} Mask.tif", values, "RGB" if number % 2 else "L")
            save(folder / name / f"{number} {name} Lesion.bmp", picture("RGB", width, height, 1))
            if (name, number) == ("Malignant", 5):
                second = box(width, height, 15, 2, 20, 6)
                save(folder / name / f"{number} {name} Mask 2.tif", second)
                mask = mask | second
            case = f"{number} {name}"
            expected.append(Expected(case, case, label, solid, rgb(image), mask, device="Aixplorer Ultimate"))
        (folder / name / "Thumbs.db").write_bytes(b"\0")
    return expected
