from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from tests.tfds_builders.expected import picture, save
from tests.tfds_builders.releases.gdph_sysucc import write_release
from tfds_builders.reading import prepare
from tfds_builders.record import DatasetError

FOLDER, TABLE = "GDPH&SYSUCC", "BIRADS&FOLD.xlsx"


def edit(release: Path, cell: str, value: Any) -> None:
    """Writes a cell of the table; the images stand there from the last to the first, row 19 is benign(1)."""
    book = openpyxl.load_workbook(release / FOLDER / TABLE)
    book["prediction"][cell] = value
    book.save(release / FOLDER / TABLE)


def rearrange(release: Path) -> None:
    """From the layout with two hospitals to that of the authors' page."""
    rows = ["name,label"]
    for hospital in ("GDPH", "SYSUCC"):
        for path in sorted((release / FOLDER / hospital).iterdir()):
            save_as = release / FOLDER / "img" / path.name
            save_as.parent.mkdir(exist_ok=True)
            path.rename(save_as)
            rows.append(f"{path.name},{int(path.name.startswith('malignant'))}")
        (release / FOLDER / hospital).rmdir()
    (release / FOLDER / "label.csv").write_text("\n".join(rows))


@pytest.mark.parametrize("table", [True, False])
def test_layout_of_the_authors_page(tmp_path: Path, table: bool) -> None:
    expected = write_release(tmp_path / "release")
    rearrange(tmp_path / "release")
    if not table:
        (tmp_path / "release" / FOLDER / TABLE).unlink()
    built = prepare("gdph_sysucc", tmp_path / "data", tmp_path / "release").table
    assert built.image_id.tolist() == [f"gdph_sysucc/{record.image_id}" for record in expected]
    assert built.label.tolist() == [record.label for record in expected]
    assert built.birads.tolist() == [record.birads if table else "" for record in expected]
    assert built.fold.tolist() == [record.fold if table else -1 for record in expected]


def test_folds_that_start_at_zero(tmp_path: Path) -> None:
    expected = write_release(tmp_path / "release")
    book = openpyxl.load_workbook(tmp_path / "release" / FOLDER / TABLE)
    for row in range(2, len(expected) + 2):
        book["prediction"][f"D{row}"] = int(book["prediction"][f"D{row}"].value) - 1
    book.save(tmp_path / "release" / FOLDER / TABLE)
    built = prepare("gdph_sysucc", tmp_path / "data", tmp_path / "release").table
    assert built.fold.tolist() == [record.fold for record in expected]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda release: (release / FOLDER / TABLE).unlink(),
            r"BIRADS&FOLD\.xlsx: no such file",
        ),
        (
            lambda release: edit(release, "B19", "4d"),
            r"sheet prediction, row 19: BIRADS-reader1 '4d', expected one of '2', '3', '4a', '4A'",
        ),
        (lambda release: edit(release, "C19", None), r"row 19: BIRADS-reader2 '', expected one of '2'"),
        (lambda release: edit(release, "D19", "two"), r"row 19: fold 'two', expected an integer"),
        (lambda release: edit(release, "D19", 7), r"folds 1, 2, 3, 4, 5, 7, expected all from 0 or 1 on without a gap"),
        (lambda release: edit(release, "D19", -1), r"folds -1, 1, 2, 3, 4, 5, expected all from 0 or 1 on without"),
        (
            lambda release: edit(release, "A19", "benign(3)"),
            r"SYSUCC.benign\(1\)\.png: no row in .*BIRADS&FOLD\.xlsx, expected one for every image",
        ),
        (
            lambda release: edit(release, "A19", "benign(0)"),
            r"row 20: ID 'benign\(0\)' stands already in .*row 19, expected once",
        ),
        (
            lambda release: (release / FOLDER / "SYSUCC" / "benign(1).png").unlink(),
            r"row 19: no image benign\(1\)\.png, expected one for every row",
        ),
        (lambda release: edit(release, "D1", "Fold"), r"sheet prediction: no column fold; found ID, BIRADS-reader1"),
        (
            lambda release: save(release / FOLDER / "GDPH" / "benign (1).png", picture("L", 9, 9, 0)),
            r"benign \(1\)\.png: unknown file name, expected 'benign\(N\)\.png' or 'malignant\(N\)\.png'",
        ),
        (
            lambda release: save(release / FOLDER / "GDPH" / "benign(1).png", picture("L", 9, 9, 0)),
            r"SYSUCC.benign\(1\)\.png: also in .*GDPH, expected in one hospital",
        ),
    ],
)
def test_faults(tmp_path: Path, change: Callable[[Path], object], message: str) -> None:
    write_release(tmp_path / "release")
    change(tmp_path / "release")
    with pytest.raises(DatasetError, match=message):
        prepare("gdph_sysucc", tmp_path / "data", tmp_path / "release")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "benign(1).png,0",
            "benign(1).png,1",
            r"label\.csv, line \d+: label 1 \(malignant\), expected that of the name",
        ),
        ("benign(1).png,0", "benign(1).png,b", r"label\.csv, line \d+: label 'b', expected one of '0', '1'"),
        ("benign(1).png,0", "benign(3).png,0", r"img.benign\(1\)\.png: no row in .*label\.csv, expected one for every"),
        ("name,label", "file,label", r"label\.csv: no column name; found file, label"),
    ],
)
def test_faults_of_the_other_layout(tmp_path: Path, old: str, new: str, message: str) -> None:
    write_release(tmp_path / "release")
    rearrange(tmp_path / "release")
    path = tmp_path / "release" / FOLDER / "label.csv"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(DatasetError, match=message):
        prepare("gdph_sysucc", tmp_path / "data", tmp_path / "release")
