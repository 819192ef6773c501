"""Tables as files: Markdown to read, HTML to look at, CSV to compute with."""

import csv
import io
import os
from collections.abc import Sequence
from html import escape
from pathlib import Path

from busjax.atomic import write_atomic
from busjax.evaluation.page import STYLE
from busjax.evaluation.rows import MISSING
from busjax.evaluation.segmentation import EMPTY_MASKS
from busjax.evaluation.tables.layout import HEADINGS, Line, ResultTable
from busjax.evaluation.tables.measures import METRICS
from busjax.evaluation.tables.summaries import LEAKS
from busjax.page import Section, page, paragraph

FACTS = ("row", "output", "fold", "seed", "run", "data", "threshold", "note")

DEFINITIONS = (
    "Mean ± deviation: over the runs of one row, one for each fold; the standard deviation has n - 1 in its "
    "denominator (ddof=1). All pooled: the test images of all folds together, each decided by the network that did not "
    "train on it, so every case counts once.",
    "AUC is the area under the ROC curve of the scores; pooled, it ranks the scores of all folds as if they were one "
    "network's. AUC (hard) is (sensitivity + specificity) / 2, the balanced accuracy of decisions, which some papers "
    "print as AUC. The two are different metrics.",
    "FPR is 1 - specificity, FNR 1 - sensitivity. An image is called positive above its run's threshold. Dice and IoU "
    "are means over the test images that have a mask.",
    "Of more than two classes: Acc is the share of images decided rightly, Acc one-vs-rest the mean over classes of "
    "(TP + TN) / all images, Acc as-printed what a paper calls accuracy and is neither for certain. Precision, recall, "
    "F1 and AUC (macro) are unweighted means over the classes, each against the rest; F1 of-means is the harmonic mean "
    "of macro precision and macro recall.",
    f"IoU by class: the mean over the test images of the class that have a mask; average, the unweighted mean of the "
    f"three; lesions, the mean over images with a lesion. {EMPTY_MASKS}.",
    f"{MISSING}: undefined, not measured or not published. Images and cases are those of the test parts whose class is "
    "known. Where versions of images are tested, their number stands beside that of the images they are of; metrics "
    "count every version.",
    "Published rows were measured on other images or other folds than ours: a difference to ours is not a difference "
    "between methods.",
)
"""What the figures mean, in sentences."""


def write_tables(directory: str | os.PathLike[str], tables: Sequence[ResultTable]) -> list[Path]:
    """Writes table.md, table.csv and table.html into a folder, each whole or not at all; gives their paths.

    Raises:
      OSError: a file cannot be written.
    """
    folder = Path(directory).expanduser()
    written = {"table.md": markdown(tables), "table.csv": comma_separated(tables), "table.html": html(tables)}
    for name, text in written.items():
        write_atomic(folder / name, text)
    return [folder / name for name in written]


def markdown(tables: Sequence[ResultTable]) -> str:
    """All tables, the single runs of each, and the notes, in Markdown."""
    parts = []
    for table in tables:
        parts += [f"# {table.title}", table.source, _markdown_lines(table.lines, table)]
        parts += [f"- {_plain(note)}" for note in table.notes]
        if table.each:
            parts += ["## Each run", _markdown_lines(table.each, table)]
    parts += ["## Definitions", *(f"- {text}" for text in DEFINITIONS)]
    return "\n\n".join(part for part in parts if part).replace("\n\n- ", "\n- ") + "\n"


def comma_separated(tables: Sequence[ResultTable]) -> str:
    """A line for each line of the tables and each run; metrics are numbers from 0 to 1, blank where there is none."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["table", "kind", "label", "what", "images", *FACTS, *METRICS])
    for table in tables:
        for line in (*table.lines, *table.each):
            numbers = [repr(line.values[name]) if name in line.values else "" for name in METRICS]
            facts = [line.facts.get(name, "") for name in FACTS]
            images = "" if line.images == MISSING else line.images
            writer.writerow([table.name, line.kind, line.label, line.what, images, *facts, *numbers])
    return text.getvalue()


def html(tables: Sequence[ResultTable]) -> str:
    """All tables as one page."""
    sections = []
    for table in tables:
        content = paragraph(table.source, note=True) + _html_lines(table.lines, table)
        content += "".join(paragraph(note, note=True) for note in table.notes)
        if table.each:
            content += f"<h3>Each run</h3>{_html_lines(table.each, table)}"
        sections.append(Section(table.name, table.title, content))
    sections.append(Section("definitions", "Definitions", "".join(map(paragraph, DEFINITIONS))))
    leaks = any(LEAKS in line.what for table in tables for line in table.lines)
    notice = f"Rows marked “{LEAKS}” have images of one patient on both sides of their split." if leaks else ""
    return page("Table of runs", sections, notice=notice, style=STYLE)


def _markdown_lines(lines: Sequence[Line], table: ResultTable) -> str:
    columns = table.columns
    rows = [["", "", "images (cases)", *(HEADINGS[column] for column in columns)]]
    rows.append(["---", "---", *["---:"] * (len(columns) + 1)])
    for line in lines:
        rows.append([line.label, line.what, line.images, *(line.shown.get(column, MISSING) for column in columns)])
    return "\n".join(f"| {' | '.join(map(_plain, row))} |" for row in rows)


def _plain(text: str) -> str:
    """A text that Markdown leaves as it is, in one cell."""
    return text.replace("|", "\\|").replace("*", "\\*").replace("<", "&lt;").replace("\n", " ")


def _html_lines(lines: Sequence[Line], table: ResultTable) -> str:
    headings = ("", "", "images (cases)", *(HEADINGS[column] for column in table.columns))
    head = "".join(f"<th>{escape(heading)}</th>" for heading in headings)
    body = []
    for line in lines:
        published = line.kind == "published"
        what = f'<span class="badge">{escape(line.images)}</span>' if published else escape(line.images)
        cells = [escape(line.label), escape(line.what), what]
        cells += [escape(line.shown.get(column, MISSING)) for column in table.columns]
        row = "".join(f"<td>{cell}</td>" for cell in cells)
        body.append(f'<tr class="{"published" if published else "ours"}">{row}</tr>')
    lines_of_body = "\n".join(body)
    return f'<div class="scroll"><table class="results">\n<tr>{head}</tr>\n{lines_of_body}\n</table></div>'
