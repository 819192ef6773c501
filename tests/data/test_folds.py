"""Batches of folds: nothing of what a fold leaves out, the same one by one and side by side, each image in an epoch."""

import dataclasses
import re

import grain
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from busjax.data.folds import Folds, picked
from busjax.data.pairs import PairDataset
from busjax.data.splits import SplitError, make_split
from busjax.data.stored import training_features
from busjax.data.streams import ShuffledRows, read_folds
from busjax.names import EVERY
from busjax.training import parallel
from tests.data.memory import MemoryDataset, MemoryTable
from tfds_builders.record import DatasetError


@st.composite
def manifests(draw: st.DrawFn) -> MemoryTable:
    """Lesions with one to three mammograms and ultrasound images each, in any order; at least six of each class."""
    sizes = st.tuples(st.integers(1, 3), st.integers(1, 3))
    lesions = [(label, *draw(sizes)) for label in (1, 2) for _ in range(draw(st.integers(6, 9)))]
    return pictures(draw(st.permutations(lesions)), draw(st.randoms(use_true_random=False)))


def pictures(lesions, random=None) -> MemoryTable:
    """A table of lesions, each (label, mammograms, ultrasound images)."""
    rows = [
        (f"{modality[0]}{number}-{view}", f"lesion{number:02}", label, modality)
        for number, (label, *counts) in enumerate(lesions)
        for modality, count in zip(("mammography", "ultrasound"), counts, strict=True)
        for view in range(count)
    ]
    if random is not None:
        random.shuffle(rows)
    image_id, case_id, label, modality = (np.array(column) for column in zip(*rows, strict=True))
    ones = np.full(len(rows), -1)
    return MemoryTable(
        image_id, case_id, label, ones, ones, ones == -1, np.full(len(rows), "memory"), modality, np.full(len(rows), "")
    )


class Tabled(MemoryDataset):
    def __init__(self, table: MemoryTable):
        super().__init__([{"image_id": name} for name in table.image_id.tolist()])
        self.table = table


def pairs_by_hand(table: MemoryTable) -> set[str]:
    found = {}
    for name, case, modality in zip(table.image_id, table.case_id, table.modality, strict=True):
        found.setdefault(case, {}).setdefault(modality, []).append(name)
    return {
        f"{first}+{second}" for own in found.values() for first in own["mammography"] for second in own["ultrasound"]
    }


def batches(table, split, folds, size, steps):
    rows = np.union1d(split.train, split.test)
    stream = ShuffledRows(rows, 3).repeat().map(lambda row: {"index": np.int32(row), "value": np.float32(row) / 7})
    read = iter(read_folds(stream, folds, size, None, 0, 1, dict))
    return [next(read) for _ in range(steps)]


@settings(deadline=None, max_examples=40)
@given(table=manifests(), seed=st.integers(0, 1000), size=st.integers(1, 9))
def test_no_batch_of_a_fold_shows_the_lesion_that_it_leaves_out(table, seed, size):
    dataset = PairDataset(Tabled(table))
    assert set(dataset.table.image_id.tolist()) == pairs_by_hand(table)
    count = 10
    split = make_split(dataset.table, "leave_one_out", seed=seed, fold=EVERY, folds=count)
    folds = split.folds(dataset.table)
    cases = dataset.table.case_id
    turn = sorted(set(cases[split.test]))
    assert np.array_equal(split.train, split.test)
    assert len(turn) == folds.count == count
    assert not set(cases[split.val]) & set(turn)
    assert {*cases[split.val], *turn} == set(cases)
    malignant = {case for case, label in zip(cases, dataset.table.label, strict=True) if label == 2}
    assert len(malignant & set(turn)) == count // 2

    steps = -(-len(split.train) // size) + 1
    together = batches(dataset.table, split, folds, size, steps)
    for fold in range(count):
        own = make_split(dataset.table, "leave_one_out", seed=seed, fold=fold, folds=count)
        assert set(cases[own.test]) == {turn[fold]}
        assert np.array_equal(np.sort(np.concatenate([own.train, own.test])), np.sort(split.train))
        assert np.array_equal(own.val, split.val)
        alone = batches(dataset.table, own, own.folds(dataset.table), size, steps)
        for pool, batch in zip(together, alone, strict=True):
            rows = pool["index"][pool["picked"][fold]]
            assert rows.tolist() == batch["index"].tolist()
            assert (pool["value"][pool["picked"][fold]] == batch["value"]).all()
            assert len(rows) == size
            for picture in dataset.pictures[rows].ravel():  # not one picture of it, in either modality
                assert table.case_id[picture] != turn[fold]
        # An epoch's batches hold every pair of the other lesions.
        seen = {row for batch in alone for row in batch["index"].tolist()}
        assert seen == set(own.train.tolist())


def test_a_batch_by_hand():
    fold_of = np.array([0, 1, 1, -1, 0, 2])
    assert picked(fold_of, 1, 3).tolist() == [0, 3, 4]
    assert picked(fold_of, 0, 3).tolist() == [1, 2, 3]
    assert picked(fold_of, 3, 3).tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="fold 1: found 2 images that it may see, expected a batch of 3"):
        picked(np.array([0, 0, 1, 1]), 1, 3)


def test_batches_of_one_at_the_turn_of_an_epoch():
    """Lesions of one pair each: where two epochs meet, the left-out one may come twice in a row."""
    table = pictures([(1, 1, 1)] * 3 + [(2, 1, 1)] * 3)
    dataset = PairDataset(Tabled(table))
    split = make_split(dataset.table, "leave_one_out", seed=0, fold=EVERY, folds=4)
    folds = split.folds(dataset.table)
    for pool in batches(dataset.table, split, folds, 1, 200):
        for fold, places in enumerate(pool["picked"]):
            assert folds.of_row[pool["index"][places[0]]] != fold


def test_pools_overlap_by_the_spares():
    folds = Folds(np.array([0, 0, 0, 1, 2, 2, -1]), 3, EVERY)
    assert folds.spares == 6
    pool = folds.pool(grain.MapDataset.range(100), 4)
    assert [pool[i] for i in range(20)] == [*range(10), *range(4, 14)]


@pytest.mark.parametrize(
    ("lesions", "message"),
    [
        ([(1, 1, 0), (2, 1, 1), (1, 0, 2)], ["lesion00: found no picture of ultrasound", "lesion02: .* mammography"]),
        ([(1, 1, 1), (2, 0, 1)], ["lesion01: found no picture of mammography"]),
    ],
)
def test_lesions_without_a_modality_are_listed(lesions, message):
    with pytest.raises(DatasetError, match="expected pictures of mammography and ultrasound") as error:
        PairDataset(Tabled(pictures(lesions)))
    assert all(re.search(line, str(error.value)) for line in message)


def test_labels_that_differ_are_listed():
    table = pictures([(1, 1, 1), (2, 2, 1)])
    label = table.label.copy()
    label[-1] = 1
    with pytest.raises(DatasetError, match="lesion01: found the labels 1, 2"):
        PairDataset(Tabled(dataclasses.replace(table, label=label)))


def test_too_few_lesions_to_leave_out():
    dataset = PairDataset(Tabled(pictures([(1, 1, 1)] * 6 + [(2, 1, 1)] * 5)))
    with pytest.raises(SplitError, match=r"found 5 malignant cases, expected more than 5: half of data\.folds = 10"):
        make_split(dataset.table, "leave_one_out", seed=0, fold=EVERY, folds=10)
    with pytest.raises(SplitError, match="leave_one_out has no fold 8; expected one of -1, 0, 1"):
        make_split(dataset.table, "leave_one_out", seed=0, fold=8, folds=8)


def test_a_pool_lies_whole_on_every_device_whatever_its_size():
    """Batches of 3 for four devices, which divide the folds and not the batch."""
    table = pictures([(1, 1, 1)] * 4 + [(2, 1, 1)] * 4)
    dataset = PairDataset(Tabled(table))
    split = make_split(dataset.table, "leave_one_out", seed=0, fold=EVERY, folds=4)

    class Numbers:
        def features(self, image_id):
            return np.full((4, 2), float(dataset.table.image_id.tolist().index(image_id)), np.float32)

    sharding = parallel.replicated(parallel.make_mesh())
    stream = training_features(
        Numbers(),
        dataset.table,
        split.train,
        batch_size=3,
        seed=0,
        sharding=sharding,
        folds=split.folds(dataset.table),
    )
    reading = iter(stream)
    pool = next(reading)
    reading.close()
    assert pool["features"].shape == (3 + 2, 4, 2)
    assert pool["picked"].shape == (4, 3)
    assert all(len(value.sharding.device_set) == 4 and value.is_fully_replicated for value in pool.values())
    np.testing.assert_array_equal(pool["features"][:, 0, 0], pool["index"])
