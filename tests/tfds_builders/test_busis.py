from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.tfds_builders.releases import busis
from tfds_builders.reading import prepare
from tfds_builders.record import DatasetError


def refused(release: Path, tmp_path: Path, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        prepare("busis", tmp_path / "data", release)


@pytest.mark.parametrize("itself", [False, True])
def test_the_other_layout(tmp_path: Path, itself: bool) -> None:
    """The table in the folder, PNG files in imgs/, and zeros before the numbers."""
    expected = busis.write_release(tmp_path)
    folder = tmp_path / "BUSIS"
    (tmp_path / "BUSIS562.csv").rename(folder / "BUSIS562.csv")
    for place, suffix in (("Original", ""), ("GT", "_GT")):
        for path in list((folder / place).iterdir()):
            number = int(path.stem.removesuffix("_GT").removeprefix("case"))
            Image.open(path).save(path.with_name(f"case{number:04d}{suffix}.png"))
            path.unlink()
    (folder / "Original").rename(folder / "imgs")
    dataset = prepare("busis", tmp_path / "data", folder if itself else tmp_path)
    assert dataset.table.image_id.tolist() == [f"busis/{record.image_id}" for record in expected]
    for index, record in enumerate(expected):
        assert record.mask is not None
        np.testing.assert_array_equal(dataset[index]["image"], record.image)
        np.testing.assert_array_equal(dataset[index]["mask"][..., 0] == 255, record.mask)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("img name", "image", r"BUSIS562\.csv: no column img name; found image, Ground Truth Name, tumor type"),
        ("case0002,case0002_GT,M", "case0002,case0002_GT,m", r"line 3: tumor type 'm', expected one of 'B', 'M'"),
        ("case0002,", "case0003,", r"line 3: Ground Truth Name 'case0002_GT', expected 'case0003_GT'"),
        ("case0002,case0002_", "img2,img2_", r"line 3: img name 'img2', expected case and a number"),
        ("case0002,case0002_", "case1,case1_", r"line 3: 'case1' stands already in .*BUSIS562\.csv, line 2, expected"),
        ("case0002,case0002_", "case0004,case0004_", r"Original.case2\.bmp: no row in .*BUSIS562\.csv"),
    ],
)
def test_table_faults(tmp_path: Path, old: str, new: str, message: str) -> None:
    busis.write_release(tmp_path)
    table = tmp_path / "BUSIS562.csv"
    assert old in table.read_text()
    table.write_text(table.read_text().replace(old, new, 1))
    refused(tmp_path, tmp_path, message)


@pytest.mark.parametrize(
    ("name", "other", "message"),
    [
        ("Original/case2.bmp", "", r"BUSIS562\.csv, line 3: 'case0002' has no file in .*BUSIS.Original"),
        ("GT/case2_GT.bmp", "", r"BUSIS562\.csv, line 3: 'case0002' has no file in .*BUSIS.GT"),
        ("GT/case2_GT.bmp", "GT/case4_GT.bmp", r"GT.case4_GT\.bmp: no row in .*BUSIS562\.csv"),
        ("GT/case2_GT.bmp", "GT/case2.bmp", r"GT.case2\.bmp: unknown file name, expected caseN_GT\.bmp or caseN_GT"),
        ("GT/case2_GT.bmp", "GT/case001_GT.bmp", r"GT.case0*1_GT\.bmp and case0*1_GT\.bmp are of one number"),
        ("Original", "Images", r"BUSIS: has neither Original nor imgs, expected one of the two"),
        ("GT", "masks", r"BUSIS.GT: no such folder; .*BUSIS has Original, Thumbs\.db, masks"),
        ("../BUSIS562.csv", "", r"BUSIS562\.csv: cannot be read"),
    ],
)
def test_file_faults(tmp_path: Path, name: str, other: str, message: str) -> None:
    busis.write_release(tmp_path)
    path = tmp_path / "BUSIS" / name
    path.rename(tmp_path / "BUSIS" / other) if other else path.unlink()
    refused(tmp_path, tmp_path, message)


def test_two_image_folders(tmp_path: Path) -> None:
    busis.write_release(tmp_path)
    (tmp_path / "BUSIS" / "imgs").mkdir()
    refused(tmp_path, tmp_path, r"BUSIS: has Original and imgs, expected one of the two")


def test_mask_of_another_size(tmp_path: Path) -> None:
    busis.write_release(tmp_path)
    path = tmp_path / "BUSIS" / "GT" / "case9_GT.bmp"
    Image.open(path).resize((9, 9)).save(path)
    refused(tmp_path, tmp_path, r"case9_GT\.bmp is 9x9 pixels, its image .*case9\.bmp is 27x20; expected the same size")
