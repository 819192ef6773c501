"""Results printed in the papers, as data, to be shown beside ours.

The numbers are in `papers/NAME.csv`, one line for each result, as the paper prints them:

* `tables`: the tables it is printed in, of `PAPERS[NAME].tables`; several where a paper repeats a result.
* `row`: its name, unique within a table. A run's config names it in `table.row`.
* `method`, `setting`: what it is, in words.
* one column for each metric the paper prints (of `METRICS`, and `printed_auc`), blank where it prints none; those of
  `Paper.percent` are in percent, the others from 0 to 1.
* `note`: what is known to be wrong or missing.

What a paper prints as "AUC" is in the column `printed_auc`; `Paper.auc_is` says which of our metrics that is: `auc`, or
`balanced_accuracy` where it was computed from decisions instead of scores.

All were measured on other images than ours, or on other folds of them, so that a difference to ours is not a
difference between methods. They are labelled `OTHER_DATA` wherever they are shown.
"""

import csv
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

from busjax.names import hint

OTHER_DATA = "other data"
"""The label of every published row."""

RATES = ("accuracy", "sensitivity", "specificity", "precision", "balanced_accuracy", "fpr", "fnr")
"""Metrics that papers print in percent, and so do we."""

METRICS = (*RATES, "f1", "f2", "auc", "dice", "iou")
"""Metrics a row may have."""


@dataclass(frozen=True)
class Paper:
    """A paper with tables of results.

    Attributes:
      source: the reference.
      short: the reference in a few words.
      tables: what is in each table, and the images it was measured on, by the table's name; the name ends in what the
        paper calls it: 'shareef_4' is Table 4.
      auc_is: 'auc' or 'balanced_accuracy', what the paper prints as AUC.
      percent: the metrics it prints in percent.
    """

    source: str
    short: str
    tables: Mapping[str, tuple[str, str]]
    auc_is: str = "auc"
    percent: tuple[str, ...] = RATES


_WEST_CHINA = "images of West China Hospital, not public"
_ALL_FIVE = "3641 images of HMSS, BUSI, BUSIS, Thammasat, Dataset B"
_WITH_MASKS = "1209 images of BUSI, BUSIS"
_SHEBA = "120 lesions of Sheba Medical Center, leave one out, not public"

PAPERS: dict[str, Paper] = {
    "qi2019": Paper(
        source="Qi et al., Automated diagnosis of breast ultrasonography images using deep neural networks, "
        "Medical Image Analysis 52 (2019) 185-198",
        short="Qi et al. 2019",
        tables={
            "qi_4": ("Malignant or not, validation part", f"1357 {_WEST_CHINA}"),
            "qi_5": ("Malignant or not, test part", f"1359 {_WEST_CHINA}"),
            "qi_6": ("Solid nodule or not, validation part", f"1357 {_WEST_CHINA}"),
            "qi_7": ("Solid nodule or not, test part", f"1359 {_WEST_CHINA}"),
        },
    ),
    "shareef": Paper(
        source="Shareef, Xian, Sun, Vakanski, Ding, Ning, Cheng, A benchmark for breast ultrasound image "
        "classification",
        short="Shareef et al.",
        tables={
            "shareef_4": ("Training from scratch and transfer learning", _ALL_FIVE),
            "shareef_5": ("Augmentation and none", _ALL_FIVE),
            "shareef_6": ("Loss functions", _ALL_FIVE),
            "shareef_7": ("Optimizers", _ALL_FIVE),
            "shareef_8": ("One task and two", _WITH_MASKS),
            "shareef_9": ("Approaches with two tasks", _WITH_MASKS),
            "shareef_website": ("On the benchmark's website only", _ALL_FIVE),
        },
        # The released code passes 0/1 decisions to roc_auc_score, which gives the mean of sensitivity and specificity;
        # `tables.auc_check` shows it row by row.
        auc_is="balanced_accuracy",
    ),
    "habib2020": Paper(
        source="Habib, Kiryati, Sklair-Levy, Shalmon, Halshtok Neiman, Faermann Weidenfeld, Yagil, Konen, Mayer, "
        "Automatic breast lesion classification by joint neural analysis of mammography and ultrasound, 2020",
        short="Habib et al. 2020",
        tables={
            "habib_1": ("Mammography, ultrasound, and both", _SHEBA),
            "habib_baselines": ("Networks of others, re-trained", _SHEBA),
            "habib_readers": ("Four radiologists and the best model", _SHEBA),
        },
    ),
}

VARIANTS = ("BASIC", "MIP", "REM", "Han", "Cheng")
"""The methods that Qi et al. compare, in the order of their tables."""

_QI_TABLES = {("mt", "val"): "qi_4", ("mt", "test"): "qi_5", ("sn", "val"): "qi_6", ("sn", "test"): "qi_7"}


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


@dataclass(frozen=True)
class PublishedTable:
    """A published table.

    Attributes:
      name: such as 'shareef_4'.
      paper: a name of `PAPERS`.
      title: what it compares.
      data: the images it was measured on.
      rows: in the order of the paper.
    """

    name: str
    paper: str
    title: str
    data: str
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
    title, data = PAPERS[paper].tables[name]
    return PublishedTable(name, paper, title, data, tuple(row for row in read_paper(paper) if name in row.tables))


def check_place(table: str, row: str) -> None:
    """Checks that a config's `table.name` and `table.row` name a row of a published table; both may be ''.

    Raises:
      ValueError: naming the field that is wrong.
    """
    if not table:
        if row:
            raise ValueError(f"table.name: found '', expected the published table that table.row {row!r} is in")
        return
    try:
        rows = [published.name for published in published_table(table).rows]
    except ValueError as error:
        raise ValueError(f"table.name: {error}") from None
    if row and row not in rows:
        raise ValueError(f"table.row: {table} has no row {row!r}{hint(row, rows)}")


def published_rows(output: str, part: str) -> tuple[PublishedRow, ...]:
    """The rows of Qi et al. 2019, Tables 4 to 7, for an output ('mt' or 'sn') on a part ('val' or 'test').

    Empty for any other output or part: 'mt_without_map', for one, has no counterpart in the paper.
    """
    key = (output, part)
    return published_table(_QI_TABLES[key]).rows if key in _QI_TABLES else ()


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
