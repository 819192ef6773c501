import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.tfds_builders.expected import picture, save
from tests.tfds_builders.releases.qamebi import write_release
from tfds_builders.pixels import decode_mask
from tfds_builders.qamebi.qamebi import read_mask
from tfds_builders.reading import prepare
from tfds_builders.record import DatasetError


def test_two_zips(tmp_path: Path) -> None:
    expected = write_release(tmp_path / "release")
    (tmp_path / "zips").mkdir()
    for name in ("Benign", "Malignant"):
        with zipfile.ZipFile(tmp_path / "zips" / f"{name}.zip", "w") as archive:
            for path in sorted((tmp_path / "release" / name).iterdir()):
                archive.write(path, f"{name}/{path.name}")
    dataset = prepare("qamebi", tmp_path / "data", tmp_path / "zips")
    assert dataset.table.image_id.tolist() == [f"qamebi/{record.image_id}" for record in expected]


@pytest.mark.parametrize("suffix", ["tif", "png"])
def test_a_mask_counts_from_150_on(tmp_path: Path, suffix: str) -> None:
    values = np.array([[0, 1, 128, 149], [150, 151, 254, 255]], dtype=np.uint8)
    save(tmp_path / f"mask.{suffix}", values)
    lesion = [[False] * 4, [True] * 4]
    np.testing.assert_array_equal(decode_mask(read_mask(tmp_path / f"mask.{suffix}"))[..., 0] == 255, lesion)


def test_overlays_need_not_be_there(tmp_path: Path) -> None:
    count = len(write_release(tmp_path / "release"))
    for path in (tmp_path / "release").glob("*/* Lesion.bmp"):
        path.unlink()
    assert len(prepare("qamebi", tmp_path / "data", tmp_path / "release")) == count


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda release: (release / "Benign" / "2 Benign Mask.tif").unlink(),
            r"2 Benign Image\.bmp: 2 Benign Mask\.tif is missing, expected a mask for every image",
        ),
        (
            lambda release: (release / "Benign" / "2 Benign Image.bmp").unlink(),
            r"2 Benign Mask\.tif: 2 Benign Image\.bmp is missing, expected an image for every mask",
        ),
        (
            lambda release: save(release / "Malignant" / "2 Benign Image.bmp", picture("L", 9, 8, 0)),
            r"Malignant.2 Benign Image\.bmp: unknown file name, expected 'N Malignant Image\.bmp', 'N Malignant Mask",
        ),
        (
            lambda release: save(release / "Benign" / "2 Benign Mask.tif", np.ones((22, 26), dtype=np.uint8)),
            r"2 Benign Mask\.tif: mask values go up to 1, expected 0 and 255",
        ),
        (
            lambda release: (release / "Benign" / "2 Benign Mask.tif").write_bytes(b"II*\0"),
            r"2 Benign Mask\.tif: not a whole image file",
        ),
        (
            lambda release: save(release / "Benign" / "2 Benign Mask.tif", picture("L", 9, 8, 0)),
            r"qamebi: 2 Benign, mask is 9x8 pixels, its image .*2 Benign Image\.bmp is 26x22; expected the same size",
        ),
    ],
)
def test_faults(tmp_path: Path, change: Callable[[Path], object], message: str) -> None:
    write_release(tmp_path / "release")
    change(tmp_path / "release")
    with pytest.raises(DatasetError, match=message):
        prepare("qamebi", tmp_path / "data", tmp_path / "release")
