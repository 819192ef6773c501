import shutil
from collections.abc import Callable
from pathlib import Path

import nrrd
import numpy as np
import pytest

from tests.tfds_builders.releases.tdsc_abus import write_release
from tfds_builders.reading import prepare
from tfds_builders.record import DatasetError


@pytest.fixture
def release(tmp_path: Path) -> Path:
    write_release(tmp_path / "release")
    return tmp_path / "release"


def test_part_of_the_release(release: Path, tmp_path: Path) -> None:
    shutil.rmtree(release / "Validation")
    shutil.rmtree(release / "Test")
    table = prepare("tdsc_abus", tmp_path / "data", release).table
    assert len(set(table.case_id.tolist())) == 8
    assert set(table.fold.tolist()) == {-1}


def test_slices_are_lateral_by_depth(release: Path, tmp_path: Path) -> None:
    dataset = prepare("tdsc_abus", tmp_path / "data", release)
    row = dataset.table.image_id.tolist().index("tdsc_abus/DATA_004-002")
    volume, _ = nrrd.read(str(release / "Train" / "DATA" / "DATA_004.nrrd"))
    assert (dataset.table.width[row], dataset.table.height[row]) == (28, 20)
    # Right in the image is on along the first axis of the file, down along the second.
    assert dataset[row]["image"][7, 25].tolist() == [volume[25, 7, 2]] * 3
    assert np.argwhere(dataset[row]["mask"][..., 0]).min(axis=0).tolist() == [6, 4]


def refused(release: Path, tmp_path: Path, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        prepare("tdsc_abus", tmp_path / "data", release)
    assert not (tmp_path / "data" / "tdsc_abus" / "1.0.0").exists()


def table(old: str, new: str) -> Callable[[Path], None]:
    def edit(release: Path) -> None:
        path = release / "Train" / "labels.csv"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    return edit


def values(kind: str, change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Path], None]:
    def edit(release: Path) -> None:
        path = str(release / "Train" / kind / f"{kind}_002.nrrd")
        nrrd.write(path, change(nrrd.read(path)[0]))

    return edit


def remove(name: str) -> Callable[[Path], None]:
    return lambda release: (release / name).unlink()


def copy(name: str, new: str) -> Callable[[Path], object]:
    return lambda release: shutil.copy(release / name, release / new)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (remove("Test/labels.csv"), r"Test/labels\.csv: cannot be read \(No such file"),
        (
            table("case_id", "volume"),
            r"labels\.csv: found volume, label, data_path, mask_path, expected the columns case",
        ),
        (
            table("label", "class"),
            r"labels\.csv: found case_id, class, data_path, mask_path, expected the columns case",
        ),
        (table("2,B", "2,b"), r"labels\.csv, line 3: label 'b', expected one of 'B', 'M'"),
        (table("2,B", "two,B"), r"labels\.csv, line 3: case_id 'two', expected an integer"),
        (table("2,B", "10,B"), r"line 3: case_id 10 stands already in .*labels\.csv, line 2, expected once"),
        (table("DATA_002", "DATA_003"), r"line 3: data_path 'DATA\\\\DATA_003\.nrrd', expected DATA_002\.nrrd"),
        (table("MASK_002", "MASK_003"), r"line 3: mask_path 'MASK\\\\MASK_003\.nrrd', expected MASK_002\.nrrd"),
        (remove("Train/DATA/DATA_002.nrrd"), r"labels\.csv, line 3: .*DATA_002\.nrrd is missing"),
        (remove("Train/MASK/MASK_002.nrrd"), r"labels\.csv, line 3: .*MASK_002\.nrrd is missing"),
        (copy("Train/DATA/DATA_002.nrrd", "Train/DATA/DATA_050.nrrd"), r"DATA_050\.nrrd: no row in .*labels\.csv"),
        (copy("Train/MASK/MASK_002.nrrd", "Train/MASK/MASK_050.nrrd"), r"MASK_050\.nrrd: no row in .*labels\.csv"),
        (
            copy("Train/DATA/DATA_002.nrrd", "Train/DATA/DATA_2.nrrd"),
            r"DATA_2\.nrrd: number 2 has DATA_002\.nrrd too, expected one file",
        ),
        (copy("Train/DATA/DATA_002.nrrd", "Train/DATA/MASK_002.nrrd"), r"unknown file name, expected DATA_NNN\.nrrd"),
        (
            values("MASK", lambda mask: mask[1:]),
            r"MASK_002\.nrrd has the size 25x20x6, its volume .*DATA_002\.nrrd 26x20x6; expected the same",
        ),
        (
            values("MASK", lambda mask: mask * 255),
            r"MASK_002\.nrrd: values uint8 0 to 255, expected integers, 0 and, at",
        ),
        (values("MASK", lambda mask: mask * 0), r"MASK_002\.nrrd: values uint8 0 to 0, expected integers"),
        (
            values("MASK", lambda mask: mask.astype(np.float32)),
            r"MASK_002\.nrrd: values float32 0 to 1, expected integers",
        ),
        (values("DATA", lambda volume: volume.astype(np.int16)), r"DATA_002\.nrrd: int16 values, expected uint8"),
        (values("DATA", lambda volume: volume[..., 0]), r"DATA_002\.nrrd: size 26x20, expected a volume of three axes"),
        (
            lambda release: (release / "Train/DATA/DATA_002.nrrd").write_text("NRRD"),
            r"DATA_002\.nrrd: not a whole NRRD file",
        ),
    ],
)
def test_faults(release: Path, tmp_path: Path, edit: Callable[[Path], None], message: str) -> None:
    edit(release)
    refused(release, tmp_path, message)


def test_truncated_volume(release: Path, tmp_path: Path) -> None:
    path = release / "Train" / "DATA" / "DATA_002.nrrd"
    path.write_bytes(path.read_bytes()[:-200])
    refused(release, tmp_path, r"DATA_002\.nrrd: not a whole NRRD file")
