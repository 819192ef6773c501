"""BUS-BRA: a left and a right view of a case, wrong sizes in the csv, lines ending in CRLF, gaps in the numbers."""

from pathlib import Path

from tests.tfds_builders.expected import Expected, box, picture, rgb, save

ROWS = (
    # ID, Case, Histology, Pathology, BIRADS, Device, fold counted from 1, label, solid
    ("bus_0001-l", 1, "invasive ductal carcinoma", "malignant", "5", "GE Logiq 7 @10-14MHz", 3, 2, 1),
    ("bus_0001-r", 1, "invasive ductal carcinoma", "malignant", "4", "GE Logiq 7 @10-14MHz", 3, 2, 1),
    ("bus_0002-s", 2, "cyst", "benign", "2", "U-Systems @10-14MHz", 1, 1, 0),
    ("bus_0007-s", 7, "fibroadenoma", "benign", "3", "GE Logiq 5 @10-12MHz", 5, 1, 1),
    ("bus_0010-s", 10, "metaplasia apocrina", "benign", "4", "GE Logiq 5 @10-12MHz", 2, 1, -1),
)
MORE = tuple(
    (f"bus_{number:04d}-{side}", number, *kind[:2], "4", "Toshiba Aplio 300 @10-14MHz", 1 + number % 5, *kind[2:])
    for number, kind in enumerate(
        (
            ("galactocele", "benign", 1, 0),
            ("phyllodes tumor", "malignant", 2, 1),
            ("phyllodes tumor", "benign", 1, 1),
            ("lobular carcinoma in situ", "malignant", 2, 1),
            ("fat necrosis", "benign", 1, -1),
            ("lymphoma", "malignant", 2, 1),
        )
        * 3,
        start=11,
    )
    for side in ("lr" if number % 2 else "s")
)


def write_release(folder: Path) -> list[Expected]:
    """Writes BUSBRA/ into `folder`."""
    release = folder / "BUSBRA"
    table = ["ID,Case,Histology,Pathology,BIRADS,Device,Width,Height,Side,BBOX"]
    folds = ["ID,Pathology,kFold,valid_1,valid_2,valid_3,valid_4,valid_5"]
    expected = []
    for row, (image_id, case, histology, pathology, birads, device, fold, label, solid) in enumerate(ROWS + MORE):
        width, height = 40 + row, 50 + 2 * row
        image, mask = picture("L", width, height, row), box(width, height, 5, 6 + row, 20, 30 + row)
        save(release / "Images" / f"{image_id}.png", image)
        save(release / "Masks" / f"mask_{image_id[4:]}.png", mask, "1")
        side = {"l": "left", "r": "right", "s": "single"}[image_id[-1]]
        table.append(f'{image_id},{case},{histology},{pathology},{birads},{device},999,999,{side},"[1,2,3,4]"')
        folds.append(f"{image_id},{pathology},{fold},1,NaN,0,1,1")
        facts = {"birads": birads, "histology": histology, "device": device, "fold": fold - 1}
        expected.append(Expected(image_id, f"{case:04d}", label, solid, rgb(image), mask, **facts))
    (release / "bus_data.csv").write_text("\r\n".join(table) + "\r\n", newline="")
    (release / "5-fold-cv.csv").write_text("\r\n".join(folds) + "\r\n", newline="")
    return expected
