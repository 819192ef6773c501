from pathlib import Path

import pytest

from tfds_builders.groups import read_groups, write_groups
from tfds_builders.record import DatasetError

GROUPS = [["busi/benign (1)", "bus_cot/0001@0"], ['x/a, "b"', "x/ü;c", "y/z"]]


def test_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "new" / "groups.csv"
    write_groups(path, GROUPS)
    assert read_groups(path) == {image: group[0] for group in GROUPS for image in group}
    assert path.read_text(encoding="utf-8").splitlines()[:2] == ["image_id,group", "busi/benign (1),busi/benign (1)"]
    assert [item.name for item in path.parent.iterdir()] == ["groups.csv"]


def test_no_groups(tmp_path: Path) -> None:
    write_groups(tmp_path / "groups.csv", [])
    assert read_groups(tmp_path / "groups.csv") == {}


def test_other_columns_and_programs(tmp_path: Path) -> None:
    (tmp_path / "g.csv").write_bytes("\ufeffnote,group,image_id\r\nsame,1,b\r\n,1,a\r\n\r\n".encode())
    assert read_groups(tmp_path / "g.csv") == {"b": "1", "a": "1"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"g\.csv: an empty file, expected a table with the columns image_id, group"),
        ("image_id,case\na,1\n", r"g\.csv: no column group; found image_id, case"),
        ("a;b\n", r"g\.csv: no column image_id, group; found a;b"),
        ("image_id,group\na,1\nb,1\na,2\n", r"g\.csv, line 4: image_id 'a' stands already in .*line 2, expected once"),
        ("image_id,group\na,\n", r"g\.csv, line 2: group of 'a' is empty"),
        ("image_id,group\n,1\n", r"g\.csv, line 2: image_id is empty"),
        ("image_id,group\na\n", r"g\.csv, line 2: 1 cells, the header has 2"),
    ],
)
def test_faults_of_a_file(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "g.csv").write_text(text)
    with pytest.raises(DatasetError, match=message):
        read_groups(tmp_path / "g.csv")


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"g\.csv: cannot be read \(No such file"):
        read_groups(tmp_path / "g.csv")


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ([["a", "b"], ["c", "b"]], "image 'b' is in the group of 'a' and in that of 'c', expected once"),
        ([["a", "a"]], "image 'a' is in the group of 'a' and in that of 'a'"),
        ([[]], "a group without images"),
        ([["a", ""]], "an image without a name in the group of 'a'"),
    ],
)
def test_faulty_groups_leave_the_old_file(tmp_path: Path, groups: list[list[str]], message: str) -> None:
    path = tmp_path / "g.csv"
    write_groups(path, GROUPS)
    before = path.read_bytes()
    with pytest.raises(DatasetError, match=message):
        write_groups(path, groups)
    assert path.read_bytes() == before


def test_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"file.g\.csv: cannot be written: a file stands where its folder should be"):
        write_groups(tmp_path / "file" / "g.csv", GROUPS)
