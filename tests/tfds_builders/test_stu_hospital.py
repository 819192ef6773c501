import zipfile
from pathlib import Path

import numpy as np
import pytest

from tests.tfds_builders.expected import save
from tests.tfds_builders.releases import stu_hospital
from tfds_builders.reading import prepare
from tfds_builders.record import DatasetError
from tfds_builders.summary import resized_masks


def write(folder: Path) -> Path:
    """Writes the release and returns its own folder."""
    stu_hospital.write_release(folder)
    return folder / "STU-Hospital-master" / "Hospital"


@pytest.mark.parametrize("form", ["folder", "zip"])
def test_forms_of_the_release(tmp_path: Path, form: str) -> None:
    release = write(tmp_path / "written")
    if form == "zip":
        (tmp_path / "zip").mkdir()
        with zipfile.ZipFile(tmp_path / "zip" / "STU-Hospital-master.zip", "w") as archive:
            for path in release.parent.rglob("*"):
                archive.write(path, path.relative_to(tmp_path / "written"))
        release = tmp_path / "zip"
    table = prepare("stu_hospital", tmp_path / "data", release).table
    # Of 18 masks, those of the numbers 1, 4, 7, ... have their image's size.
    assert resized_masks(table).tolist() == [number % 3 != 1 for number in range(1, 19)]


@pytest.mark.parametrize(
    ("name", "other", "message"),
    [
        ("mask_7.png", "", r"Hospital.mask_7\.png is missing; every image has a mask and every mask an image"),
        ("Test_Image_7.png", "", r"Hospital.Test_Image_7\.png is missing; every image has a mask"),
        ("mask_7.png", "mask_07.png", r"mask_07\.png: unknown file name, expected Test_Image_N\.png or mask_N\.png"),
    ],
)
def test_file_faults(tmp_path: Path, name: str, other: str, message: str) -> None:
    release = write(tmp_path)
    (release / name).rename(release / other) if other else (release / name).unlink()
    with pytest.raises(DatasetError, match=message):
        prepare("stu_hospital", tmp_path / "data", release)


def test_mask_without_a_lesion_value(tmp_path: Path) -> None:
    release = write(tmp_path)
    save(release / "mask_3.png", np.full((24, 23), 127, dtype=np.uint8))
    with pytest.raises(DatasetError, match=r"mask_3\.png: mask values go up to 127, expected 0 and 255"):
        prepare("stu_hospital", tmp_path / "data", release)
