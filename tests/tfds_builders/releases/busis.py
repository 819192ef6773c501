"""BUSIS: numbers padded with zeros in the table and not in the files, BMP files, a table that ends in empty rows."""

from pathlib import Path

from tests.tfds_builders.expected import Expected, box, picture, rgb, save

NUMBERS = (1, 2, 3, 9, 10, 11, 20, 21, 99, 100, 101, 200, 305, 306, 307, 400, 561, 562)


def write_release(folder: Path) -> list[Expected]:
    """Writes BUSIS/ and, beside it, BUSIS562.csv into `folder`."""
    release = folder / "BUSIS"
    table = ["img name,Ground Truth Name,tumor type"]
    expected = []
    for row, number in enumerate(NUMBERS):
        malignant, width, height = row % 2 == 1, 24 + row, 20 + row % 3
        image, lesion = picture("RGB" if row % 4 else "L", width, height, row), box(width, height, 2 + row, 3, 20, 15)
        save(release / "Original" / f"case{number}.bmp", image)
        save(release / "GT" / f"case{number}_GT.bmp", lesion, ("1", "L", "RGB")[row % 3])
        name = f"case{number:04d}"
        table.append(f"{name},{name}_GT,{'M' if malignant else 'B'}")
        label, solid = (2, 1) if malignant else (1, -1)
        expected.append(Expected(name, name, label, solid, rgb(image), lesion))
    (release / "Thumbs.db").write_bytes(b"\0")
    (folder / "BUSIS562.csv").write_text("\r\n".join((*table, ",,", ",,")) + "\r\n", newline="")
    return expected
