"""Which images train, validate and test: by case, stratified, from a seed; written to and read from CSV files.

Source of the proportions and strata: Qi et al. 2019, section 3 (8145 images in parts of 4/6, 1/6, 1/6, by class). The
paper does not say that a patient's images stay together; here they do, except in the protocols of `BY_IMAGE`.
"""

import dataclasses
from collections.abc import Collection, Sequence

import numpy as np
from jaxtyping import Int

from busjax.data.folds import Folds
from busjax.data.records import Table
from busjax.data.strata import deal, image_strata
from busjax.names import EVERY, LEAVE_ONE_OUT, hint
from tfds_builders.record import LABELS, MALIGNANT

PARTS = ("train", "val", "test")
BY_IMAGE = ("holdout_image", "augmented_image")
AUGMENTED = ("augmented_case", "augmented_image")
"""Protocols that divide a table of versions of images (`variants.VariantDataset`), all of them multiplied."""
PROTOCOLS = ("holdout", "kfold", "official", LEAVE_ONE_OUT, "holdout_image", *AUGMENTED)
TASKS = ("malignant", "solid", "tumour")
HOLDOUT_SHARES = (4, 1, 1)
TRAIN, VAL, TEST, LEFT_OUT = 0, 1, 2, -1


class SplitError(ValueError):
    """A split that cannot be made, or files of a split that do not fit the dataset."""


@dataclasses.dataclass(frozen=True, eq=False)
class Split:
    """Rows of the table in each part, ordered by (case_id, image_id), and how they were chosen.

    A row in no part is left out: it shows a case of another dataset that is tested.

    With `leave_one_out` and the fold `EVERY` the test part is the training part: each of its cases is tested by the
    networks that are trained without it.
    """

    train: Int[np.ndarray, " n_train"]
    val: Int[np.ndarray, " n_val"]
    test: Int[np.ndarray, " n_test"]
    protocol: str
    seed: int
    fold: int

    @property
    def leaks_patients(self) -> bool:
        """Whether images of one case may lie in several parts, which makes test figures optimistic."""
        return self.protocol in BY_IMAGE

    @property
    def in_turn(self) -> bool:
        """Whether every case of the training part is tested, each by networks that are trained without it."""
        return self.protocol == LEAVE_ONE_OUT and self.fold == EVERY

    def folds(self, table: Table) -> Folds | None:
        """What each fold of `leave_one_out` leaves out; None of other protocols."""
        if self.protocol != LEAVE_ONE_OUT:
            return None
        rows = np.union1d(self.train, self.test)
        cases, number = np.unique(np.asarray(table.case_id)[rows], return_inverse=True)
        of_row = np.full(len(table.image_id), LEFT_OUT)  # by no fold
        of_row[rows] = number
        return Folds(of_row, len(cases), self.fold)

    def parts(self) -> dict[str, Int[np.ndarray, " _"]]:
        """The three index arrays by name."""
        return {"train": self.train, "val": self.val, "test": self.test}


def make_split(
    table: Table,
    protocol: str,
    *,
    seed: int,
    fold: int = 0,
    folds: int = 5,
    shares: tuple[int, int, int] = HOLDOUT_SHARES,
    train: Collection[str] = (),
    test: Collection[str] = (),
) -> Split:
    """Divides the images of one or several datasets into training, validation and test parts.

    Every protocol but those of `BY_IMAGE` keeps a case in one part. All are stratified by class, solidity and dataset
    (see `strata.deal`), deterministic in their arguments, and do not depend on the order of the table's rows.

    - `holdout`: `shares` of training, validation and test; by default 4/6, 1/6, 1/6 (Qi et al. 2019). `fold` must be 0.
    - `kfold`: `folds` equal parts; part `fold` is tested, the next one (cyclically) validates, the others train. Over
      all folds every case is tested once and validates once.
    - `leave_one_out`: `folds` cases, half of them malignant, drawn once, are tested in turn, each by networks that are
      trained on the others; the remaining cases validate all of them and are for nothing else ("for hyperparameter
      tuning", Habib et al. 2020, section 4.1). `fold` is the number of the case in the order of their names, or
      `EVERY` for all of them in one run.
    - `official`: images of each dataset's published fold `fold` are tested; of the other cases one part as large as an
      average fold validates and the rest trains (a fifth validates where one test part is published and no folds). The
      published inner validation flags of BUS-BRA are not by case, so they are not used. Images in no published fold
      (-1) are never tested.
    - `holdout_image`: `holdout` with every image on its own, as a class-stratified split of images does it. It leaks
      patients between the parts and serves for comparison only.
    - `augmented_image`: `holdout_image` of a table whose rows are versions of images (`variants.VariantDataset`), as
      Hijab et al. 2019 divide them. Versions of one image stand on both sides: it leaks more still.
    - `augmented_case`: `holdout` of such a table. All versions of a case's images are in one part: what
      `augmented_image` is without its leak.

    The protocol divides the datasets of `train`. A dataset of `test` that is not among them is tested as a whole
    (external validation). A dataset of `train` that is not in `test` gives its test part to training. Images of a case
    that is tested in another dataset (joined by known duplicates) are left out of training and validation.

    Args:
      table: columns of the dataset.
      protocol: one of `PROTOCOLS`.
      seed: non-negative integer.
      fold: which fold is tested (`kfold`, `official`, `leave_one_out`).
      folds: number of folds, at least 3 (`kfold`), or of cases left out in turn (`leave_one_out`).
      shares: relative sizes of training, validation and test (`kfold` and `official` have their own).
      train: names of the datasets to train and validate on; all by default.
      test: names of the datasets to test on; those of `train` by default.

    Raises:
      SplitError: unknown protocol or dataset, fold out of range, repeated image_id, fewer cases than parts, a part
        without malignant or without non-malignant images (unless no class is known at all), or no (or case-splitting)
        official folds.
    """
    if protocol not in PROTOCOLS:
        raise SplitError(f"unknown split protocol {protocol!r}{hint(protocol, PROTOCOLS)}")
    if seed < 0:
        raise SplitError(f"the seed of a split must not be negative, found {seed}")
    image_id, case_id = np.asarray(table.image_id), np.asarray(table.case_id)
    names, repeats = np.unique(image_id, return_counts=True)
    if (repeats > 1).any():
        raise SplitError(
            f"image_id {str(names[repeats > 1][0])!r} appears {repeats.max()} times in the table, expected once"
        )
    datasets = np.unique(np.asarray(table.dataset)).tolist()
    for name in (*train, *test):
        if name not in datasets:
            raise SplitError(f"no images of the dataset {name!r}, expected one of {', '.join(datasets)}")
    order = np.lexsort((image_id, case_id))
    dataset = np.asarray(table.dataset)[order]
    trained = np.isin(dataset, list(train or datasets))
    tested = np.isin(dataset, list(test)) if test else trained
    groups = np.unique(case_id[order], return_inverse=True)[1]
    if protocol in BY_IMAGE:
        groups = np.arange(len(order))
    label = np.asarray(table.label)[order]
    strata = image_strata(label, np.asarray(table.solid)[order])
    part = np.full(len(order), LEFT_OUT)
    # Of several datasets each stratum is dealt by itself, so that every part has its share of each.
    sources, source = np.unique(dataset[trained], return_inverse=True)
    strata = strata[trained] * len(sources) + source
    inner = np.unique(groups[trained], return_inverse=True)[1]
    if protocol == "official":
        official = np.asarray(table.fold)[order][trained]
        case = case_id[order][trained]
        part[trained] = _official_parts(inner, strata, official, fold, seed, case=case, dataset=dataset[trained])
    elif protocol == LEAVE_ONE_OUT:
        if (tested != trained).any():
            raise SplitError("leave_one_out: found other datasets to test on than to train on, expected the same")
        part[trained] = _left_out_in_turn(inner, label[trained], fold, folds, seed)
    else:
        part[trained] = _dealt_parts(inner, strata, protocol, fold, folds, shares, seed)
    part[(part == TEST) & ~tested] = TRAIN
    part[tested & ~trained] = TEST
    part[np.isin(groups, groups[part == TEST]) & (part != TEST)] = LEFT_OUT
    # Also where images are divided one by one: nothing that a dataset shows is trained on and tested as another's.
    cases = np.unique(case_id[order], return_inverse=True)[1]
    part[np.isin(cases, cases[tested & ~trained]) & trained & (part != TEST)] = LEFT_OUT
    rows = [order[part == i] for i in (TRAIN, VAL, TEST)]
    if protocol == LEAVE_ONE_OUT and fold == EVERY:
        rows[2] = rows[0]
    split = Split(rows[0], rows[1], rows[2], protocol, seed, fold)
    if (label >= 0).any():
        check_targets(split, table, ("malignant",))
    return split


def check_targets(split: Split, table: Table, tasks: Sequence[str]) -> None:
    """Checks that every task can be trained, validated and tested: images of all its classes in every part.

    Args:
      split: rows of each part.
      table: columns of the dataset.
      tasks: 'malignant' (label malignant against all others), 'solid' (1 against 0) and 'tumour' (normal, benign,
        malignant); images of which it is unknown do not count.

    Raises:
      SplitError: an unknown task, or a part without images of a class of a task.
    """
    for task in tasks:
        if task not in TASKS:
            raise SplitError(f"unknown task {task!r}{hint(task, TASKS)}")
        for name, rows in split.parts().items():
            if split.protocol == LEAVE_ONE_OUT and not split.in_turn and name == "test":
                continue  # one case
            shown = ", ".join(np.unique(np.asarray(table.dataset)[rows]).tolist())
            here = f"the {name} part of the {split.protocol} split ({shown})"
            label = np.asarray(table.label)[rows]
            if task == "tumour":
                _require_labels(label, here)
                continue
            if task == "malignant":
                positive = label[label >= 0] == MALIGNANT
            else:
                solid = np.asarray(table.solid)[rows]
                positive = solid[solid >= 0] == 1
            _require_both(positive, here, task)


def check_masks(split: Split, table: Table) -> None:
    """Checks that a method that draws lesions has masks to learn from.

    Args:
      split: rows of each part.
      table: columns of the dataset.

    Raises:
      SplitError: no image of the training part has a mask.
    """
    masked, train = np.asarray(table.has_mask), split.train
    if masked[train].any():
        return
    shown = ", ".join(np.unique(np.asarray(table.dataset)[train]).tolist())
    elsewhere = f", {int(masked.sum())} images of other parts have one" if masked.any() else ""
    raise SplitError(
        f"no masks to learn from: none of the {len(train)} training images of {shown} has one{elsewhere}; expected a "
        "dataset with masks, or the method 'classification'"
    )


def _dealt_parts(
    groups: np.ndarray, strata: np.ndarray, protocol: str, fold: int, folds: int, shares: tuple[int, ...], seed: int
) -> Int[np.ndarray, " images"]:
    """TRAIN, VAL or TEST for every image, by `kfold` or in `shares`."""
    if protocol == "kfold":
        if folds < 3:
            raise SplitError(f"kfold needs at least 3 folds (training, validation, test), found folds={folds}")
        weights: tuple[int, ...] = (1,) * folds
        _require_fold(fold, range(folds), protocol)
    else:
        weights = shares
        _require_fold(fold, range(1), protocol)
    _require_cases(groups, len(weights), "images" if protocol in BY_IMAGE else "cases")
    part = deal(groups, strata, weights, seed)
    if protocol != "kfold":
        return part
    return np.where(part == fold, TEST, np.where(part == (fold + 1) % folds, VAL, TRAIN))


def _left_out_in_turn(
    groups: np.ndarray, label: np.ndarray, fold: int, folds: int, seed: int
) -> Int[np.ndarray, " images"]:
    """TRAIN, VAL or TEST for every image; TEST is the case `fold` of those that are left out in turn."""
    malignant = np.unique(groups[label == MALIGNANT])
    others = np.setdiff1d(groups[label >= 0], malignant)
    chosen = []
    for kind, own, wanted in ((True, malignant, folds // 2), (False, others, folds - folds // 2)):
        if len(own) <= wanted:
            raise SplitError(
                f"leave_one_out: found {len(own)} {'' if kind else 'non-'}malignant cases, expected more than "
                f"{wanted}: half of data.folds = {folds}, and some that validate"
            )
        chosen.append(np.random.default_rng([seed, int(kind)]).permutation(own)[:wanted])
    turn = np.sort(np.concatenate(chosen))
    _require_fold(fold, range(EVERY, folds), "leave_one_out")
    part = np.where(np.isin(groups, turn), TRAIN, VAL)
    return part if fold == EVERY else np.where(groups == turn[fold], TEST, part)


def _official_parts(
    groups: np.ndarray,
    strata: np.ndarray,
    official: np.ndarray,
    fold: int,
    seed: int,
    *,
    case: np.ndarray,
    dataset: np.ndarray,
) -> Int[np.ndarray, " images"]:
    """TRAIN, VAL, TEST or LEFT_OUT for every image; the test part is each dataset's published fold, or its only one."""
    tested, most = np.zeros(len(groups), dtype=bool), 1
    for name in np.unique(dataset).tolist():
        own = dataset == name
        available = sorted({int(value) for value in official[own] if value >= 0})
        if not available:
            raise SplitError(f"{name} has no official folds (its fold column is -1 throughout); use kfold")
        if len(available) > 1 or (fold != available[0] and len(np.unique(dataset)) == 1):
            _require_fold(fold, available, f"official: {name}")
        chosen = own & (official == (fold if len(available) > 1 else available[0]))
        mixed = np.intersect1d(groups[chosen], groups[own & ~chosen])
        if len(mixed):
            shown = str(case[groups == mixed[0]][0])
            raise SplitError(
                f"case {shown!r} has images inside and outside official fold {fold}; expected all in one fold"
            )
        tested |= chosen
        most = max(most, len(available))
    rest = np.flatnonzero(~np.isin(groups, groups[tested]))
    _require_cases(groups[rest], 2, f"cases outside official fold {fold}")
    renumbered = np.unique(groups[rest], return_inverse=True)[1]
    part = np.where(tested, TEST, LEFT_OUT)
    weights = (max(most - 2, 1), 1) if most > 1 else HOLDOUT_SHARES[:2]
    part[rest] = deal(renumbered, strata[rest], weights, seed)
    return part


def _require_fold(fold: int, available: Sequence[int], protocol: str) -> None:
    if fold not in available:
        raise SplitError(f"{protocol} has no fold {fold}; expected one of {', '.join(map(str, available))}")


def _require_cases(groups: np.ndarray, parts: int, what: str) -> None:
    found = len(np.unique(groups))
    if found < parts:
        raise SplitError(f"cannot divide {found} {what} into {parts} parts")


def _require_labels(label: np.ndarray, part: str) -> None:
    counts = [int((label == number).sum()) for number in range(len(LABELS))]
    missing = [name for name, count in zip(LABELS, counts, strict=True) if not count]
    if missing:
        found = ", ".join(f"{count} {name}" for name, count in zip(LABELS, counts, strict=True))
        raise SplitError(
            f"split without {' and '.join(missing)} images: {part} has {found} ones, expected some of each for the "
            "task 'tumour'; where there are no normal images, use the task 'malignant' (configs/dizaj.py:two_classes)"
        )


def _require_both(positive: np.ndarray, part: str, task: str) -> None:
    yes, no = int(positive.sum()), int((~positive).sum())
    if not yes:
        unknown = "" if no else "; of its images it is not known (a dataset without classes serves segmentation only)"
        raise SplitError(
            f"split without positives: {part} has 0 {task} and {no} non-{task} images, expected both{unknown}"
        )
    if not no:
        raise SplitError(f"split without negatives: {part} has {yes} {task} and 0 non-{task} images, expected both")
