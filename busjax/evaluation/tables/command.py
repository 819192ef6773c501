"""`--mode table`: from a folder of runs, or the name of a published table, to tables printed and written."""

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from busjax.evaluation.literature import PAPERS, QUESTIONS
from busjax.evaluation.published import (
    OWN_ROWS,
    PublishedTable,
    check_place,
    paper_of,
    published_table,
    read_paper,
    row_of,
    table_names,
    tables_of,
)
from busjax.evaluation.tables.auc_check import told
from busjax.evaluation.tables.errors import TableError
from busjax.evaluation.tables.files import write_tables
from busjax.evaluation.tables.folders import find_runs
from busjax.evaluation.tables.groups import group_runs, labels
from busjax.evaluation.tables.layout import ResultTable, assemble
from busjax.evaluation.tables.summaries import Summary, summarise
from busjax.evaluation.tables.terminal import print_table
from busjax.names import hint

VAL, TEST = "val", "test"


def show_published(name: str, console: Console) -> None:
    """Prints a published table ('shareef_4') or all of a paper ('shareef'), and whether each AUC is what it is called.

    Raises:
      TableError: there is no such table or paper.
    """
    tables = _named(name)
    for table in tables:
        print_table(assemble(table, (), check=True), console)
        console.print()
    console.print(Text(told(read_paper(name) if name in PAPERS else tables[0].rows)), soft_wrap=True)


def make_tables(
    directory: str | os.PathLike[str], console: Console, *, table: str = "", seeds_together: bool = False
) -> list[ResultTable]:
    """Prints the tables of the runs in a folder and writes them there (table.md, table.csv, table.html).

    Args:
      directory: with the work directories of runs, at any depth.
      console: where the tables are printed.
      table: a published table to put the runs in, whatever table of that paper their configs name (`table.name`), or a
        paper for all of its tables; '' for those that the configs name, and one for the runs that name none.
      seeds_together: whether runs that differ in `seed`, too, are one row.

    Raises:
      TableError: no run, a malformed file, runs that do not fit together, or an unknown table.
      OSError: a file cannot be written.
    """

    def read(part: str, wanted: Callable[[Mapping[str, Any]], bool] = lambda config: True) -> list[Summary]:
        finished, missing = find_runs(directory, part, wanted)
        groups = group_runs(finished, missing, seeds_together=seeds_together)
        for group in groups:
            _check_names(group.members[0].name, group.table, group.row)
        return [summary for group in groups for summary in summarise(group, part)]

    if table:
        named = _named(table)
        summaries = {part: read(part) for part in dict.fromkeys(one.part for one in named)}
        tables = [_in_one(one, summaries[one.part]) for one in named]
    else:
        tested = read(TEST)
        # Predictions on the validation part are read of those runs alone that stand in a table of it.
        validated = read(VAL, _named_of_val) if any(_of_val(summary.group.table) for summary in tested) else []
        tables = _in_each([*tested, *validated])
    for made in tables:
        print_table(made, console)
        console.print()
    for path in write_tables(directory, tables):
        console.print(Text(f"written: {path}"), soft_wrap=True)
    return tables


def _named(name: str) -> list[PublishedTable]:
    """The tables that `--table` names."""
    try:
        return [published_table(table) for table in tables_of(name)]
    except ValueError:
        raise TableError(f"--table: unknown name {name!r}{hint(name, (*PAPERS, *table_names()))}") from None


def _of_val(name: str) -> bool:
    """Whether a `table.name` means a table of the validation part."""
    return any(published_table(table).part == VAL for table in tables_of(name))


def _named_of_val(config: Mapping[str, Any]) -> bool:
    return _of_val(config.get("table.name", ""))


def _answers(summary: Summary, table: PublishedTable) -> bool:
    """Whether an output answers a table's question; of a run without results by its config, as far as it tells."""
    if summary.part != table.part:
        return False
    if summary.classes:
        return summary.classes == QUESTIONS[table.question]
    return table.question in (summary.group.questions or QUESTIONS)


def _in_each(summaries: Sequence[Summary]) -> list[ResultTable]:
    """The tables that configs name, and one of what stands in none."""
    places: dict[str, list[Summary]] = {}
    for summary in summaries:
        group = summary.group
        tables = [published_table(name) for name in tables_of(group.table)]
        found = [
            table.name
            for table in tables
            if _answers(summary, table) and _belongs(summary, [row.name for row in table.rows])
        ]
        for name in found or ([""] if summary.part == TEST else []):
            places.setdefault(name, []).append(summary)
    order = [name for name in (*table_names(), "") if name in places]
    return [_assembled(published_table(name) if name else None, places[name]) for name in order]


def _belongs(summary: Summary, rows: Sequence[str]) -> bool:
    """Whether an output, or a run without results, is of a row, or its config names none."""
    row = summary.group.row
    unfinished = not summary.output and any(row_of(row, output, rows) for output in OWN_ROWS)
    return not row or unfinished or bool(row_of(row, summary.output, rows))


def _in_one(table: PublishedTable, summaries: Sequence[Summary]) -> ResultTable:
    """All runs of the paper whose row is in the table; the others are told of, not dropped in silence."""
    chosen: list[Summary] = []
    left: list[Summary] = []
    for summary in summaries:
        name, row = summary.group.table, summary.group.row
        paper = name if name in PAPERS or not name else paper_of(name)
        known = bool(row) and _belongs(summary, [found.name for found in table.rows])
        here = not name or (paper == table.paper and (known or table.name in tables_of(name)))
        (chosen if here and _answers(summary, table) else left).append(summary)
    made = _assembled(table, chosen)
    if not left:
        return made
    words = (f"{s.group.table or 'no table'} {s.group.row}".strip() for s in left)
    note = f"{len(left)} more rows of runs belong to other tables: {', '.join(sorted(set(words)))}."
    return dataclasses.replace(made, notes=(*made.notes, note))


def _assembled(table: PublishedTable | None, summaries: Sequence[Summary]) -> ResultTable:
    rows = {row.name for row in table.rows} if table else set()
    return assemble(table, _labelled(summaries, rows))


def _labelled(summaries: Sequence[Summary], rows: set[str]) -> list[tuple[str, Summary]]:
    """Each summary with what tells it from the others of its published row, or of no row."""

    def place(summary: Summary) -> str:
        return row_of(summary.group.row, summary.output, rows)

    found = []
    for summary in summaries:
        beside = [other for other in summaries if place(other) == place(summary)]
        groups = list(dict.fromkeys(other.group for other in beside))
        names = dict(zip(groups, labels(groups), strict=True))
        own = names[summary.group]
        # The same settings in two tables' runs, put into one table.
        twice = sum(names[group] == own for group in groups) > 1 and len({group.table for group in groups}) > 1
        several = len({other.output for other in beside if other.output}) > 1
        words = [
            "" if summary.reported else place(summary),
            own,
            f"of {summary.group.table or 'no table'}" if twice else "",
            summary.output if several else "",
        ]
        told_apart = ", ".join(filter(None, words))
        ours = f"ours: {told_apart}" if told_apart else "ours"
        found.append((ours if rows else told_apart or "runs", summary))
    return found


def _check_names(run: str, table: str, row: str) -> None:
    """A row must be one of its published table."""
    try:
        check_place(table, row)
    except ValueError as error:
        raise TableError(f"{run}/config.json: {error}") from None
