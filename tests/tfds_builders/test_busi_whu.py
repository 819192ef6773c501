from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from tests.tfds_builders.expected import box, picture, save
from tests.tfds_builders.releases.busi_whu import write_release
from tfds_builders.busi_whu.busi_whu import FOLDER, TABLE
from tfds_builders.busi_whu.patients import Patient, read_patients
from tfds_builders.reading import prepare
from tfds_builders.record import DatasetError


def edit(release: Path, cell: str, value: Any) -> None:
    """Writes a cell of the table: A image, B patient, C class; row 2 is 00001, row 3 00002."""
    book = openpyxl.load_workbook(release / FOLDER / TABLE)
    book.active[cell] = value
    book.save(release / FOLDER / TABLE)


def write_table(path: Path, *rows: tuple[Any, ...]) -> Path:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)
    return path


def test_table_beside_the_folder(tmp_path: Path) -> None:
    expected = write_release(tmp_path / "release")
    (tmp_path / "release" / FOLDER / TABLE).rename(tmp_path / "release" / TABLE)
    built = prepare("busi_whu", tmp_path / "data", tmp_path / "release" / FOLDER).table
    assert built.label.tolist() == [record.label for record in expected]


def test_a_table_that_comes_later_is_noticed(tmp_path: Path) -> None:
    write_release(tmp_path / "release")
    table = tmp_path / "release" / FOLDER / TABLE
    table.rename(tmp_path / "later.xlsx")
    assert (prepare("busi_whu", tmp_path / "data", tmp_path / "release").table.label == -1).all()
    prepare("busi_whu", tmp_path / "data", tmp_path / "release")
    (tmp_path / "later.xlsx").rename(table)
    with pytest.raises(
        DatasetError, match=r"built from other .*: BUSI-WHU had .* without the table, now .* with the table;"
    ):
        prepare("busi_whu", tmp_path / "data", tmp_path / "release")


def write_older_release(folder: Path) -> None:
    """Parts with masks under other names, one of them with originals beside changed copies; no table."""
    parts = (
        ("train", "img/ori", "gt/ori", ("00002", "00001", "10001-1", "10001-2")),
        ("valid", "img", "mask", ("00004",)),
        ("test", "images", "masks", ("00003", "10002-1", "10002-10", "10002-2")),
    )
    for part, images, masks, names in parts:
        for name in names:
            save(folder / FOLDER / part / images / f"{name}.bmp", picture("L", 12, 10, 0))
            save(folder / FOLDER / part / masks / f"{name}_anno.bmp", box(12, 10, 2, 2, 6, 6))
    save(folder / FOLDER / "train" / "img" / "flipped" / "00001.bmp", picture("L", 12, 10, 0))


def test_older_versions_have_parts_but_no_classes(tmp_path: Path) -> None:
    write_older_release(tmp_path / "release")
    table = prepare("busi_whu", tmp_path / "data", tmp_path / "release").table
    names = ["00001", "00002", "10001-1", "10001-2", "00004", "00003", "10002-1", "10002-2", "10002-10"]
    assert table.image_id.tolist() == [f"busi_whu/{name}" for name in names]
    cases = ["00001", "00002", "10001", "10001", "00004", "00003", "10002", "10002", "10002"]
    assert table.case_id.tolist() == [f"busi_whu/{case}" for case in cases]
    assert table.fold.tolist() == [-1, -1, -1, -1, -1, 0, 0, 0, 0]
    assert table.label.tolist() == table.solid.tolist() == [-1] * 9
    assert table.has_mask.all()


@pytest.mark.parametrize(
    "rows",
    [
        [("patient_index", "class"), (1, "Benign"), (10003, "Malignant")],
        [("Class", "patient_index"), ("B", "00001"), ("M", "10003")],
        [("patient_index", "label"), ("00001.bmp", "benign"), ("10003-1", "MALIGNANT"), ("10003-2", "m")],
        [("Image Name", "patient_index", "class"), (1, "00001", "benign"), ("10003", "10003", "malignant")],
    ],
)
def test_ways_to_name_an_image(tmp_path: Path, rows: list[tuple[Any, ...]]) -> None:
    images = [tmp_path / f"{stem}.bmp" for stem in ("00001", "10003-1", "10003-2")]
    found = read_patients(write_table(tmp_path / "table.xlsx", *rows), images)
    assert [found[image].label for image in images] == ["benign", "malignant", "malignant"]
    assert found[images[0]].case_id in ("1", "00001")
    assert found[images[1]].case_id == found[images[2]].case_id == "10003"


def test_the_table_tells_the_patient_where_it_names_images_apart(tmp_path: Path) -> None:
    rows = [("image_name", "patient_index", "class"), ("00001", 7, "benign"), ("00002", 7, "benign")]
    images = [tmp_path / "00001.bmp", tmp_path / "00002.bmp"]
    found = read_patients(write_table(tmp_path / "table.xlsx", *rows), images)
    assert found == dict.fromkeys(images, Patient("benign", "7"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda release: edit(release, "C3", 1),
            r"infos_BUSI-WHU\.xlsx, row 3: class '1', expected one of 'benign', 'Benign', 'BENIGN', 'b', 'B', 'malig",
        ),
        (
            lambda release: edit(release, "C1", "kind"),
            r"xlsx: no column class or label or pathology; found image_name, ",
        ),
        (lambda release: edit(release, "B1", "patient"), r"xlsx: no column patient_index; found image_name, patient"),
        (lambda release: edit(release, "B3", None), r"xlsx, row 3: patient_index is empty"),
        (lambda release: edit(release, "A3", None), r"xlsx, row 3: image_name is empty"),
        (
            lambda release: edit(release, "A3", "img2"),
            r"xlsx, row 3: image_name 'img2', expected a number as in 00001 or 10003-2",
        ),
        (lambda release: edit(release, "A3", "1"), r"row 3: image_name '1' stands already in .*row 2, expected once"),
        (
            lambda release: edit(release, "A3", "00001"),
            r"row 3: image_name '00001' is also that of .*row 2, expected once",
        ),
        (lambda release: edit(release, "A3", "00004"), r"00002\.bmp: no row in .*xlsx, expected one for every image"),
        (
            lambda release: edit(release, "A23", "00004"),
            r"row 23: image_name '00004': no such image, expected one for every row",
        ),
        (
            lambda release: (release / FOLDER / "gt" / "00002_anno.bmp").unlink(),
            r"img.00002\.bmp: no mask of it in .*gt, expected one for every image",
        ),
        (
            lambda release: (release / FOLDER / "img" / "00002.bmp").rename(
                release / FOLDER / "img" / "benign_0002.bmp"
            ),
            r"benign_0002\.bmp: unknown file name, expected '00001\.bmp' or '10003-2\.bmp'",
        ),
        (
            lambda release: (release / FOLDER / "gt").rename(release / FOLDER / "labels"),
            r"BUSI-WHU: no folder gt or mask or masks",
        ),
    ],
)
def test_faults(tmp_path: Path, change: Callable[[Path], object], message: str) -> None:
    write_release(tmp_path / "release")
    change(tmp_path / "release")
    with pytest.raises(DatasetError, match=message):
        prepare("busi_whu", tmp_path / "data", tmp_path / "release")


def test_an_image_in_two_parts(tmp_path: Path) -> None:
    write_older_release(tmp_path / "release")
    save(tmp_path / "release" / FOLDER / "test" / "images" / "00001.bmp", picture("L", 12, 10, 0))
    save(tmp_path / "release" / FOLDER / "test" / "masks" / "00001_anno.bmp", box(12, 10, 2, 2, 6, 6))
    with pytest.raises(DatasetError, match=r"busi_whu: image_id '00001' occurs twice, expected once"):
        prepare("busi_whu", tmp_path / "data", tmp_path / "release")
