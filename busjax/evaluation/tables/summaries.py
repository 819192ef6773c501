"""The folds of one row put together: mean, standard deviation, all test cases pooled, and what must be known."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from busjax.evaluation.counts import OF_CASES, OF_VERSIONS
from busjax.evaluation.published import row_of
from busjax.evaluation.tables.errors import TableError
from busjax.evaluation.tables.folders import RunFolder
from busjax.evaluation.tables.groups import FOLD, SEED, Group
from busjax.evaluation.tables.leaks import LEAKING
from busjax.evaluation.tables.measures import Measures, mean_and_deviation, pool
from busjax.names import LEAVE_ONE_OUT

LEAKS, INCOMPLETE, SYNTHETIC = LEAKING, "incomplete", "synthetic images"


@dataclass(frozen=True, eq=False)
class Summary:
    """One output of the runs of a group.

    Attributes:
      group: the runs.
      output: of the networks.
      part: of the data that was scored.
      classes: of the output; () where no run is finished.
      reported: whether papers report such an output; a comparison of ours is not (`mt_without_map`).
      folds: each finished run and its metrics.
      mean, deviation: over the runs, see `mean_and_deviation`; empty where no run is finished.
      pooled: over all test images; None where it cannot be had, as a note says.
      marks: what every line of this row must carry: `LEAKS`, `INCOMPLETE`, `SYNTHETIC`.
      notes: what must be known of the row, in sentences.
    """

    group: Group
    output: str
    part: str
    classes: tuple[str, ...]
    reported: bool
    folds: tuple[tuple[RunFolder, Measures], ...]
    mean: Mapping[str, float]
    deviation: Mapping[str, float]
    pooled: Measures | None
    marks: tuple[str, ...]
    notes: tuple[str, ...]

    def row(self, rows: Collection[str]) -> str:
        """The published row, of a table's `rows`, that it belongs beside; '' for none."""
        return row_of(self.group.row, self.output, rows) if self.reported else ""

    @property
    def data(self) -> str:
        """What was tested, how it was divided and where decisions were made, in words."""
        settings = self.group.settings
        name, test = (_words(settings.get(f"data.{field}")) for field in ("train", "test"))
        name = name or _words(settings.get("data.name"))
        words = [f"{name}, tested on {test}" if test else name, str(settings.get("data.split"))]
        if settings.get("data.split") in ("kfold", LEAVE_ONE_OUT):
            words.append(f"{settings.get('data.folds')} folds")
        words.append(f"split seed {settings.get('data.split_seed')}")
        if len(self.classes) > 2:
            words.append("decided by the highest score")
        elif thresholds := sorted({run.thresholds[self.output] for run, _ in self.folds}):
            words.append(
                "threshold " + " to ".join(f"{end:g}" for end in dict.fromkeys((thresholds[0], thresholds[-1])))
            )
        return ", ".join(words)


def summarise(group: Group, part: str = "test") -> list[Summary]:
    """A summary for every output of a group's runs, on the part they were read of; one without output where no run is
    finished.

    Raises:
      TableError: a case is tested in two folds of a protocol that tests each once, or runs have other outputs or
        classes than the first.
    """
    absent = _absent(group)
    if not group.runs:
        return [Summary(group, "", part, (), True, (), {}, {}, None, (INCOMPLETE,), tuple(absent))]
    first = group.runs[0]
    for run in group.runs[1:]:
        if run.outputs.keys() != first.outputs.keys():
            found, expected = ", ".join(run.outputs), ", ".join(first.outputs)
            raise TableError(f"{run.name}: found the outputs {found}, expected {expected} as in {first.name}")
        if (run.masks is None) != (first.masks is None):
            raise TableError(f"{run.name} and {first.name}: one has predictions/{part}_segmentation.csv, one has not")
    twice = _tested_twice(group)
    return [_summary(group, output, absent, twice) for output in first.outputs]


def _summary(group: Group, output: str, absent: Sequence[str], twice: str) -> Summary:
    folds = [(run, run.measures[output]) for run in group.runs]
    mean, deviation = mean_and_deviation([measures for _, measures in folds])
    leaks = list(dict.fromkeys(run.leak for run in group.runs if run.leak))
    marks, notes = [], [*absent]
    if leaks:
        marks.append(LEAKS)
        notes.append(f"{LEAKS}: {'; '.join(leaks)}. Its figures are too high")
    if any(measures.versions not in (None, measures.images) for _, measures in folds):
        notes.append(OF_VERSIONS)
    if absent:
        marks.append(INCOMPLETE)
    if "phantom" in str(group.settings.get("data.name", "")) + str(group.settings.get("data.test", "")):
        marks.append(SYNTHETIC)
        notes.append("the images are synthetic: the figures say nothing about breast ultrasound")
    if str(group.settings.get("data.resize")).startswith("lesion"):
        notes.append(
            "it sees the region of the lesion, cut out by the true mask, also at test; others see whole images"
        )
    if group.settings.get("eval.unit") == "case":
        notes.append(OF_CASES)
    alone = len(folds) > 1 and all(measures.images == 1 for _, measures in folds)
    if alone:
        notes.append("every run tests one case: only the pooled figures mean anything")
    for run, measures in folds if not alone else ():
        notes += [f"{name} undefined in {run.name}: {why}" for name, why in measures.undefined.items()]
    pooled = None
    several_seeds = len({run.config.get(SEED, 0) for run in group.runs}) > 1
    if several_seeds:
        notes.append("not pooled: every case is tested once with each seed")
    elif twice:
        notes.append(f"not pooled: {twice}")
    elif absent:
        notes.append("not pooled: not every fold is there")
    elif len(folds) > 1:
        # Of cases left out in turn, some are for validation alone.
        untested = 0 if group.settings.get("data.split") == LEAVE_ONE_OUT else _untested(group)
        if untested >= min(len(set(run.cases[run.part].values())) for run in group.runs):
            marks.append(INCOMPLETE)
            notes.append(
                f"not pooled: {untested} of the cases are in no {group.runs[0].part} part, as many as a fold tests"
            )
        else:
            pooled = _pooled(group, output)
            if untested:
                notes.append(
                    f"{untested} of the cases are in no fold's {group.runs[0].part} part, and not in the pooled figures"
                )
    first = group.runs[0]
    return Summary(
        group=group,
        output=output,
        part=first.part,
        classes=first.outputs[output].classes,
        reported=output in first.reported,
        folds=tuple(folds),
        mean=mean,
        deviation=deviation,
        pooled=pooled,
        marks=tuple(marks),
        notes=tuple(notes),
    )


def _pooled(group: Group, output: str) -> Measures:
    runs = group.runs
    try:
        thresholds = [run.thresholds.get(output, math.nan) for run in runs]
        masks = [run.masks for run in runs]
        return pool([run.outputs[output] for run in runs], thresholds, masks, versions=runs[0].versions)
    except ValueError as error:
        raise TableError(f"{runs[0].name} and its other folds: {error}") from None


def _absent(group: Group) -> list[str]:
    """The runs without results, and the folds without a run, in words."""
    lines = [f"{run.name} is missing: {run.why}" for run in group.missing]
    for seed in sorted({member.config.get(SEED, 0) for member in group.members}):
        there = {member.config.get(FOLD, 0) for member in group.members if member.config.get(SEED, 0) == seed}
        lines += [f"fold {fold} is missing: there is no run of it" for fold in group.folds if fold not in there]
    return lines


def _tested_twice(group: Group) -> str:
    """Why the test parts of the folds cannot be put together; '' where they can.

    Raises:
      TableError: they cannot, and should: the protocol tests each case once.
    """
    tested: dict[tuple[object, str], str] = {}
    images: dict[tuple[object, str], str] = {}
    for run in group.runs:
        seed = run.config.get(SEED, 0)
        for image, case in run.cases[run.part].items():
            if (seed, image) in images:
                found = f"image {image!r} is tested in {images[seed, image]} and in {run.name}"
                break
            images[seed, image] = run.name
            if tested.setdefault((seed, case), run.name) != run.name and not run.leak:
                found = f"case {case!r} is tested in {tested[seed, case]} and in {run.name}"
                break
        else:
            continue
        if run.config.get("data.test"):  # datasets that are only tested are tested whole, by every fold
            return found
        raise TableError(
            f"{found}; expected each once over the folds, as runs of one split (dataset, groups, seed) have it"
        )
    return ""


def _words(names: object) -> str:
    """Datasets, which are one text or a list."""
    return ", ".join(map(str, names)) if isinstance(names, list) else str(names or "")


def _untested(group: Group) -> int:
    """How many cases of the runs are in the part of none."""
    known = {case for run in group.runs for part in run.cases.values() for case in part.values()}
    return len(known - {case for run in group.runs for case in run.cases[run.part].values()})
