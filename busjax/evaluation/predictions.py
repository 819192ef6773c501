"""The scores of one output of a model on one part of the data, and their file in the work directory."""

import csv
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Int64, Shaped

from busjax.atomic import write_atomic

UNKNOWN = -1
"""The target of an example whose true class is not known. It stays in the file and is left out of every metric."""

_SUM_TOLERANCE = 1e-3
_FIXED_COLUMNS = ("image_id", "case_id", "task", "target")


@dataclass(frozen=True, eq=False)
class Predictions:
    """What one output of a model says about a set of images, beside the truth.

    Attributes:
      name: the output, e.g. 'mt', 'mt_without_map', 'sn'.
      classes: names of the classes in the order of the scores; of two classes, the second is the positive one.
      image_id: array of str [n]; one identifier per image, unique.
      case_id: array of str [n]; the patient or lesion of each image. Images of one case are not independent.
      target: integers [n]; index of the true class, or -1 where it is unknown.
      scores: floating point [n, classes]; softmax probabilities, each row sums to 1.

    The arrays are stored as read-only copies, `target` as int64 and `scores` as float64.

    Raises:
      ValueError: a field is wrong; the message names the output and the field, what was found and what was expected.
    """

    name: str
    classes: tuple[str, ...]
    # Of any shape and type here: what does not fit is refused below, by a message that names the image.
    image_id: Shaped[np.ndarray, "..."]
    case_id: Shaped[np.ndarray, "..."]
    target: Shaped[np.ndarray, "..."]
    scores: Shaped[np.ndarray, "..."]

    def __post_init__(self) -> None:
        if not _is_one_line(self.name):
            raise ValueError(f"predictions: name: found {self.name!r}, expected the name of an output such as 'mt'")
        self._check_classes()
        for field in ("image_id", "case_id"):
            self._store(field, self._checked_ids(field))
        self._store("target", self._checked_target())
        self._store("scores", self._checked_scores())

    def subset(self, chosen: Bool[np.ndarray, " n"]) -> "Predictions":
        """Those of some of the images."""
        columns = (self.image_id[chosen], self.case_id[chosen], self.target[chosen], self.scores[chosen])
        return Predictions(self.name, self.classes, *columns)

    def by_case(self, cases: Shaped[np.ndarray, " n"] | None = None) -> "Predictions":
        """The scores of cases: of each the mean over its images, in the order of their names, which stand for image_id.

        Args:
          cases: of every image what is scored as one, such as a lesion of several of a patient; by default `case_id`.

        Raises:
          ValueError: images of one case have different targets; the message lists all such cases.
        """
        names, at, case = np.unique(self.case_id if cases is None else cases, return_index=True, return_inverse=True)
        first = np.zeros(len(names), np.int64)
        first[case] = self.target
        mixed = names[np.unique(case[self.target != first[case]])]
        if len(mixed):
            raise self._error(
                "target", f"different targets among the images of {', '.join(mixed)}", "one for each case"
            )
        images = np.bincount(case)[:, None]
        scores = np.stack([np.bincount(case, column) for column in self.scores.T], axis=1) / images
        return Predictions(self.name, self.classes, names, self.case_id[at], first, np.clip(scores, 0.0, 1.0))

    @property
    def task(self) -> str:
        """The question this output answers, in words: 'malignant or not malignant'."""
        return " or ".join(name.replace("_", " ") for name in reversed(self.classes))

    @property
    def known(self) -> Bool[np.ndarray, " n"]:
        """True where the true class is known: the examples that metrics are computed on."""
        return self.target != UNKNOWN

    @property
    def predicted(self) -> Int64[np.ndarray, " n"]:
        """Index of the class with the highest score; the first of them at a tie, so class 0 of two equal scores."""
        return np.argmax(self.scores, axis=1).astype(np.int64)

    def _store(self, field: str, value: np.ndarray) -> None:
        copy = value.copy()
        copy.setflags(write=False)
        object.__setattr__(self, field, copy)

    def _error(self, field: str, found: str, expected: str) -> ValueError:
        return ValueError(f"predictions of '{self.name}': {field}: found {found}, expected {expected}")

    def _check_classes(self) -> None:
        different = len(set(self.classes)) == len(self.classes) >= 2
        if not different or not all(_is_one_line(name) for name in self.classes):
            raise self._error("classes", f"{self.classes}", "two or more different names")

    def _checked_ids(self, field: str) -> np.ndarray:
        ids = np.asarray(getattr(self, field))
        if ids.ndim != 1 or ids.dtype.kind != "U":
            raise self._error(field, f"an array of shape {ids.shape} and type {ids.dtype}", "a 1-D array of str")
        if ids.size == 0:
            raise self._error(field, "no example", "at least one")
        if len(ids) != len(self.image_id):
            raise self._error(field, f"{len(ids)} values", f"{len(self.image_id)}, one per image_id")
        for position, text in enumerate(ids.tolist()):
            if not _is_one_line(text):
                raise self._error(field, f"{text!r} at position {position}", "a text of one line")
        if field == "image_id":
            values, counts = np.unique(ids, return_counts=True)
            if np.any(counts > 1):
                first = int(np.argmax(counts > 1))
                raise self._error(field, f"'{values[first]}' {counts[first]} times", "each image once")
        return ids

    def _checked_target(self) -> np.ndarray:
        target = np.asarray(self.target)
        if target.ndim != 1 or target.dtype.kind not in "iu":
            found = f"an array of shape {target.shape} and type {target.dtype}"
            raise self._error("target", found, "a 1-D array of integers")
        if len(target) != len(self.image_id):
            raise self._error("target", f"{len(target)} values", f"{len(self.image_id)}, one per image_id")
        wrong = (target < UNKNOWN) | (target >= len(self.classes))
        if np.any(wrong):
            at = int(np.argmax(wrong))
            expected = f"0 to {len(self.classes) - 1}, or {UNKNOWN} where unknown"
            raise self._error("target", f"{target[at]} for image '{self.image_id[at]}'", expected)
        return target.astype(np.int64)

    def _checked_scores(self) -> np.ndarray:
        scores = np.asarray(self.scores)
        shape = (len(self.image_id), len(self.classes))
        if scores.dtype.kind != "f":
            raise self._error("scores", f"type {scores.dtype}", "floating point")
        if scores.shape != shape:
            raise self._error("scores", f"shape {scores.shape}", f"{shape}: one row per image, one column per class")
        scores = scores.astype(np.float64)
        wrong = ~np.all((scores >= 0) & (scores <= 1), axis=1)  # also true for NaN
        if np.any(wrong):
            at = int(np.argmax(wrong))
            found = f"{scores[at].tolist()} for image '{self.image_id[at]}'"
            raise self._error("scores", found, "probabilities from 0 to 1")
        sums = scores.sum(axis=1)
        wrong = np.abs(sums - 1) > _SUM_TOLERANCE
        if np.any(wrong):
            at = int(np.argmax(wrong))
            found = f"a sum of {sums[at]:.6g} for image '{self.image_id[at]}'"
            raise self._error("scores", found, f"rows that sum to 1 within {_SUM_TOLERANCE:g}")
        return scores


def _is_one_line(text: str) -> bool:
    """Whether a text can stand in one cell of a CSV file for every reader of such files."""
    return bool(text) and not any(character in text for character in "\r\n\0")


def write_csv(path: str | os.PathLike[str], outputs: Sequence[Predictions]) -> None:
    """Writes the predictions of several outputs of one model to one CSV file, whole or not at all.

    Columns: image_id, case_id, task (the output's name), target, one `score_<class>` per class of any output (blank
    where the output has no such class), predicted. Numbers are written so that `read_csv` gives back the same bits.

    Raises:
      ValueError: no output, two outputs of one name, or two outputs that list the same classes in different orders.
      OSError: the file cannot be written.
    """
    if not outputs:
        raise ValueError(f"{path}: no predictions to write, expected at least one output")
    names = [output.name for output in outputs]
    if len(set(names)) != len(names):
        raise ValueError(f"{path}: task: found the outputs {names}, expected different names")
    classes = list(dict.fromkeys(name for output in outputs for name in output.classes))
    for output in outputs:
        # The order of the columns is all that tells a reader which class is class 0.
        if tuple(name for name in classes if name in output.classes) != output.classes:
            raise ValueError(f"{path}: the classes {output.classes} of '{output.name}' come in another order elsewhere")
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*_FIXED_COLUMNS, *(f"score_{name}" for name in classes), "predicted"])
    for output in outputs:
        column = {name: index for index, name in enumerate(output.classes)}
        predicted = output.predicted
        for row, scores in enumerate(output.scores.tolist()):
            cells = [repr(scores[column[name]]) if name in column else "" for name in classes]
            ids = [str(output.image_id[row]), str(output.case_id[row]), output.name, int(output.target[row])]
            writer.writerow([*ids, *cells, int(predicted[row])])
    write_atomic(path, text.getvalue())


def read_csv(path: str | os.PathLike[str]) -> list[Predictions]:
    """Reads what `write_csv` wrote: the same outputs, in the same order, with the same bits.

    Raises:
      FileNotFoundError: there is no such file.
      ValueError: a column is missing or a value is wrong; the message names the file, the line and the column.
    """
    source = Path(path)
    if not source.is_file():
        raise FileNotFoundError(f"{source}: no such file, expected predictions in CSV")
    with open(source, encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    header = rows[0] if rows else []
    missing = [name for name in (*_FIXED_COLUMNS, "predicted") if name not in header]
    if missing or not any(name.startswith("score_") for name in header):
        expected = f"{', '.join(_FIXED_COLUMNS)}, score_<class>..., predicted"
        raise ValueError(f"{source}: columns: found {', '.join(header) or 'nothing'}, expected {expected}")
    tasks: dict[str, list[_Row]] = {}
    for number, cells in enumerate(rows[1:], start=1):
        row = _parse_row(f"{source}, row {number}", header, cells)
        tasks.setdefault(row.task, []).append(row)
    if not tasks:
        raise ValueError(f"{source}: found no row, expected at least one prediction")
    return [_from_rows(source, name, task_rows) for name, task_rows in tasks.items()]


@dataclass(frozen=True)
class _Row:
    where: str
    image_id: str
    case_id: str
    task: str
    target: int
    scores: dict[str, float]
    predicted: int


def _parse_row(where: str, header: list[str], cells: list[str]) -> _Row:
    if len(cells) != len(header):
        raise ValueError(f"{where}: found {len(cells)} cells, expected {len(header)}, one per column")
    values = dict(zip(header, cells, strict=True))
    scores: dict[str, float] = {}
    for column, cell in values.items():
        if column.startswith("score_") and cell:
            try:
                scores[column.removeprefix("score_")] = float(cell)
            except ValueError:
                raise ValueError(f"{where}: {column}: found '{cell}', expected a number") from None
    integers: dict[str, int] = {}
    for column in ("target", "predicted"):
        try:
            integers[column] = int(values[column])
        except ValueError:
            raise ValueError(f"{where}: {column}: found '{values[column]}', expected an integer") from None
    return _Row(where, values["image_id"], values["case_id"], values["task"], scores=scores, **integers)


def _from_rows(source: Path, name: str, rows: list[_Row]) -> Predictions:
    classes = tuple(rows[0].scores)
    for row in rows:
        if tuple(row.scores) != classes:
            found, expected = ", ".join(row.scores) or "none", ", ".join(classes)
            raise ValueError(f"{row.where}: scores of '{name}': found {found}, expected {expected}")
    try:
        predictions = Predictions(
            name=name,
            classes=classes,
            image_id=np.array([row.image_id for row in rows]),
            case_id=np.array([row.case_id for row in rows]),
            target=np.array([row.target for row in rows], dtype=np.int64),
            scores=np.array([list(row.scores.values()) for row in rows], dtype=np.float64),
        )
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from None
    for row, predicted in zip(rows, predictions.predicted.tolist(), strict=True):
        if row.predicted != predicted:
            raise ValueError(f"{row.where}: predicted: found {row.predicted}, expected {predicted}, the highest score")
    return predictions
