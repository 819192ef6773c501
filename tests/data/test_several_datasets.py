"""Splits over several datasets: who is trained on, who is tested, and no case on both sides."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from busjax.data.splits import SplitError, check_targets, make_split
from tests.data.memory import MemoryTable, memory_table

KINDS = ((2, 1), (1, 1), (1, 0), (1, -1), (0, 0), (-1, -1))


def concatenated(*tables: MemoryTable) -> MemoryTable:
    return MemoryTable(
        *(np.concatenate([getattr(t, field.name) for t in tables]) for field in dataclasses.fields(tables[0]))
    )


def some(name: str, seed: int, count: int = 30) -> MemoryTable:
    """At least 12 malignant and 12 benign cases, and others of any kind, of one to three images."""
    rng = np.random.default_rng(seed)
    kinds = [KINDS[0]] * 12 + [KINDS[2]] * 12 + [KINDS[i] for i in rng.integers(0, len(KINDS), count - 24)]
    cases = [[kind] * int(rng.integers(1, 4)) for kind in kinds]
    return memory_table(cases, folds=rng.integers(0, 3, count).tolist(), dataset=name)


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 10_000),
    protocol=st.sampled_from(["holdout", "kfold", "official"]),
    fold=st.integers(0, 2),
    train=st.sets(st.sampled_from("abc"), min_size=1),
    test=st.sets(st.sampled_from("abc"), min_size=1),
    shared=st.lists(st.tuples(st.integers(0, 29), st.integers(0, 29)), max_size=4),
)
def test_no_case_is_in_two_parts(
    seed: int, protocol: str, fold: int, train: set[str], test: set[str], shared: list[tuple[int, int]]
) -> None:
    table = concatenated(*(some(name, seed + i) for i, name in enumerate("abc")))
    table.case_id = table.case_id.astype(object)
    for one, other in shared:  # pictures of b that are pictures of a under another name
        table.case_id[table.case_id == f"b/case{other:04d}"] = f"a/case{one:04d}"
    table.case_id = table.case_id.astype(str)
    fold_of = {case: table.fold[table.case_id == case][0] for case in set(table.case_id.tolist())}
    table.fold = np.array([fold_of[case] for case in table.case_id.tolist()], np.int32)
    chosen = {"fold": 0 if protocol == "holdout" else fold, "folds": 3, "seed": seed, "train": train, "test": test}
    try:
        split = make_split(table, protocol, **chosen)
    except SplitError as error:  # so few cases that a part lacks a class
        if "split without" not in str(error):
            raise
        return
    cases = {name: set(table.case_id[rows].tolist()) for name, rows in split.parts().items()}
    assert not cases["train"] & cases["val"]
    assert not (cases["train"] | cases["val"]) & cases["test"]
    assert set(table.dataset[split.test].tolist()) <= test
    assert set(table.dataset[np.concatenate([split.train, split.val])].tolist()) <= train
    for name in test - train:
        assert set(np.flatnonzero(table.dataset == name)) <= set(split.test)
    # Left out is only what shows a tested case.
    used = np.concatenate(list(split.parts().values()))
    assert len(np.unique(used)) == len(used)
    wanted = np.flatnonzero(np.isin(table.dataset, list(train | test)))
    assert set(table.case_id[np.setdiff1d(wanted, used)].tolist()) <= cases["test"]


def test_a_dataset_by_itself_is_divided_as_before() -> None:
    table = some("a", 3)
    alone, named = make_split(table, "holdout", seed=5), make_split(table, "holdout", seed=5, train=["a"], test=["a"])
    for part, rows in alone.parts().items():
        np.testing.assert_array_equal(rows, named.parts()[part])


def test_external_validation() -> None:
    """What would be the test part of the training dataset trains; the other dataset is tested whole."""
    table = concatenated(some("a", 0), some("b", 1))
    inner = make_split(some("a", 0), "holdout", seed=2)
    split = make_split(table, "holdout", seed=2, train=["a"], test=["b"])
    assert set(split.train) == set(inner.train) | set(inner.test)
    assert set(split.val) == set(inner.val)
    assert set(split.test) == set(np.flatnonzero(table.dataset == "b"))


def test_every_dataset_has_its_share_of_every_part() -> None:
    one = memory_table([[(2, 1)]] * 12 + [[(1, 1)]] * 60, dataset="a")
    split = make_split(
        concatenated(one, memory_table([[(2, 1)]] * 60 + [[(1, 1)]] * 12, dataset="b")), "holdout", seed=0
    )
    table = concatenated(one, memory_table([[(2, 1)]] * 60 + [[(1, 1)]] * 12, dataset="b"))
    counts = {
        (name, label): [
            int(((table.dataset[r] == name) & (table.label[r] == label)).sum()) for r in split.parts().values()
        ]
        for name in "ab"
        for label in (1, 2)
    }
    assert counts == {("a", 1): [40, 10, 10], ("a", 2): [8, 2, 2], ("b", 1): [8, 2, 2], ("b", 2): [40, 10, 10]}


def test_unknown_dataset() -> None:
    with pytest.raises(SplitError, match="no images of the dataset 'c', expected one of a"):
        make_split(some("a", 0), "holdout", seed=0, test=["c"])


def test_images_without_a_class_count_in_no_class() -> None:
    """They are dealt like others, and a part of nothing else has neither positives nor negatives."""
    table = memory_table([[(-1, -1)]] * 12)
    split = make_split(table, "holdout", seed=0)
    assert [len(rows) for rows in split.parts().values()] == [8, 2, 2]
    with pytest.raises(SplitError, match=r"split without positives: the train part .* has 0 malignant and 0 non-mali"):
        check_targets(split, table, ["malignant"])
    mixed = memory_table([[(2, 1)], [(-1, -1)]] * 12)
    with pytest.raises(SplitError, match=r"split without negatives: the train part .* has 8 malignant and 0 non-mali"):
        make_split(mixed, "holdout", seed=0)


def test_external_images_are_not_trained_on_image_by_image_either() -> None:
    table = concatenated(some("a", 0), some("b", 1))
    table.case_id = np.where(table.case_id == "a/case0003", "b/case0005", table.case_id)
    split = make_split(table, "holdout_image", seed=2, train=["a"], test=["b"])
    used = np.concatenate([split.train, split.val])
    assert "b/case0005" not in table.case_id[used]
    assert "b/case0005" in table.case_id[split.test]


def test_official_parts_of_each_dataset() -> None:
    """A dataset with one published test part is tested on it whatever the fold; its cases are never trained on."""
    one = memory_table([[(2, 1)], [(1, 0)]] * 15, folds=[i % 5 for i in range(30)], dataset="a")
    other = memory_table([[(2, 1)], [(1, 0)]] * 10, folds=[0 if i < 6 else -1 for i in range(20)], dataset="b")
    table = concatenated(one, other)
    for fold in range(5):
        split = make_split(table, "official", seed=0, fold=fold)
        expected = np.where(table.dataset == "a", table.fold == fold, table.fold == 0)
        assert set(split.test) == set(np.flatnonzero(expected))
    with pytest.raises(SplitError, match="official: a has no fold 7"):
        make_split(table, "official", seed=0, fold=7)
    with pytest.raises(SplitError, match="c has no official folds"):
        make_split(concatenated(one, memory_table([[(2, 1)], [(1, 0)]] * 10, dataset="c")), "official", seed=0, fold=0)


def test_one_published_test_part() -> None:
    """A fifth of the rest validates."""
    table = memory_table([[(2, 1)]] * 15 + [[(1, 0)]] * 15, folds=[0 if i % 3 == 0 else -1 for i in range(30)])
    split = make_split(table, "official", seed=0, fold=0)
    assert set(split.test) == set(range(0, 30, 3))
    assert [len(split.train), len(split.val)] == [16, 4]
