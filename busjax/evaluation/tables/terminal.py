"""Tables on the terminal."""

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table
from rich.text import Text

from busjax.evaluation.rows import MISSING
from busjax.evaluation.tables.layout import HEADINGS, Line, ResultTable

_NARROWEST_LABEL = 24
_UNBOUNDED = 10_000  # columns; measured against the console itself a table always fits, by cutting numbers


def print_table(table: ResultTable, console: Console) -> None:
    """Prints a table with its notes; on a console too narrow for it each line is a block, so that no number is cut."""
    console.print(Text(table.title, style="bold"))
    if table.source:
        console.print(Text(table.source, style="dim"))
    wide = _wide(table)
    unbounded = console.options.update(width=_UNBOUNDED)
    if console.measure(wide, options=unbounded).minimum <= console.width:
        console.print(wide)
    else:
        for line in table.lines:
            console.print(_block(line, table.columns))
            console.print()
    for note in table.notes:
        console.print(Text(f"  {note}", style="dim"))


def _wide(table: ResultTable) -> Table:
    made = Table(show_edge=False, pad_edge=False)
    # The label alone is wrapped: every other column is as wide as its numbers.
    made.add_column("", min_width=_NARROWEST_LABEL, overflow="fold")
    for heading in ("images (cases)", *(HEADINGS[column] for column in table.columns)):
        made.add_column(heading.replace(" ", "\n"), justify="right", no_wrap=True)
    before = ""
    for line in table.lines:
        # A deviation stands under its mean, and the label of several lines at the first of them.
        cells = [Text(_cell(line.shown, column).replace(" ± ", "\n± ")) for column in table.columns]
        published = line.kind == "published"
        label = (
            line.label if published else f"  {line.what}" if line.label == before else f"{line.label}\n  {line.what}"
        )
        size = Text(line.images.replace("), ", "),\n"))  # images and cases, versions under them
        made.add_row(Text(label), size, *cells, style="dim" if published else None)
        before = line.label
    return made


def _block(line: Line, columns: tuple[str, ...]) -> Table:
    made = Table(show_edge=False, pad_edge=False, show_header=False)
    made.add_column("metric", no_wrap=True)
    made.add_column("value")
    made.add_row("", Text(line.label, style="bold"))
    made.add_row("", Text(line.what))
    made.add_row("images (cases)", Text(line.images))
    for column in columns:
        made.add_row(HEADINGS[column], Text(_cell(line.shown, column)))
    return made


def _cell(shown: Mapping[str, str], column: str) -> str:
    return shown.get(column, MISSING)
