from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.tfds_builders.expected import save
from tests.tfds_builders.releases import dataset_b
from tests.tfds_builders.test_breast_lesions_usg import edit_cell
from tfds_builders.reading import prepare
from tfds_builders.record import DatasetError


def refused(release: Path, tmp_path: Path, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        prepare("dataset_b", tmp_path / "data", release)


@pytest.mark.parametrize(
    ("row", "column", "value", "message"),
    [
        (1, "Diagnosis", "Histology", r"DatasetB\.xlsx: no column Diagnosis; found Image, Type, Histology, Llegend"),
        (2, "Image", 1, r"000001\.png: no row in .*DatasetB\.xlsx"),
        (3, "Image", "000001", r"row 3: Image '000001' stands already in .*row 2, expected once"),
        (2, "Image", None, r"row 2: Image is empty"),
        (2, "Type", "benign", r"row 2: Type 'benign' with Diagnosis 'CYST', expected one of Benign CYST, Benign FA,"),
        (2, "Diagnosis", "IDC", r"row 2: Type 'Benign' with Diagnosis 'IDC', expected one of Benign CYST"),
    ],
)
def test_cell_faults(tmp_path: Path, row: int, column: str, value: Any, message: str) -> None:
    dataset_b.write_release(tmp_path)
    edit_cell(tmp_path / "BUS" / "DatasetB.xlsx", row, column, value)
    refused(tmp_path / "BUS", tmp_path, message)


def test_row_of_an_id_without_zeros(tmp_path: Path) -> None:
    dataset_b.write_release(tmp_path)
    edit_cell(tmp_path / "BUS" / "DatasetB.xlsx", 22, "Image", 310)
    refused(tmp_path, tmp_path, r"row 22: Image '310', expected six digits, zeros first")


@pytest.mark.parametrize(
    ("name", "other", "message"),
    [
        ("original/000002.png", "", r"row 3: .*original.000002\.png is missing"),
        ("GT/000002.png", "", r"row 3: .*GT.000002\.png is missing"),
        ("GT/000002.png", "GT/000148.png", r"GT.000148\.png: no row in .*DatasetB\.xlsx"),
        ("GT/000002.png", "GT/2.png", r"GT.2\.png: unknown file name, expected six digits and \.png"),
        ("DatasetB.xlsx", "", r"DatasetB\.xlsx: no such file"),
        ("GT", "gt", r"BUS.GT: no such folder; .*BUS has DatasetB\.xlsx, gt, original"),
    ],
)
def test_file_faults(tmp_path: Path, name: str, other: str, message: str) -> None:
    dataset_b.write_release(tmp_path)
    path = tmp_path / "BUS" / name
    path.rename(tmp_path / "BUS" / other) if other else path.unlink()
    refused(tmp_path, tmp_path, message)


@pytest.mark.parametrize(
    ("value", "height", "message"),
    [
        (150, 22, r"GT.000001\.png: mask values go up to 150, expected 0 and 255"),
        (0, 22, r"GT.000001\.png: a black mask, expected a lesion in every mask"),
        (151, 23, r"dataset_b: 000001, mask is 30x23 pixels, its image .*original.000001\.png is 30x22"),
    ],
)
def test_mask_faults(tmp_path: Path, value: int, height: int, message: str) -> None:
    dataset_b.write_release(tmp_path)
    save(tmp_path / "BUS" / "GT" / "000001.png", np.full((height, 30), value, dtype=np.uint8))
    refused(tmp_path, tmp_path, message)
