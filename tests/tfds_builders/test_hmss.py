from pathlib import Path

import numpy as np
import pytest

from tests.tfds_builders.releases import hmss
from tfds_builders.hmss.solidity import BENIGN, read_subgroup
from tfds_builders.reading import prepare
from tfds_builders.record import DatasetError
from tfds_builders.tables import Row


@pytest.fixture
def release(tmp_path: Path) -> Path:
    hmss.write_release(tmp_path / "release")
    return tmp_path / "release"


def refused(release: Path, tmp_path: Path, message: str, config: str = "cropped") -> None:
    with pytest.raises(DatasetError, match=message):
        prepare(f"hmss/{config}", tmp_path / "data", release)


def edit(release: Path, old: str, new: str) -> None:
    path = release / "HMSS" / "HMSS.csv"
    text = path.read_text(encoding="utf-8-sig")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8-sig")


@pytest.mark.parametrize("below", ["", "HMSS"])
def test_cropped(tmp_path: Path, below: str) -> None:
    expected = hmss.write_release(tmp_path / "release")
    dataset = prepare("hmss/cropped", tmp_path / "data", tmp_path / "release" / below)
    assert dataset.table.image_id.tolist() == [f"hmss/{e.image_id}" for e in expected]
    assert not dataset.table.has_mask.any()
    for index, record in enumerate(expected):
        np.testing.assert_array_equal(dataset[index]["image"], hmss.crop(record))
    assert dataset[1]["image"].shape == (20, 19, 3)  # crop r2 is a height, crop col2 a width


def test_the_benchmarks_own_folders(release: Path, tmp_path: Path) -> None:
    (tmp_path / "Datasets").mkdir()
    (release / "HMSS").rename(tmp_path / "Datasets" / "HMSS")
    assert len(prepare("hmss", tmp_path / "data", tmp_path)) == len(hmss.ROWS)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("crop col2", "crop c2", r"HMSS\.csv: no column crop col2; found group"),
        (
            ",3005,3005,",
            ",3006,3005,",
            r"line 11: img name '3006' stands already in .*line 10, expected once",
        ),
        (",3005,3005,", ",3005,,", r"line 10: case id/cover img id is empty"),
        ("2880,2879,7,20", "2880,2879,7.5,20", r"line 3: crop r1 '7\.5', expected an integer"),
        (
            "2880,2879,7,20",
            "2880,2879,7,22",
            r"line 3: crop r1 7, crop r2 22, crop col1 10, crop col2 19 is rows 7 to 28 and columns 10 to 28, expected "
            r"a box in the 30x28 pixels of .*lbox_2880\.jpg",
        ),
        ("2880,2879,7,20,10,19", "2880,2879,7,20,-1,19", r"line 3: .*columns -1 to 17, expected a box"),
        ("2880,2879,7,20,10,19", "2880,2879,7,20,10,0", r"line 3: .*columns 10 to 9, expected a box"),
        ("5.1.7 Lipomas", "Lipomas", r"line 12: subgroup 'Lipomas', expected 5\.1\.N or 5\.2\.N and a title"),
        (
            "5.1.7 Lipomas",
            "5.1.14 New",
            r"line 12: tumor type 'Benign' in subgroup '5\.1\.14 New' is not in the",
        ),
        ("5.1.7 Lipomas", "5.2.1 Carcinomas", r"line 12: tumor type 'Benign' in subgroup '5\.2\.1 Carcinomas' is not"),
        ("5.2.5 Carcinomas", "5.1.6 FA", r"line 30: tumor type 'Malignant' in subgroup '5\.1\.6 FA' is not"),
        ("3007,3007,2,15,3,18,Benign", "3007,3007,2,15,3,18,B", r"line 12: tumor type 'B', expected one of 'Benign'"),
    ],
)
def test_table_faults(release: Path, tmp_path: Path, old: str, new: str, message: str) -> None:
    edit(release, old, new)
    refused(release, tmp_path, message)


def test_image_faults(release: Path, tmp_path: Path) -> None:
    images = release / "HMSS" / "imgs"
    (images / "lbox_2880.jpg").rename(images / "2880-1.jpg")
    refused(release, tmp_path, r"line 3: .*imgs has none, expected one of 2880\.jpg or lbox_2880\.jpg \(or \.png\)")
    (images / "2880-1.jpg").rename(images / "lbox_2880.jpg")
    (images / "2880.png").write_bytes((images / "lbox_2880.jpg").read_bytes())
    refused(release, tmp_path, r"line 3: .*imgs has 2880\.png, lbox_2880\.jpg, expected one of")
    (images / "2880.png").rename(images / "12.png")
    refused(release, tmp_path, r"12\.png: no row in .*HMSS\.csv has this img name", "whole")
    (images / "12.png").rename(images / "12.gif")
    refused(release, tmp_path, r"12\.gif: unknown file name, expected an image, NAME\.jpg or NAME\.png")
    (images / "12.gif").unlink()
    (images / "lbox_2880.jpg").write_bytes((images / "lbox_2880.jpg").read_bytes()[:200])
    refused(release, tmp_path, r"lbox_2880\.jpg: not a whole image file")
    (release / "HMSS" / "HMSS.csv").unlink()
    refused(release, tmp_path, r"HMSS\.csv: cannot be read")


def test_unknown_config(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"hmss has no config 'crop'; expected one of hmss/whole, hmss/cropped"):
        prepare("hmss/crop", tmp_path)


def test_sections_follow_qi() -> None:
    assert {section for section, solid in BENIGN.items() if solid == 1} == {"5.1.6", "5.1.7", "5.1.8"}
    assert {section for section, solid in BENIGN.items() if solid == 0} == {"5.1.1", "5.1.2", "5.1.5"}
    assert set(BENIGN) == {*(f"5.1.{number}" for number in range(1, 13)), "5.2.13"}
    for number in range(1, 15):
        row = Row("here", {"subgroup": f"5.2.{number}. Title", "tumor type": "Malignant"})
        assert read_subgroup(row, "malignant") == (-1 if number in (3, 12) else 1, "")


@pytest.mark.parametrize("text", ["5.1.6 Fibroadenoma", "5.1.06. Fibroadenoma", "5.1.6: Fibroadenoma"])
def test_a_title_is_the_histology(text: str) -> None:
    assert read_subgroup(Row("here", {"subgroup": text, "tumor type": "Benign"}), "benign") == (1, "Fibroadenoma")
