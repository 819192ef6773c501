"""Tables of a release, CSV or Excel, as rows of text that know where they stand."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tfds_builders.record import DatasetError

Value = TypeVar("Value")


@dataclass(frozen=True)
class Row:
    """One row of a table: its place ("/x/bus_data.csv, line 5") and its cells by column, stripped of outer blanks."""

    where: str
    cells: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells[column]

    def choose(self, column: str, meanings: Mapping[str, Value]) -> Value:
        """What a cell means.

        Raises:
            DatasetError: it is not among the known ones.
        """
        if self[column] not in meanings:
            raise DatasetError(
                f"{self.where}: {column} {self[column]!r}, expected one of {', '.join(map(repr, meanings))}"
            )
        return meanings[self[column]]

    def integer(self, column: str) -> int:
        """A cell as an integer.

        Raises:
            DatasetError: it is not one.
        """
        try:
            return int(self[column])
        except ValueError:
            raise DatasetError(f"{self.where}: {column} {self[column]!r}, expected an integer") from None


def read_csv(path: Path, columns: Sequence[str], *, delimiter: str = ",", encoding: str = "utf-8") -> list[Row]:
    """Reads a CSV file; empty lines are passed over, as is a byte-order mark.

    Args:
        path: the file.
        columns: those that must be there; others are kept too.
        delimiter: between cells.
        encoding: of the text, as Python names it.

    Raises:
        DatasetError: no such file, another encoding, a column missing, a row with more or fewer cells than the header.
    """
    text = _read_text(path, encoding)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        lines = [(reader.line_num, cells) for cells in reader if any(cells)]
    except csv.Error as error:
        raise DatasetError(f"{path}, line {reader.line_num}: not CSV ({error}); is a quotation mark open?") from error
    header = [name.strip() for name in lines[0][1]] if lines else []
    _require_columns(str(path), header, columns)
    for line, cells in lines[1:]:
        if len(cells) != len(header):
            raise DatasetError(f"{path}, line {line}: {len(cells)} cells, the header has {len(header)}")
    return [
        Row(f"{path}, line {line}", {name: cell.strip() for name, cell in zip(header, cells, strict=True)})
        for line, cells in lines[1:]
    ]


def read_xlsx(path: Path, columns: Sequence[str], sheet: str | None = None) -> list[Row]:
    """Reads a sheet of an Excel file whose first row is the header; empty rows and unnamed columns are passed over.

    Whole numbers come without a decimal point, empty cells as "".

    Args:
        path: the file.
        columns: those that must be there; others are kept too.
        sheet: its name; None for the first.

    Raises:
        DatasetError: no such file or sheet, not an Excel file, a column missing.
    """
    import openpyxl  # takes a third of a second; few datasets need it

    if not path.is_file():
        raise DatasetError(f"{path}: no such file")
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        names = book.sheetnames
        found = sheet if sheet is not None else names[0]
        lines = list(book[found].iter_rows(values_only=True)) if found in names else []
        book.close()
    except Exception as error:  # zipfile, XML and key errors of many kinds
        raise DatasetError(f"{path}: not a whole Excel file ({error})") from error
    if found not in names:
        raise DatasetError(f"{path}: no sheet {sheet!r}; found {', '.join(names)}")
    header = [_cell(value) for value in lines[0]] if lines else []
    where = f"{path}, sheet {sheet}" if sheet else str(path)
    _require_columns(where, [name for name in header if name], columns)
    return [
        Row(
            f"{where}, row {number}",
            {name: _cell(value) for name, value in zip(header, line, strict=False) if name},
        )
        for number, line in enumerate(lines[1:], start=2)
        if any(value is not None for value in line)
    ]


def index_rows(rows: Iterable[Row], column: str) -> dict[str, Row]:
    """Rows by what stands in a column.

    Raises:
        DatasetError: a cell is empty, or two rows have the same.
    """
    found: dict[str, Row] = {}
    for row in rows:
        value = row[column]
        if not value:
            raise DatasetError(f"{row.where}: {column} is empty")
        if value in found:
            raise DatasetError(f"{row.where}: {column} {value!r} stands already in {found[value].where}, expected once")
        found[value] = row
    return found


def _read_text(path: Path, encoding: str) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror or error})") from error
    try:
        return data.decode("utf-8-sig" if encoding == "utf-8" else encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise DatasetError(
            f"{path}, line {line}: byte {data[error.start]:#04x} is not {encoding.upper()}, expected a table in that "
            "encoding; save it again as such"
        ) from error


def _require_columns(where: str, found: Sequence[str], expected: Sequence[str]) -> None:
    missing = [column for column in expected if column not in found]
    if missing:
        raise DatasetError(f"{where}: no column {', '.join(missing)}; found {', '.join(found) or 'nothing'}")
    named = [name for name in found if name]
    twice = sorted({name for name in named if named.count(name) > 1})
    if twice:
        raise DatasetError(f"{where}: column {', '.join(twice)} occurs twice, expected once")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()
