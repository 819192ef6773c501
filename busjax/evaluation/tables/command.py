"""`--mode table`: from a folder of runs, or the name of a published table, to tables printed and written."""

import os
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from busjax.evaluation.published import PAPERS, check_place, paper_of, published_table, read_paper, table_names
from busjax.evaluation.tables.auc_check import told
from busjax.evaluation.tables.errors import TableError
from busjax.evaluation.tables.files import write_tables
from busjax.evaluation.tables.folders import find_runs
from busjax.evaluation.tables.groups import group_runs, labels
from busjax.evaluation.tables.layout import ResultTable, assemble
from busjax.evaluation.tables.summaries import Summary, summarise
from busjax.evaluation.tables.terminal import print_table
from busjax.names import hint


def show_published(name: str, console: Console) -> None:
    """Prints a published table ('shareef_4') or all of a paper ('shareef'), and whether each AUC is what it is called.

    Raises:
      TableError: there is no such table or paper.
    """
    if name in PAPERS:
        tables = [published_table(table) for table in PAPERS[name].tables]
        rows = read_paper(name)
    elif name in table_names():
        tables = [published_table(name)]
        rows = tables[0].rows
    else:
        raise TableError(f"--table: unknown name {name!r}{hint(name, (*PAPERS, *table_names()))}")
    for table in tables:
        print_table(assemble(table, (), check=True), console)
        console.print()
    console.print(Text(told(rows)), soft_wrap=True)


def make_tables(
    directory: str | os.PathLike[str], console: Console, *, table: str = "", seeds_together: bool = False
) -> list[ResultTable]:
    """Prints the tables of the runs in a folder and writes them there (table.md, table.csv, table.html).

    Args:
      directory: with the work directories of runs, at any depth.
      console: where the tables are printed.
      table: a published table to put the runs in, whatever table of that paper their configs name (`table.name`); ''
        for a table for each of those, and one for the runs that name none.
      seeds_together: whether runs that differ in `seed`, too, are one row.

    Raises:
      TableError: no run, a malformed file, runs that do not fit together, or an unknown table.
      OSError: a file cannot be written.
    """
    if table and table not in table_names():
        raise TableError(f"--table: unknown published table {table!r}{hint(table, table_names())}")
    finished, missing = find_runs(directory)
    summaries = [
        summary
        for group in group_runs(finished, missing, seeds_together=seeds_together)
        for summary in summarise(group)
    ]
    for summary in summaries:
        _check_names(summary)
    tables = [_in_one(table, summaries)] if table else _in_each(summaries)
    for made in tables:
        print_table(made, console)
        console.print()
    for path in write_tables(directory, tables):
        console.print(Text(f"written: {path}"), soft_wrap=True)
    return tables


def _in_each(summaries: Sequence[Summary]) -> list[ResultTable]:
    names = dict.fromkeys(summary.group.table for summary in summaries)
    order = [name for name in table_names() if name in names] + [name for name in names if not name]
    return [
        assemble(
            published_table(name) if name else None, _labelled([s for s in summaries if s.group.table == name], name)
        )
        for name in order
    ]


def _in_one(table: str, summaries: Sequence[Summary]) -> ResultTable:
    """All runs of the paper whose row is in the table; the others are told of, not dropped in silence."""
    published = published_table(table)
    rows = {row.name for row in published.rows}
    chosen: list[Summary] = []
    left: list[Summary] = []
    for summary in summaries:
        name, row = summary.group.table, summary.group.row
        other = name and (paper_of(name) != published.paper or (row not in rows and name != table))
        (left if other else chosen).append(summary)
    made = assemble(published, _labelled(chosen, table))
    if not left:
        return made
    elsewhere = ", ".join(sorted({f"{summary.group.table} {summary.group.row}".strip() for summary in left}))
    note = f"{len(left)} more rows of runs belong to other tables: {elsewhere}."
    return ResultTable(made.name, made.title, made.source, made.lines, made.each, (*made.notes, note))


def _labelled(summaries: Sequence[Summary], table: str) -> list[tuple[str, Summary]]:
    groups = list(dict.fromkeys(summary.group for summary in summaries))
    names = dict(zip(groups, labels(groups), strict=True))
    for group in groups:  # the same settings in two tables' runs, put into one table
        if sum(names[group] == names[other] for other in groups) > 1 and len({g.table for g in groups}) > 1:
            names[group] = ", ".join(filter(None, (names[group], f"of {group.table or 'no table'}")))
    several = len({summary.output for summary in summaries if summary.output}) > 1
    found = []
    for summary in summaries:
        words = [names[summary.group], summary.output if several else ""]
        told_apart = ", ".join(word for word in words if word)
        ours = f"ours: {told_apart}" if told_apart else "ours"
        found.append((ours if table else told_apart or "runs", summary))
    return found


def _check_names(summary: Summary) -> None:
    """A row must be one of its published table."""
    first = summary.group.members[0]
    try:
        check_place(summary.group.table, summary.group.row)
    except ValueError as error:
        raise TableError(f"{first.name}/config.json: {error}") from None
