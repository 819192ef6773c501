"""Rodrigues: small BMP crops, grey or with a palette, in us-dataset/originals/; folders of changed copies beside it."""

from pathlib import Path

from tests.tfds_builders.expected import Expected, picture, rgb, save


def write_release(folder: Path) -> list[Expected]:
    """Writes us-dataset/ into `folder`."""
    release = folder / "us-dataset" / "originals"
    expected = []
    for name, label, solid, count in (("benign", 1, -1, 8), ("malignant", 2, 1, 11)):
        for number in range(1, count + 1):
            image = picture("L", 57 + number, 75 - 2 * number, number + 100 * label)
            save(release / name / f"{number}.bmp", image, "P" if number == 3 else None)
            expected.append(Expected(f"{name}/{number}", f"{name}/{number}", label, solid, rgb(image), None))
    save(folder / "us-dataset" / "other" / "benign" / "1.bmp", picture("L", 9, 9, 0))
    (release / "malignant" / "Thumbs.db").write_bytes(b"\0")
    return expected
