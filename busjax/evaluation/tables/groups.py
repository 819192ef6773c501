"""Which runs make one row of a table, and what the row is called."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from busjax.evaluation.tables.errors import TableError
from busjax.evaluation.tables.folders import MissingRun, RunFolder
from busjax.fields import WITHOUT_EFFECT, short_name, value_text
from busjax.names import EVERY, LEAVE_ONE_OUT, WEIGHTS

FOLD, SEED = "data.fold", "seed"
TABLE, ROW = "table.name", "table.row"
HEAD_FROM = "pretrained.head_from"


@dataclass(frozen=True, eq=False)
class Group:
    """Runs that differ in nothing but the fold (and the seed, where asked for).

    Attributes:
      table, row: the published row they belong beside, in one table or in all of a paper; '' for none.
      settings: the fields that the runs share, by dotted name, without what does not matter to results.
      runs: the finished ones, by fold and seed.
      missing: those without results.
      folds: the folds the protocol has, where the config says it; else those there are runs of.
    """

    table: str
    row: str
    settings: Mapping[str, Any]
    runs: tuple[RunFolder, ...]
    missing: tuple[MissingRun, ...]
    folds: tuple[int, ...]

    @property
    def questions(self) -> set[str]:
        """The tasks of the networks, by the config; empty where it does not tell."""
        several = {"cross_training": ("mt", "sn"), "fusion": ("mammography", "ultrasound")}
        names = several.get(str(self.settings.get("method")), (self.settings.get("model.network"),))
        return {str(self.settings[field]) for name in names if (field := f"model.{name}.task") in self.settings}

    @property
    def members(self) -> list[RunFolder | MissingRun]:
        """All runs, finished and not."""
        return [*self.runs, *self.missing]


def group_runs(
    runs: Sequence[RunFolder], missing: Sequence[MissingRun], *, seeds_together: bool = False
) -> list[Group]:
    """Puts runs together that differ only in `data.fold`, and with `seeds_together` in `seed`; in order of appearance.

    Raises:
      TableError: two folders hold the same run, or runs of one row started from different files of weights.
    """
    apart = {FOLD, *WITHOUT_EFFECT, *((SEED,) if seeds_together else ())} - {TABLE, ROW}
    groups: dict[str, list[RunFolder | MissingRun]] = {}
    everything: list[RunFolder | MissingRun] = [*runs, *missing]
    for run in everything:
        shared = {field: value for field, value in run.config.items() if field not in apart}
        # Every seed and every fold has a head of its own to start from: only whether is a setting.
        shared[HEAD_FROM] = bool(shared.get(HEAD_FROM))
        if run.config.get(FOLD) == EVERY:  # a whole row by itself
            shared[FOLD] = EVERY
        groups.setdefault(json.dumps(shared, sort_keys=True), []).append(run)
    found = []
    for key, members in groups.items():
        _refuse_other_weights([member for member in members if isinstance(member, RunFolder)])
        places: dict[tuple[Any, Any], str] = {}
        for member in members:
            place = (member.config.get(FOLD, 0), member.config.get(SEED, 0))
            if place in places:
                raise TableError(
                    f"{member.name}: the same run as {places[place]} (fold {place[0]}, seed {place[1]}, and all other "
                    "settings); expected each once: move one of the folders away"
                )
            places[place] = member.name
        members.sort(key=lambda member: (member.config.get(FOLD, 0), member.config.get(SEED, 0)))
        settings = json.loads(key)
        finished = tuple(member for member in members if isinstance(member, RunFolder))
        unfinished = tuple(member for member in members if isinstance(member, MissingRun))
        in_turn = settings.get("data.split") == LEAVE_ONE_OUT and settings.get(FOLD) != EVERY
        if in_turn or settings.get("data.split") == "kfold":
            folds = tuple(range(settings.get("data.folds", 0)))
        else:
            folds = tuple(sorted({fold for fold, _ in places}))
        table, row = settings.pop(TABLE, ""), settings.pop(ROW, "")
        found.append(Group(table, row, settings, finished, unfinished, folds))
    return found


def labels(groups: Sequence[Group]) -> list[str]:
    """What tells each group from the others: the fields that are not the same in all, as 'name=value'.

    A field is called by the end of its name, with as much before it as tells it from the other fields shown.
    """
    fields = sorted({field for group in groups for field in group.settings})
    differing = [f for f in fields if len({json.dumps(group.settings.get(f), sort_keys=True) for group in groups}) > 1]
    short = {field: short_name(field, differing) for field in differing}
    return [
        ", ".join(
            f"{short[field]}={value_text(group.settings[field])}" for field in differing if field in group.settings
        )
        for group in groups
    ]


def _refuse_other_weights(runs: Sequence[RunFolder]) -> None:
    """Checks that runs of one row started from the same weights; where their file was is no setting of a row."""
    first: dict[str, RunFolder] = {}
    for run in runs:
        for network, checksum in run.weights.items():
            other = first.setdefault(network, run)
            if other.weights[network] != checksum:
                raise TableError(
                    f"{run.name}: {WEIGHTS}: {network}: found the weights {checksum}, but {other.weights[network]} in "
                    f"{other.name}, which differs in no setting; expected one file of weights in a row"
                )
