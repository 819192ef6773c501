import shutil
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from PIL import Image

from tests.tfds_builders.releases import breast_lesions_usg
from tfds_builders.breast_lesions_usg.solidity import solid_nodule
from tfds_builders.reading import prepare
from tfds_builders.record import DatasetError
from tfds_builders.tables import Row

IMAGES = "BrEaST-Lesions_USG-images_and_masks"
TABLE = "BrEaST-Lesions-USG-clinical-data-Dec-15-2023.xlsx"


def edit_cell(path: Path, row: int, column: str, value: Any) -> None:
    """Writes a cell of the first sheet of an Excel file, whose header is in row 1."""
    book = openpyxl.load_workbook(path)
    sheet = book.worksheets[0]
    names = [cell.value for cell in sheet[1]]
    sheet.cell(row, names.index(column) + 1).value = value
    book.save(path)


def refused(release: Path, tmp_path: Path, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        prepare("breast_lesions_usg", tmp_path / "data", release)


@pytest.mark.parametrize(
    ("row", "column", "value", "message"),
    [
        (1, "BIRADS", "BI-RADS", r"\.xlsx: no column BIRADS; found CaseID, "),
        (2, "CaseID", "one", r"row 2: CaseID 'one', expected an integer"),
        (3, "CaseID", 1, r"row 3: CaseID '1' stands already in .*row 2, expected once"),
        (2, "Image_filename", "case002.png", r"row 2: Image_filename 'case002\.png', expected 'case001\.png'"),
        (2, "Mask_tumor_filename", None, r"row 2: Mask_tumor_filename '', expected 'case001_tumor\.png'"),
        (
            7,
            "Mask_other_filename",
            "case045_tumor.png",
            r"row 7: a normal image with the masks case045_tumor\.png",
        ),
        (6, "Mask_other_filename", None, r"case022_other1\.png: no row of .*\.xlsx names it"),
        (6, "Mask_other_filename", "case022_other1.png&case022_other2.png", r"row 6: .*case022_other2\.png is missing"),
        (2, "Classification", "Benign", r"row 2: Classification 'Benign', expected one of 'normal', 'benign', 'mal"),
        (2, "Echogenicity", "grey", r"row 2: Echogenicity 'grey', expected one of 'anechoic', 'complex cystic/solid'"),
    ],
)
def test_cell_faults(tmp_path: Path, row: int, column: str, value: Any, message: str) -> None:
    breast_lesions_usg.write_release(tmp_path / "release")
    edit_cell(tmp_path / "release" / TABLE, row, column, value)
    if value == "case045_tumor.png":
        (tmp_path / "release" / IMAGES / value).touch()
    refused(tmp_path / "release", tmp_path, message)


@pytest.mark.parametrize(
    ("name", "other", "message"),
    [
        ("case001.png", "", r"row 2: .*case001\.png is missing"),
        ("case140_other3.png", "", r"row 13: .*case140_other3\.png is missing"),
        ("case001.png", "case003.png", r"case003\.png: no row of .*Dec-15-2023\.xlsx names it"),
        ("case001.png", "train_images.pkl", r"train_images\.pkl: unknown file name, expected caseNNN\.png"),
    ],
)
def test_file_faults(tmp_path: Path, name: str, other: str, message: str) -> None:
    breast_lesions_usg.write_release(tmp_path / "release")
    path = tmp_path / "release" / IMAGES / name
    shutil.copy(path, path.with_name(other)) if other else path.unlink()
    refused(tmp_path / "release", tmp_path, message)


def test_mask_of_another_size(tmp_path: Path) -> None:
    breast_lesions_usg.write_release(tmp_path / "release")
    path = tmp_path / "release" / IMAGES / "case022_other1.png"
    Image.open(path).resize((9, 9)).save(path)
    refused(tmp_path / "release", tmp_path, r"case022_other1\.png is 9x9 pixels, its image .*case022\.png is 28x20;")


def test_missing_table(tmp_path: Path) -> None:
    breast_lesions_usg.write_release(tmp_path / "release")
    (tmp_path / "release" / TABLE).unlink()
    refused(tmp_path / "release", tmp_path, rf"has no {TABLE}\. To get it by hand")


@pytest.mark.parametrize(
    ("echogenicity", "interpretation", "diagnosis", "expected"),
    [
        # Without a biopsy the interpretation counts: all alternatives have to agree.
        ("hypoechoic", "Fibroadenoma&Hamartoma", "not applicable", 1),
        ("hyperechoic", "Lipoma", "not applicable", 1),
        ("hypoechoic", "Fibroadenoma&Dysplasia", "not applicable", -1),
        ("hypoechoic", "Duct filled with thick fluid&Mammary duct ectasia", "not applicable", 0),
        ("hypoechoic", "Complex cyst / Non-simple cyst", "not applicable", 0),
        ("hypoechoic", "Fibroadenoma&Cyst filled with thick fluid", "not applicable", -1),
        ("heterogeneous", "Fat necrosis&Hematoma", "not applicable", -1),
        # A biopsy overrules it; open findings beside a settled one do not count.
        ("hypoechoic", "Cyst filled with thick fluid", "Fibroadenoma", 1),
        ("hypoechoic", "Suspicion of malignancy", "Intraductal papilloma&Usual ductal hyperplasia (UDH)&Adenosis", 1),
        ("hypoechoic", "Fibroadenoma", "Usual ductal hyperplasia (UDH)", -1),
        ("hypoechoic", "Fibroadenoma", "Simple cyst", 0),
        ("hypoechoic", "Fibroadenoma", "Simple cyst&Fibroadenoma", -1),
        # Fluid is anechoic; what contradicts that leaves it unknown.
        ("anechoic", "Dysplasia&Simple cyst", "not applicable", 0),
        ("anechoic", "Fibroadenoma", "Fibrocystic change", 0),
        ("anechoic", "Fibroadenoma", "not applicable", -1),
        ("anechoic", "Simple cyst", "Fibroadenoma", -1),
        ("complex cystic/solid", "Simple cyst", "Fibroadenoma", -1),
    ],
)
def test_solid_nodule_of_benign_lesions(echogenicity: str, interpretation: str, diagnosis: str, expected: int) -> None:
    cells = {"Echogenicity": echogenicity, "Interpretation": interpretation, "Diagnosis": diagnosis}
    assert solid_nodule(Row("row 2", {"Classification": "benign", **cells})) == expected
    assert solid_nodule(Row("row 2", {"Classification": "malignant", **cells})) == 1
    assert solid_nodule(Row("row 2", {"Classification": "normal", **cells})) == 0
