from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tfds_builders.expected import box, picture, save
from tests.tfds_builders.releases import bus_uc, rodrigues
from tfds_builders.reading import prepare
from tfds_builders.record import DatasetError
from tfds_builders.summary import resized_masks

WRITE = {"bus_uc": bus_uc.write_release, "rodrigues": rodrigues.write_release}


@pytest.mark.parametrize(
    ("name", "below"), [("bus_uc", "BUS_UC"), ("rodrigues", "us-dataset"), ("rodrigues", "us-dataset/originals")]
)
def test_the_folder_itself_may_be_given(tmp_path: Path, name: str, below: str) -> None:
    expected = WRITE[name](tmp_path / "release")
    table = prepare(name, tmp_path / "data", tmp_path / "release" / below).table
    assert table.image_id.tolist() == [f"{name}/{record.image_id}" for record in expected]


def test_bus_uc_nested_and_without_the_union(tmp_path: Path) -> None:
    expected = bus_uc.write_release(tmp_path / "release" / "BUS_UC")
    (tmp_path / "release" / "BUS_UC" / "BUS_UC" / "All").rename(tmp_path / "All")
    assert len(prepare("bus_uc", tmp_path / "data", tmp_path / "release")) == len(expected)


def test_resized_masks_are_told(tmp_path: Path) -> None:
    bus_uc.write_release(tmp_path / "release")
    table = prepare("bus_uc", tmp_path / "data", tmp_path / "release").table
    assert table.image_id[resized_masks(table)].tolist() == ["bus_uc/Benign/0319"]


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (
            "bus_uc",
            lambda release: (release / "BUS_UC" / "Benign" / "masks" / "02.png").unlink(),
            r"Benign.images.02\.png: no mask of it in .*Benign.masks, expected one for every image",
        ),
        (
            "bus_uc",
            lambda release: save(release / "BUS_UC" / "Malignant" / "masks" / "099.png", box(9, 9, 1, 1, 5, 5)),
            r"Malignant.masks.099\.png: no image to this mask in .*Malignant.images, expected one for every mask",
        ),
        (
            "bus_uc",
            lambda release: save(release / "BUS_UC" / "Benign" / "images" / "02.jpg", picture("L", 9, 9, 0)),
            r"02\.jpg: unknown file name, expected a name that ends in \.png",
        ),
        (
            "bus_uc",
            lambda release: (release / "BUS_UC" / "Benign" / "masks").rename(release / "BUS_UC" / "Benign" / "gt"),
            r"Benign.masks: no such folder; .*Benign has gt, images",
        ),
        (
            "rodrigues",
            lambda release: save(release / "us-dataset" / "originals" / "benign" / "2.png", picture("L", 9, 9, 0)),
            r"benign.2\.png: unknown file name, expected a name that ends in \.bmp",
        ),
        (
            "rodrigues",
            lambda release: (release / "us-dataset" / "originals" / "benign").rename(release / "benign"),
            r"originals.benign: no such folder; .*originals has malignant",
        ),
        (
            "rodrigues",
            lambda release: (release / "us-dataset" / "originals" / "benign" / "2.bmp").write_bytes(b"BM"),
            r"benign.2\.bmp: not a whole image file",
        ),
    ],
)
def test_faults(tmp_path: Path, name: str, change: Callable[[Path], object], message: str) -> None:
    WRITE[name](tmp_path / "release")
    change(tmp_path / "release")
    with pytest.raises(DatasetError, match=message):
        prepare(name, tmp_path / "data", tmp_path / "release")
