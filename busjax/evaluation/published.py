"""Results printed in the papers, as data, to be shown beside ours.

The numbers are in `papers/NAME.csv`, one line for each result, as the paper prints them; `literature.py` says what each
table is:

* `tables`: the tables it is printed in, of `PAPERS[NAME].tables`; several where a paper repeats a result.
* `row`: its name, unique within a table. A run's config names it in `table.row`.
* `method`, `setting`: what it is, in words.
* one column for each metric the paper prints (of `METRICS`, and `printed_auc`), blank where it prints none; those of
  `Paper.percent` are in percent, the others from 0 to 1.
* `note`: what is known to be wrong or missing.

What a paper prints as "AUC" is in the column `printed_auc`; `Paper.auc_is` says which of our metrics that is: `auc`, or
`balanced_accuracy` where it was computed from decisions instead of scores. `printed_accuracy` is what a paper prints as
accuracy where it can be none of our metrics for certain; ours stand beside it under their own names.

All were measured on other images than ours, or on other folds of them, so that a difference to ours is not a
difference between methods. They are labelled `OTHER_DATA` wherever they are shown.
"""

import csv
import functools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

from busjax.evaluation.literature import METRICS, PAPERS, QUESTIONS, RATES
from busjax.names import hint

OTHER_DATA = "other data"
"""The label of every published row."""

VARIANTS = ("BASIC", "MIP", "REM", "Han", "Cheng")
"""The methods that Qi et al. compare, in the order of their tables."""


@dataclass(frozen=True)
class PublishedRow:
    """One published result.

    Attributes:
      paper: a name of `PAPERS`.
      tables: where it is printed.
      name: of the row.
      method, setting: as the paper names them.
      printed: by metric (of `METRICS`), the text that is printed. What is printed as AUC stands under the metric it is.
      note: what is known to be wrong or missing; '' for nothing.
    """

    paper: str
    tables: tuple[str, ...]
    name: str
    method: str
    setting: str
    printed: Mapping[str, str]
    note: str

    def value(self, metric: str) -> float | None:
        """A metric from 0 to 1, with the digits that are printed; None where none is."""
        if metric not in self.printed:
            return None
        value = Decimal(self.printed[metric])
        return float(value / 100 if metric in PAPERS[self.paper].percent else value)

    def text(self, metric: str) -> str:
        """A metric with the digits that are printed, in the unit that we show it in (percent of `RATES`); '' for none.

        The point is moved where the paper prints in the other unit: 0.9511 as 95.11.
        """
        if metric not in self.printed:
            return ""
        moved = 2 * ((metric in RATES) - (metric in PAPERS[self.paper].percent))
        return f"{Decimal(self.printed[metric]).scaleb(moved):f}" if moved else self.printed[metric]


@dataclass(frozen=True)
class PublishedTable:
    """A published table.

    Attributes:
      name: such as 'shareef_4'.
      paper: a name of `PAPERS`.
      title: what it compares.
      data: the images it was measured on.
      question: of `QUESTIONS`, what is asked of an image.
      part: of the data, 'val' or 'test'.
      shown: the metrics to show; () for all that a row has.
      rows: in the order of the paper.
    """

    name: str
    paper: str
    title: str
    data: str
    question: str
    part: str
    shown: tuple[str, ...]
    rows: tuple[PublishedRow, ...]

    @property
    def number(self) -> str:
        """What the paper calls it: 'Table 4'; 'website' where it is none of its tables."""
        end = self.name.rpartition("_")[2]
        return f"Table {end}" if end.isdigit() else end


def table_names() -> tuple[str, ...]:
    """The names of all published tables."""
    return tuple(name for paper in PAPERS.values() for name in paper.tables)


def paper_of(table: str) -> str:
    """The paper a table is in.

    Raises:
      ValueError: there is no such table; the message has the nearest name.
    """
    for name, paper in PAPERS.items():
        if table in paper.tables:
            return name
    raise ValueError(f"unknown published table {table!r}{hint(table, table_names())}")


def published_table(name: str) -> PublishedTable:
    """A published table by its name.

    Raises:
      ValueError: there is no such table.
    """
    paper = paper_of(name)
    about = PAPERS[paper].tables[name]
    rows = tuple(row for row in read_paper(paper) if name in row.tables)
    return PublishedTable(name, paper, about.title, about.data, about.question, about.part, about.columns, rows)


def tables_of(name: str) -> tuple[str, ...]:
    """The tables that a config's `table.name` means: one by its name, or all of a paper; none of ''.

    Raises:
      ValueError: there is no such table or paper.
    """
    if not name:
        return ()
    if name in PAPERS:
        return tuple(PAPERS[name].tables)
    if name not in table_names():
        raise ValueError(f"unknown published table {name!r}{hint(name, (*PAPERS, *table_names()))}")
    return (name,)


def tables_for(name: str, part: str, classes: Sequence[str]) -> tuple[PublishedTable, ...]:
    """Of the tables that a `table.name` means those that an output stands in.

    Args:
      name: `table.name`.
      part: of the data that was scored.
      classes: of the output, in its order.
    """
    tables = [published_table(table) for table in tables_of(name)]
    return tuple(table for table in tables if (table.part, QUESTIONS[table.question]) == (part, tuple(classes)))


OWN_ROWS = ("mammography", "ultrasound", "combined")
"""Outputs that have rows of their own in a table."""


def row_of(row: str, output: str, rows: Collection[str]) -> str:
    """The name of the published row that an output belongs to: `row`, or where each output has a row of its own
    ('separate_bce_cnn' of Habib et al.) that with the output's name; '' for none.

    Args:
      row: the config's `table.row`.
      output: its name.
      rows: those of the table.
    """
    if not row:
        return ""
    return next((name for name in (row, f"{row}_{output}") if name in rows), "")


def published_rows(
    name: str, row: str, part: str, classes: Sequence[str], *, output: str = "", whole: bool = False
) -> tuple[PublishedRow, ...]:
    """The published rows to show beside an output of a run: its own.

    Args:
      name, row: the config's `table.name` and `table.row`.
      part, classes: as for `tables_for`.
      output: its name.
      whole: whether to show the other rows, too, where a paper is named.
    """
    tables = tables_for(name, part, classes)
    rows = dict.fromkeys(found.name for table in tables for found in table.rows)
    if not (whole and name in PAPERS):
        rows = dict.fromkeys(filter(None, [row_of(row, output, rows)]))
    # What a paper prints of one method in several tables is one line.
    return tuple(_together([found for table in tables for found in table.rows if found.name == one]) for one in rows)


def _together(rows: Sequence[PublishedRow]) -> PublishedRow:
    """One result of one method, whose metrics are printed in several tables."""
    first = rows[0]
    tables = tuple(dict.fromkeys(table for row in rows for table in row.tables))
    printed = {metric: text for row in rows for metric, text in row.printed.items()}
    note = "; ".join(dict.fromkeys(row.note for row in rows if row.note))
    return PublishedRow(first.paper, tables, first.name, first.method, first.setting, printed, note)


def check_place(table: str, row: str) -> None:
    """Checks a config's `table.name`, a published table or a paper, and `table.row`, a row in it, or what the names of
    several begin with, one for each output (`row_of`); both may be ''.

    Raises:
      ValueError: naming the field that is wrong.
    """
    if not table:
        if row:
            raise ValueError(f"table.name: found '', expected the published table that table.row {row!r} is in")
        return
    try:
        tables = [published_table(name) for name in tables_of(table)]
    except ValueError as error:
        raise ValueError(f"table.name: {error}") from None
    rows = list(dict.fromkeys(published.name for one in tables for published in one.rows))
    if row and row not in rows and not any(row_of(row, output, rows) for output in OWN_ROWS):
        raise ValueError(f"table.row: {table} has no row {row!r}{hint(row, rows)}")


@functools.cache
def read_paper(paper: str) -> tuple[PublishedRow, ...]:
    """All results of a paper, each once, in the order of its file.

    Raises:
      ValueError: the file is malformed; the message names file, line and column.
    """
    return read_rows(paper, Path(__file__).with_name("papers") / f"{paper}.csv")


def read_rows(paper: str, path: Path) -> tuple[PublishedRow, ...]:
    """`read_paper` from a file of one's own."""
    facts = PAPERS[paper]
    names = {"printed_auc": facts.auc_is} | {metric: metric for metric in METRICS if metric != facts.auc_is}
    text = ("tables", "row", "method", "setting", "note")
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        for column in reader.fieldnames or ():
            if column not in (*text, *names):
                raise ValueError(f"{path}: column {column!r}{hint(column, (*text, *names))}")
        if missing := [column for column in text if column not in (reader.fieldnames or ())]:
            raise ValueError(f"{path}: found no column {missing[0]!r}, expected {', '.join(text)} and metrics")
        lines = list(reader)
    rows: list[PublishedRow] = []
    taken: set[tuple[str, str]] = set()
    for number, line in enumerate(lines, start=2):
        here = f"{path}, line {number}"
        if None in line or None in line.values():
            raise ValueError(f"{here}: found more or fewer cells than columns, expected one in each")
        tables = tuple((line["tables"] or "").split())
        if not tables or not set(tables) <= facts.tables.keys():
            raise ValueError(f"{here}: tables: found {line['tables']!r}, expected some of {', '.join(facts.tables)}")
        for table in tables:
            if (table, line["row"]) in taken:
                raise ValueError(f"{here}: row: found {line['row']!r} again in {table}, expected each once")
            taken.add((table, line["row"]))
        printed = {names[column]: line[column] for column in names if line.get(column)}
        for metric, value in printed.items():
            _require_number(f"{here}: {metric}", value)
        rows.append(
            PublishedRow(paper, tables, line["row"], line["method"], line["setting"], printed, line["note"] or "")
        )
    return tuple(rows)


def _require_number(where: str, text: str) -> None:
    try:
        found = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{where}: found {text!r}, expected a number") from None
    if not 0 <= found <= 100:
        raise ValueError(f"{where}: found {text!r}, expected 0 to 100")
