"""A manifest's text as lines of cells, and the list of all that is wrong with them."""

import csv
import difflib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from tfds_builders.record import DatasetError
from tfds_builders.tables import Row

Value = TypeVar("Value")

DELIMITERS = (",", ";", "\t")
SHOWN = 50


@dataclass(frozen=True)
class Columns:
    """What columns a manifest may have.

    Attributes:
        known: all of them.
        required: those that must be there.
        keys: those without which rows are not looked at, since each would have the same fault.
    """

    known: tuple[str, ...]
    required: tuple[str, ...]
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Line(Row):
    """One row of a manifest: each of its known columns, "" where it has none of that name; `where` is "line 7"."""

    number: int


@dataclass
class Faults:
    """What is wrong with a manifest, told all at once.

    Attributes:
        path: the manifest.
        found: line number and message of each fault.
    """

    path: Path
    found: list[tuple[int, str]] = field(default_factory=list)

    def add(self, number: int, message: str) -> None:
        """Notes a fault of a line."""
        self.found.append((number, f"line {number}: {message}"))

    def attempt(self, line: Line, read: Callable[..., Value], *arguments: Any) -> Value | None:
        """What `read(*arguments)` returns; None after a `DatasetError`, which is noted (its message names the line)."""
        try:
            return read(*arguments)
        except DatasetError as error:
            self.found.append((line.number, str(error)))
            return None

    def raise_any(self) -> None:
        """Raises one `DatasetError` with all faults in the order of their lines, at most `SHOWN`, if there are any."""
        if not self.found:
            return
        messages = [message for _, message in sorted(self.found, key=lambda fault: fault[0])]
        head = f"{self.path}: {len(messages)} error{'s' if len(messages) > 1 else ''}"
        rest = [f"and {len(messages) - SHOWN} more"] if len(messages) > SHOWN else []
        raise DatasetError("\n".join([head, *messages[:SHOWN], *rest]))


def read_lines(faults: Faults, columns: Columns) -> list[Line]:
    """Reads the manifest of `faults` and notes what is wrong with its header and the number of its cells.

    The delimiter is that of `DELIMITERS` under which the header has the most known columns. Empty lines are passed
    over, as are columns without name and contents, which spreadsheets leave behind.

    Raises:
        DatasetError: the file cannot be read or is not UTF-8.
    """
    text = _read_text(faults.path)
    first = next((line for line in io.StringIO(text, newline="") if line.strip()), "")[:4096]
    delimiter = max(DELIMITERS, key=lambda delimiter: sum(cell in columns.known for cell in _parse(first, delimiter)))
    rows = _rows(text, delimiter, faults)
    number, header = next(rows, (1, []))
    _check_header(number, header, columns, faults)
    lines = []
    for number, cells in rows:
        if len(cells) != len(header):
            faults.add(number, f"{len(cells)} cells, the header has {len(header)}")
            continue
        if nameless := [cell for name, cell in zip(header, cells, strict=True) if cell and not name]:
            faults.add(number, f"{nameless[0]!r} stands in a column without a name")
        named = {name: cell for name, cell in zip(header, cells, strict=True) if name in columns.known}
        lines.append(Line(f"line {number}", {**dict.fromkeys(columns.known, ""), **named}, number))
    return lines if all(name in header for name in columns.keys) else []


def _read_text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror or error})") from error
    position = data.find(b"\0")  # in every UTF-16 file, and in no table of UTF-8
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        position = error.start
    if position < 0:
        return text
    line = data[:position].count(b"\n") + 1
    raise DatasetError(
        f"{path}, line {line}: byte {data[position]:#04x} is not UTF-8 text. Save the table again as UTF-8: "
        "in Excel as 'CSV UTF-8', in LibreOffice as Text CSV with the character set 'Unicode (UTF-8)'"
    )


def _parse(line: str, delimiter: str) -> list[str]:
    return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])]


def _rows(text: str, delimiter: str, faults: Faults) -> Iterator[tuple[int, list[str]]]:
    """Yields the number and the stripped cells of every line that is not empty, and notes broken ones."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True)
    while True:
        number = reader.line_num + 1
        try:
            cells = [cell.strip() for cell in next(reader)]
        except StopIteration:
            return
        except csv.Error as error:
            faults.add(number, f"not a line of a CSV ({error}); is a quotation mark left open?")
            continue
        if reader.line_num > number:
            # Two stray marks would otherwise swallow the lines between them.
            faults.add(number, f"a cell goes on to line {reader.line_num}; is a quotation mark left open?")
        elif any(cells):
            yield number, cells


def _check_header(number: int, header: list[str], columns: Columns, faults: Faults) -> None:
    for name in dict.fromkeys(header):
        if name and name not in columns.known:
            near = difflib.get_close_matches(name.lower(), columns.known, n=1, cutoff=0.0)[0]
            faults.add(number, f"unknown column {name!r}; nearest is {near!r}, all are: {', '.join(columns.known)}")
        if name and header.count(name) > 1:
            faults.add(number, f"column {name!r} occurs {header.count(name)} times, expected once")
    for name in columns.required:
        if name not in header:
            faults.add(number, f"no column {name!r}; found {', '.join(filter(None, header)) or 'nothing'}")
