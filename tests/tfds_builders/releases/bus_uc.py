"""BUS_UC: numbers after a zero (02, 010), a folder All that repeats the others, a wider mask, an empty mask."""

from pathlib import Path

from tests.tfds_builders.expected import Expected, box, picture, rgb, save

NAMES = {
    "Benign": ("01", "02", "03", "09", "010", "011", "020", "0100", "0319"),
    "Malignant": ("04", "05", "06", "07", "08", "012", "0101", "0811"),
}


def write_release(folder: Path) -> list[Expected]:
    """Writes BUS_UC/ into `folder`."""
    release = folder / "BUS_UC"
    expected = []
    for name, label, solid in (("Benign", 1, -1), ("Malignant", 2, 1)):
        for number in NAMES[name]:
            image = picture("RGB", 24, 20, int(number))
            mask, released = box(24, 20, 3, 4, 10, 3 + int(number) % 7), box(24, 20, 3, 4, 10, 3 + int(number) % 7)
            facts = {}
            if number == "0319":
                # 25 columns become 24: the thirteenth (12) is left out, those after it move by one.
                released, mask, facts = box(25, 20, 5, 4, 20, 9), box(24, 20, 5, 4, 19, 9), {"mask_size": (20, 25)}
            for part in (name, "All"):
                save(release / part / "images" / f"{number}.png", image)
                save(release / part / "masks" / f"{number}.png", released)
            case = f"{name}/{number}"
            expected.append(Expected(case, case, label, solid, rgb(image), mask, **facts))
    return expected
