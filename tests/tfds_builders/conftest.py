"""Small releases with the oddities of the real ones, and the phantom built once."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tfds_builders.reading import BUSDataset, prepare

BUS_BRA_ROWS = (
    # ID, Case, Histology, Pathology, BIRADS, Device, fold counted from 1
    ("bus_0001-l", 1, "invasive ductal carcinoma", "malignant", "5", "GE Logiq 7 @10-14MHz", 3),
    ("bus_0001-r", 1, "invasive ductal carcinoma", "malignant", "4", "GE Logiq 7 @10-14MHz", 3),
    ("bus_0002-s", 2, "cyst", "benign", "2", "U-Systems @10-14MHz", 1),
    ("bus_0007-s", 7, "fibroadenoma", "benign", "3", "GE Logiq 5 @10-12MHz", 5),
    ("bus_0010-s", 10, "metaplasia apocrina", "benign", "4", "GE Logiq 5 @10-12MHz", 2),
)


@pytest.fixture
def save() -> Callable[..., np.ndarray]:
    """Saves a random picture of a mode and size (width, height) and returns the values written."""

    def write(path: Path, mode: str, size: tuple[int, int], seed: int = 0) -> np.ndarray:
        rng = np.random.default_rng([seed, *path.name.encode()])
        shape = (size[1], size[0]) + {"L": (), "RGB": (3,), "RGBA": (4,)}[mode]
        values = rng.integers(0, 256, shape, dtype=np.uint8)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(values, mode).save(path) if mode == "RGBA" else Image.fromarray(values).save(path)
        return values

    return write


@pytest.fixture
def save_mask() -> Callable[..., np.ndarray]:
    """Saves a rectangular mask in a mode; returns where it is set."""

    def write(path: Path, mode: str, size: tuple[int, int], box: tuple[int, int, int, int] | None) -> np.ndarray:
        lesion = np.zeros((size[1], size[0]), dtype=bool)
        if box is not None:
            left, top, right, bottom = box
            lesion[top:bottom, left:right] = True
        image = Image.fromarray(np.where(lesion, np.uint8(255), np.uint8(0)))
        path.parent.mkdir(parents=True, exist_ok=True)
        # Through L, where the opaque RGBA masks of BUSI get an alpha of 255 everywhere.
        image.convert(mode).save(path)
        return lesion

    return write


@pytest.fixture
def bus_bra_release(tmp_path: Path, save: Callable[..., np.ndarray], save_mask: Callable[..., np.ndarray]) -> Path:
    """A folder that contains BUSBRA/: five images of four cases, wrong sizes in the csv, lines ending in CRLF."""
    folder = tmp_path / "release" / "BUSBRA"
    table = ["ID,Case,Histology,Pathology,BIRADS,Device,Width,Height,Side,BBOX"]
    folds = ["ID,Pathology,kFold,valid_1,valid_2,valid_3,valid_4,valid_5"]
    for row, (image_id, case, histology, pathology, birads, device, fold) in enumerate(BUS_BRA_ROWS):
        size = (40 + row, 50 + 2 * row)
        save(folder / "Images" / f"{image_id}.png", "L", size)
        save_mask(folder / "Masks" / f"mask_{image_id[4:]}.png", "1", size, (5, 6 + row, 20, 30))
        side = {"l": "left", "r": "right", "s": "single"}[image_id[-1]]
        table.append(f'{image_id},{case},{histology},{pathology},{birads},{device},999,999,{side},"[1,2,3,4]"')
        folds.append(f"{image_id},{pathology},{fold},1,NaN,0,1,1")
    (folder / "bus_data.csv").write_text("\r\n".join(table) + "\r\n", newline="")
    (folder / "5-fold-cv.csv").write_text("\r\n".join(folds) + "\r\n", newline="")
    return folder.parent


@pytest.fixture
def busi_release(tmp_path: Path, save: Callable[..., np.ndarray], save_mask: Callable[..., np.ndarray]) -> Path:
    """A folder that contains Dataset_BUSI_with_GT/: one to three masks per image, 1-bit, RGB and RGBA."""
    folder = tmp_path / "release" / "Dataset_BUSI_with_GT"
    for name, size, masks in (
        ("benign (1)", (60, 50), (("1", (5, 5, 20, 20)),)),
        ("benign (4)", (61, 52), (("1", (5, 5, 20, 20)), ("RGBA", (30, 30, 45, 40)))),
        ("benign (318)", (62, 50), (("1", (8, 5, 20, 20)),)),
        ("benign (195)", (70, 54), (("1", (5, 5, 9, 9)), ("1", (7, 7, 20, 20)), ("1", (40, 10, 50, 20)))),
        ("malignant (145)", (64, 50), (("1", (5, 5, 20, 20)),)),
        ("malignant (10)", (65, 50), (("1", (6, 6, 21, 20)),)),
        ("malignant (2)", (65, 51), (("1", (6, 6, 21, 20)),)),
        ("normal (3)", (66, 50), (("RGB", None),)),
    ):
        label = name.split()[0]
        save(folder / label / f"{name}.png", "RGB", size)
        for number, (mode, box) in enumerate(masks):
            save_mask(folder / label / f"{name}_mask{f'_{number}' if number else ''}.png", mode, size, box)
    return folder.parent


@pytest.fixture(scope="session")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> BUSDataset:
    return prepare("phantom", tmp_path_factory.mktemp("phantom"))
