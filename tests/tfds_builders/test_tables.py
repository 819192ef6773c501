from pathlib import Path

import openpyxl
import pytest

from tfds_builders.record import DatasetError
from tfds_builders.tables import index_rows, read_csv, read_xlsx


def test_csv_with_a_mark_blank_lines_and_other_columns(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes('\ufeffname;size ;rest\r\n\r\n one ;2;"x;y"\r\ntwo;3;\r\n'.encode())
    rows = read_csv(path, ("name", "size"), delimiter=";")
    assert [dict(row.cells) for row in rows] == [
        {"name": "one", "size": "2", "rest": "x;y"},
        {"name": "two", "size": "3", "rest": ""},
    ]
    assert [row.where for row in rows] == [f"{path}, line 3", f"{path}, line 4"]
    assert rows[0].integer("size") == 2
    assert index_rows(rows, "name")["two"] is rows[1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"name,size\nM\xfcller,2\n", r"a\.csv, line 2: byte 0xfc is not UTF-8, expected a table in that encoding"),
        (b"", r"a\.csv: no column name, size; found nothing"),
        (b"name,weight\n", r"a\.csv: no column size; found name, weight"),
        (b"name,size,name\n", r"a\.csv: column name occurs twice, expected once"),
        (b"name,size\na,1,2\n", r"a\.csv, line 2: 3 cells, the header has 2"),
        (b"name,size\na,1\na,2\n", r"line 3: name 'a' stands already in .*a\.csv, line 2, expected once"),
        (b"name,size\n,1\n", r"line 2: name is empty"),
        (b'name,size\n"a,1\n', r"a\.csv, line 2: not CSV \(.*\); is a quotation mark open\?"),
    ],
)
def test_csv_faults(tmp_path: Path, text: bytes, message: str) -> None:
    (tmp_path / "a.csv").write_bytes(text)
    with pytest.raises(DatasetError, match=message):
        index_rows(read_csv(tmp_path / "a.csv", ("name", "size")), "name")


def test_xlsx_cells(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in (
        ("name", "size", None, "none"),
        ("a", 2.0, "beside", None),
        (None, None, None, None),
        (" b ", 2.5, 1, ""),
    ):
        book.active.append(row)
    book.save(tmp_path / "a.xlsx")
    rows = read_xlsx(tmp_path / "a.xlsx", ("name", "size"), "Sheet")
    assert [dict(row.cells) for row in rows] == [
        {"name": "a", "size": "2", "none": ""},
        {"name": "b", "size": "2.5", "none": ""},
    ]
    assert rows[1].where == f"{tmp_path / 'a.xlsx'}, sheet Sheet, row 4"
    with pytest.raises(DatasetError, match=r"row 2: size '2', expected one of 'x'"):
        rows[0].choose("size", {"x": 1})
    with pytest.raises(DatasetError, match=r"row 4: size '2\.5', expected an integer"):
        rows[1].integer("size")


def test_xlsx_faults(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    with pytest.raises(DatasetError, match=r"a\.xlsx: no such file"):
        read_xlsx(path, ())
    path.write_bytes(b"name,size")
    with pytest.raises(DatasetError, match=r"a\.xlsx: not a whole Excel file"):
        read_xlsx(path, ())
    openpyxl.Workbook().save(path)
    with pytest.raises(DatasetError, match=r"a\.xlsx: no sheet 'Data'; found Sheet"):
        read_xlsx(path, (), "Data")
    with pytest.raises(DatasetError, match=r"a\.xlsx: no column name; found nothing"):
        read_xlsx(path, ("name",))
