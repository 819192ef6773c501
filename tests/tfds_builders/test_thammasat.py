from pathlib import Path

import numpy as np
import pytest

from tests.tfds_builders.releases import thammasat
from tfds_builders.reading import prepare
from tfds_builders.record import DatasetError


def test_cropped(tmp_path: Path) -> None:
    expected = thammasat.write_release(tmp_path / "release")
    dataset = prepare("thammasat/cropped", tmp_path / "data", tmp_path / "release" / "Thammasat")
    assert dataset.table.image_id.tolist() == [f"thammasat/{e.image_id}" for e in expected]
    for index, record in enumerate(expected):
        np.testing.assert_array_equal(dataset[index]["image"], thammasat.crop(record))
    assert dataset[2]["image"].shape == (16, 15, 3)  # r1 3, r2 19, col1 8, col2 23


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "Malignant,4,20,15,32",
            "Malignant,4,20,15,33",
            r"line 22: .* rows 3 to 18 and columns 14 to 31, expected a",
        ),
        (
            "Malignant,4,20,15,32",
            "Malignant,0,20,15,32",
            r"line 22: .* rows -1 to 18 and columns 14 to 30, expected a",
        ),
        ("Malignant,4,20,15,32", "Malignant,4,20,15,15", r"line 22: .* columns 14 to 13, expected a box in the 31x27"),
        ("Malignant,4,20,15,32", "Cyst,4,20,15,32", r"Thammasat\.csv, line 22: tumor type 'Cyst', expected one of"),
        ("Malignant,4,20,15,32", "Malignant,4,20,15", r"Thammasat\.csv, line 22: 7 cells, the header has 8"),
    ],
)
def test_faults(tmp_path: Path, old: str, new: str, message: str) -> None:
    thammasat.write_release(tmp_path / "release")
    path = tmp_path / "release" / "Thammasat" / "Thammasat.csv"
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))
    with pytest.raises(DatasetError, match=message):
        prepare("thammasat/cropped", tmp_path / "data", tmp_path / "release")
