from pathlib import Path

import numpy as np
import pytest

from tests.tfds_builders.expected import save
from tests.tfds_builders.releases import bus_uclm
from tfds_builders.reading import prepare
from tfds_builders.record import DatasetError


def write(folder: Path) -> Path:
    """Writes the release and returns its own folder."""
    bus_uclm.write_release(folder)
    return folder / bus_uclm.WRAPPER / "BUS-UCLM"


def refused(release: Path, tmp_path: Path, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        prepare("bus_uclm", tmp_path / "data", release)


@pytest.mark.parametrize("place", ["BUS-UCLM", f"{bus_uclm.WRAPPER}/{bus_uclm.WRAPPER}/BUS-UCLM"])
@pytest.mark.parametrize("itself", [False, True])
def test_other_folders(tmp_path: Path, place: str, itself: bool) -> None:
    written = write(tmp_path / "written")
    target = tmp_path / "release" / place
    target.parent.mkdir(parents=True)
    written.rename(target)
    assert len(prepare("bus_uclm", tmp_path / "data", target if itself else tmp_path / "release")) == 29


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (";Label;", ";Class;", r"INFO\.csv: no column Label; found Image, Resolution, Class"),
        ("Image;Resolution;Label;", "Image,Resolution,Label,", r"INFO\.csv: no column Image, Label; found Image,Resol"),
        ("ALWI_001.png;856x606;Benign", "ALWI_001.png;856x606;benign", r"line 3: Label 'benign', expected one of 'Nor"),
        ("ALWI_001.png;", "ALWI_000.png;", r"line 3: Image 'ALWI_000\.png' stands already in .*line 2, expected once"),
        ("ALWI_001.png;", "ALWI_009.png;", r"images.ALWI_001\.png: no row in .*INFO\.csv"),
        ("WAQU_001.png;856x606;", "WAQU_001.png;", r"line 30: 5 cells, the header has 6"),
    ],
)
def test_table_faults(tmp_path: Path, old: str, new: str, message: str) -> None:
    table = write(tmp_path / "release") / "INFO.csv"
    text = table.read_text(encoding="utf-8")
    assert old in text
    table.write_text(text.replace(old, new), encoding="utf-8")
    refused(tmp_path / "release", tmp_path, message)


def test_row_with_a_strange_name(tmp_path: Path) -> None:
    table = write(tmp_path / "release") / "INFO.csv"
    table.write_text(table.read_text(encoding="utf-8") + "ALW_2.png;856x606;Benign;No;No;No\n", encoding="utf-8")
    refused(tmp_path / "release", tmp_path, r"line 31: Image 'ALW_2\.png', expected four letters, _ and three digits")


@pytest.mark.parametrize(
    ("name", "other", "message"),
    [
        ("images/ALWI_001.png", "", r"INFO\.csv, line 3: .*images.ALWI_001\.png is missing"),
        ("masks/ALWI_001.png", "", r"INFO\.csv, line 3: .*masks.ALWI_001\.png is missing"),
        ("masks/ALWI_001.png", "masks/ALWI_007.png", r"masks.ALWI_007\.png: no row in .*INFO\.csv"),
        ("masks/ALWI_001.png", "masks/ALWI_001.jpg", r"masks.ALWI_001\.jpg: unknown file name, expected four letters"),
        ("INFO.csv", "", r"INFO\.csv: cannot be read"),
    ],
)
def test_file_faults(tmp_path: Path, name: str, other: str, message: str) -> None:
    release = write(tmp_path / "release")
    (release / name).rename(release / other) if other else (release / name).unlink()
    refused(tmp_path / "release", tmp_path, message)


@pytest.mark.parametrize(
    ("image", "colour", "message"),
    [
        # ALWI_000 is normal, ALWI_001 benign, CHVI_000 malignant.
        ("ALWI_000", (0, 255, 0), r"line 2: Label 'Normal', but .*000\.png has the colour \(0, 255, 0\), expected bla"),
        (
            "ALWI_001",
            (255, 0, 0),
            r"line 3: Label 'Benign', but .*\(255, 0, 0\), expected only \(0, 255, 0\) and bl",
        ),
        ("CHVI_000", (0, 255, 0), r"Label 'Malignant', but .*\(0, 255, 0\), expected only \(255, 0, 0\) and black"),
        ("CHVI_000", (254, 0, 0), r"Label 'Malignant', but .*CHVI_000\.png has the colour \(254, 0, 0\)"),
        ("CHVI_000", (0, 0, 0), r"Label 'Malignant', but .*CHVI_000\.png is black, expected \(255, 0, 0\) in it"),
    ],
)
def test_colours_that_contradict_the_label(
    tmp_path: Path, image: str, colour: tuple[int, int, int], message: str
) -> None:
    mask = np.zeros((20, 30, 3), dtype=np.uint8)
    mask[5:9, 5:9] = colour
    save(write(tmp_path / "release") / "masks" / f"{image}.png", mask)
    refused(tmp_path / "release", tmp_path, message)


def test_one_pixel_of_the_other_colour(tmp_path: Path) -> None:
    mask = np.zeros((20, 30, 3), dtype=np.uint8)
    mask[5:9, 5:9], mask[0, 0] = (0, 255, 0), (255, 0, 0)
    save(write(tmp_path / "release") / "masks" / "ALWI_001.png", mask)
    refused(tmp_path / "release", tmp_path, r"line 3: Label 'Benign', but .* has the colour \(255, 0, 0\)")


def test_truncated_mask(tmp_path: Path) -> None:
    path = write(tmp_path / "release") / "masks" / "ALWI_001.png"
    path.write_bytes(path.read_bytes()[:60])
    refused(tmp_path / "release", tmp_path, r"masks.ALWI_001\.png: not a whole image file")
