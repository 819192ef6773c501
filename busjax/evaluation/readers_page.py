"""A reader study on the terminal and in files: readers.csv to compute with, readers.html to look at."""

import csv
import io
import math
import os
from collections.abc import Sequence
from html import escape
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from busjax.atomic import write_atomic
from busjax.evaluation.bootstrap import Interval
from busjax.evaluation.figures import roc_curves
from busjax.evaluation.page import STYLE, picture
from busjax.evaluation.predictions import read_csv
from busjax.evaluation.readers import POSITIVE, ReadersError, Reading, Study, by_lesion, compare, read_scores
from busjax.evaluation.results import LEAKS, read_results
from busjax.evaluation.rows import MISSING
from busjax.page import Section, page, paragraph

HEADINGS = ("", "AUC [95 %]", "less the model's [95 %]")
FIELDS = ("output", "name", "auc", "low", "high", "difference", "difference_low", "difference_high")
ABOUT = (
    "A lesion's score is the mean of its images' probabilities of malignancy, and of a reader the score from 0 to 10. "
    "Intervals are percentiles over resamples of lesions. All use the same resamples, so that the differences are "
    "paired. They tell of other lesions read by these readers, not of other readers."
)


def make_study(directory: str | os.PathLike[str], path: str | os.PathLike[str], console: Console) -> list[Study]:
    """Compares readers with every output of a run that tells malignant lesions, on its test part.

    Prints the tables and writes readers.csv and readers.html into the run's folder.

    Args:
      directory: the work directory of a run that was evaluated.
      path: the readers' scores, see `readers.read_scores`.
      console: where the tables are printed.

    Raises:
      ReadersError: the run has no such output, or the file is malformed or does not fit it.
      OSError: a file cannot be written.
    """
    folder = Path(directory).expanduser()
    source = folder / "predictions" / "test.csv"
    try:
        outputs = read_csv(source)
    except (OSError, ValueError) as error:
        raise ReadersError(f"--workdir {folder}: {error}") from None
    chosen = [output for output in outputs if len(output.classes) == 2 and output.classes[1] == POSITIVE]
    if not chosen:
        found = ", ".join(f"{output.name} ({output.task})" for output in outputs)
        raise ReadersError(f"{source}: found {found}; expected an output whose positive class is {POSITIVE!r}")
    models = [by_lesion(output) for output in chosen]
    studies = [compare(model, read_scores(path, model)) for model in models]
    leak = _leak(folder / "results.json")
    for study in studies:
        console.print(_table(study))
        console.print(Text(f"  {_size(study)}", style="dim"), soft_wrap=True)
        console.print()
    if leak:
        console.print(
            Text(f"leaks patients: {leak}. The model's figures are too high.", style="bold red"), soft_wrap=True
        )
    for name, text in (("readers.csv", comma_separated(studies, leak)), ("readers.html", html(studies, leak))):
        write_atomic(folder / name, text)
        console.print(Text(f"written: {folder / name}"), soft_wrap=True)
    return studies


def _leak(results: Path) -> str:
    """Why the split of a run leaks; '' where it does not, or nothing tells."""
    return str(read_results(results).get(LEAKS) or "") if results.is_file() else ""


def comma_separated(studies: Sequence[Study], leak: str = "") -> str:
    """A row for each reading; blank where there is no number. `leak` says why the run's split leaks."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow((*FIELDS, "lesions", "malignant", "left_out", "resamples", "seed", LEAKS))
    for study in studies:
        of_study = (study.lesions, study.positives, study.unknown, study.resamples, study.seed, leak)
        for reading in study.readings:
            interval, other = reading.interval, reading.difference_interval
            numbers = (reading.auc, interval.low, interval.high, reading.difference, other.low, other.high)
            cells = ["" if math.isnan(number) else repr(number) for number in numbers]
            writer.writerow([study.model.name, reading.name, *cells, *of_study])
    return text.getvalue()


def html(studies: Sequence[Study], leak: str = "") -> str:
    """A page with a table and the ROC curves (Habib et al. 2020, Fig. 7) for each output.

    `leak` says why the run's split leaks.
    """
    sections = []
    if leak:
        sections.append(Section("leak", "Leaks patients", paragraph(f"{leak}. The model's figures are too high.")))
    for number, study in enumerate(studies):
        head = "".join(f"<th>{escape(heading)}</th>" for heading in HEADINGS)
        rows = [
            f'<tr class="{"published" if at else "ours"}">'
            + "".join(f"<td>{escape(cell)}</td>" for cell in _cells(study, reading))
            + "</tr>"
            for at, reading in enumerate(study.readings)
        ]
        body = "\n".join(rows)
        figure = roc_curves((study.model, *study.readers), title=f"{study.model.name} and readers")
        content = (
            f'<div class="scroll"><table class="results">\n<tr>{head}</tr>\n{body}\n</table></div>'
            + paragraph(_size(study), note=True)
            + picture(figure, alternative=f"ROC curves of {study.model.name} and of each reader, over lesions")
        )
        sections.append(Section(f"study{number}", study.model.name, content))
    sections.append(Section("about", "What the figures mean", paragraph(ABOUT)))
    return page("Reader study", sections, style=STYLE)


def _table(study: Study) -> Table:
    made = Table(show_edge=False, pad_edge=False)
    for heading in HEADINGS:
        made.add_column(heading, justify="right" if heading else "left", no_wrap=bool(heading))
    for reading in study.readings:
        made.add_row(*(Text(cell) for cell in _cells(study, reading)))
    return made


def _cells(study: Study, reading: Reading) -> tuple[str, str, str]:
    label = f"model: {reading.name}" if reading is study.readings[0] else reading.name
    return label, _text(reading.auc, reading.interval), _text(reading.difference, reading.difference_interval, "+")


def _text(value: float, interval: Interval, sign: str = "") -> str:
    """0.931 [0.884, 0.970]."""
    if math.isnan(value):
        return MISSING
    return f"{value:{sign}.3f} [{interval.low:{sign}.3f}, {interval.high:{sign}.3f}]"


def _size(study: Study) -> str:
    left_out = f"; {study.unknown} of unknown class left out" if study.unknown else ""
    return (
        f"{study.lesions} lesions of the test part, {study.positives} malignant{left_out}; "
        f"{study.resamples} resamples of lesions, seed {study.seed}."
    )
