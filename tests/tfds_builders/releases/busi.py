"""BUSI: spaces and parentheses in names, one to three masks per image, masks of 1 bit, RGB and RGBA."""

from pathlib import Path

from tests.tfds_builders.expected import Expected, box, picture, rgb, save

Box = tuple[int, int, int, int]
IMAGES: tuple[tuple[str, str, tuple[tuple[str, Box | None], ...]], ...] = (
    # name, case, masks as (mode, left-top-right-bottom); in the order in which they are read
    ("normal (3)", "normal (3)", (("RGB", None),)),
    ("benign (1)", "benign (1)", (("1", (5, 5, 20, 20)),)),
    ("benign (4)", "benign (4)", (("1", (5, 5, 20, 20)), ("RGBA", (30, 30, 45, 40)))),
    ("benign (195)", "benign (195)", (("1", (5, 5, 9, 9)), ("1", (7, 7, 20, 20)), ("1", (40, 10, 50, 20)))),
    # Nearly the same picture as benign (1), as BUSI has it.
    ("benign (318)", "benign (1)", (("1", (8, 5, 20, 20)),)),
    ("malignant (2)", "malignant (2)", (("1", (6, 6, 21, 20)),)),
    ("malignant (10)", "malignant (10)", (("1", (6, 6, 21, 20)),)),
    # The same picture as benign (433), under the other label.
    ("malignant (145)", "benign (433)", (("1", (5, 5, 20, 20)),)),
)
# Numbers that have no near-duplicate in BUSI.
ALONE = {"normal": (112, 115, 117, 133), "benign": (428, 430, 436), "malignant": (203, 204, 206, 207, 209, 210)}


def write_release(folder: Path) -> list[Expected]:
    """Writes Dataset_BUSI_with_GT/ into `folder`."""
    expected = []
    alone = [(f"{label} ({number})", label) for label, numbers in ALONE.items() for number in numbers]
    images = [*IMAGES, *((name, name, (("1", None if label == "normal" else (3, 4, 9, 12)),)) for name, label in alone)]
    for row, (name, case, masks) in enumerate(images):
        label, width, height = name.split()[0], 60 + row, 50 + row % 3
        image, union = picture("RGB", width, height, row), box(width, height, 0, 0, 0, 0)
        save(folder / "Dataset_BUSI_with_GT" / label / f"{name}.png", image)
        for number, (mode, corners) in enumerate(masks):
            mask = box(width, height, *(corners or (0, 0, 0, 0)))
            suffix = f"_{number}" if number else ""
            # Through L, where the opaque RGBA masks of BUSI get an alpha of 255 everywhere.
            save(folder / "Dataset_BUSI_with_GT" / label / f"{name}_mask{suffix}.png", mask, mode)
            union |= mask
        position = ["normal", "benign", "malignant"].index(label)
        expected.append(Expected(name, case, position, (0, -1, 1)[position], rgb(image), union))
    return sorted(expected, key=lambda e: (e.label, int(e.image_id.split("(")[1].rstrip(")"))))
