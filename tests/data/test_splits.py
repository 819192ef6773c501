import dataclasses
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from busjax.data.splits import BY_IMAGE, SplitError, check_targets, make_split
from busjax.data.strata import STRATA, deal, image_strata

from .memory import MemoryTable, memory_table

KINDS = ((2, 1), (1, 1), (1, -1), (1, 0), (0, 0))  # (label, solid): malignant; solid; unknown; cyst; normal


@st.composite
def tables(draw: st.DrawFn) -> MemoryTable:
    """At least 12 malignant and 12 other cases, so that every part of every protocol can have both."""
    mixed = st.lists(st.sampled_from(KINDS), min_size=1, max_size=4)
    cases = draw(st.lists(mixed, min_size=0, max_size=40))
    cases += [[(2, 1)] * draw(st.integers(1, 3)) for _ in range(12)] + [[(1, 1)] for _ in range(12)]
    order = draw(st.permutations(range(len(cases))))
    return memory_table([cases[i] for i in order], folds=[i % 5 for i in range(len(cases))])


def hand_strata(table: MemoryTable) -> list[str]:
    """Stratum of each image's case, by the rule in words."""
    result = []
    for case in table.case_id:
        images = [
            (int(label), int(solid))
            for label, solid, other in zip(table.label, table.solid, table.case_id, strict=True)
            if other == case
        ]
        if any(label == 2 for label, _ in images):
            result.append("malignant")
        elif (1, 1) in images:
            result.append("solid benign")
        elif (1, -1) in images:
            result.append("benign, solidity unknown")
        else:
            result.append("not solid")
    return result


def ids(table: MemoryTable, split) -> dict[str, list[str]]:
    return {name: list(table.image_id[rows]) for name, rows in split.parts().items()}


@settings(deadline=None, max_examples=60)
@given(
    table=tables(),
    protocol=st.sampled_from(["holdout", "kfold", "holdout_image", "augmented_image", "augmented_case"]),
    seed=st.integers(0, 2**40),
)
def test_every_image_is_in_one_part_and_every_case_too(table, protocol, seed):
    split = make_split(table, protocol, seed=seed)
    rows = np.concatenate(list(split.parts().values()))
    assert sorted(rows) == list(range(len(table.image_id)))
    if protocol not in BY_IMAGE:
        cases = [set(table.case_id[part]) for part in split.parts().values()]
        assert not cases[0] & cases[1]
        assert not cases[0] & cases[2]
        assert not cases[1] & cases[2]


@settings(deadline=None, max_examples=60)
@given(table=tables(), seed=st.integers(0, 1000), data=st.data())
def test_row_order_does_not_matter(table, seed, data):
    order = np.array(data.draw(st.permutations(range(len(table.image_id)))))
    shuffled = table.reordered(order)
    for protocol in ("holdout", "kfold", "holdout_image"):
        assert ids(table, make_split(table, protocol, seed=seed)) == ids(
            shuffled, make_split(shuffled, protocol, seed=seed)
        )


@settings(deadline=None, max_examples=60)
@given(table=tables(), seed=st.integers(0, 1000))
def test_each_stratum_is_divided_in_proportion(table, seed):
    """Images of each stratum in each part: within one largest case of the exact share."""
    strata = np.array(hand_strata(table))
    sizes = Counter(table.case_id)
    for protocol, shares in (("holdout", (4 / 6, 1 / 6, 1 / 6)), ("kfold", (3 / 5, 1 / 5, 1 / 5))):
        split = make_split(table, protocol, seed=seed)
        for stratum in STRATA:
            members = strata == stratum
            if not members.any():
                continue
            largest = max(sizes[case] for case in table.case_id[members])
            for rows, share in zip(split.parts().values(), shares, strict=True):
                slack = largest * (3 if protocol == "kfold" and share == 3 / 5 else 1)
                assert abs(members[rows].sum() - share * members.sum()) <= slack


def test_counts_of_qi_et_al():
    """2759 malignant, 2713 solid benign, 2673 not solid images in 2047 patients: the paper's sizes within one image."""
    counts = {(2, 1): 2759, (1, 1): 2713, (1, 0): 2673}
    table = memory_table([[kind] for kind, count in counts.items() for _ in range(count)])
    split = make_split(table, "holdout", seed=0)
    found = {name: Counter(zip(table.label[r], table.solid[r], strict=True)) for name, r in split.parts().items()}
    for name in ("val", "test"):  # the paper: 460, 452 or 453, 445 or 446
        assert abs(found[name][2, 1] - 460) <= 1
        assert abs(found[name][1, 1] - 452) <= 1
        assert abs(found[name][1, 0] - 446) <= 1
    assert abs(len(split.train) - 5429) <= 1


def test_image_strata_by_hand():
    label = np.array([2, 2, 1, 1, 1, 0, 0])
    solid = np.array([1, -1, 1, -1, 0, 0, -1])
    assert list(image_strata(label, solid)) == [0, 0, 1, 2, 3, 3, 3]


def test_dealing_by_hand():
    """Sizes 3, 1, 1, 1 to two equal parts: the large case first, then single ones until both hold three."""
    groups = np.array([0, 1, 1, 1, 2, 3])
    part = deal(groups, np.zeros(6, int), (1, 1), seed=0)
    assert part[1] == part[2] == part[3]
    assert {int(part[0]), int(part[4]), int(part[5])} == {1 - int(part[1])}


def test_shares_are_rounded_to_the_nearest():
    """Two images in parts of 4 : 1 : 1 are shares of 1.33, 0.33, 0.33: both go to the large part."""
    assert list(deal(np.arange(2), np.zeros(2, int), (4, 1, 1), seed=0)) == [0, 0]


def test_a_case_takes_the_stratum_of_its_most_severe_image():
    """Twelve cases of a normal and a malignant image are dealt as malignant ones: 8, 2, 2."""
    table = memory_table([[(0, 0), (2, 1)]] * 12 + [[(0, 0)]] * 12)
    split = make_split(table, "holdout", seed=3)
    assert [int((table.label[rows] == 2).sum()) for rows in split.parts().values()] == [8, 2, 2]


def test_the_seed_decides(table):
    first = make_split(table, "holdout", seed=0)
    assert ids(table, first) == ids(table, make_split(table, "holdout", seed=0))
    assert ids(table, first) != ids(table, make_split(table, "holdout", seed=1))


def test_folds_test_and_validate_every_image_once(table):
    splits = [make_split(table, "kfold", seed=5, fold=fold, folds=4) for fold in range(4)]
    everything = list(range(len(table.image_id)))
    assert sorted(np.concatenate([s.test for s in splits])) == everything
    assert sorted(np.concatenate([s.val for s in splits])) == everything
    for fold in range(4):
        assert set(splits[fold].val) == set(splits[(fold + 1) % 4].test)


def test_official_fold_is_tested_and_the_rest_divided_by_case(table):
    split = make_split(table, "official", seed=0, fold=2)
    assert set(split.test) == set(np.flatnonzero(table.fold == 2))
    assert not set(table.case_id[split.train]) & set(table.case_id[split.val])
    assert sorted(np.concatenate(list(split.parts().values()))) == list(range(len(table.image_id)))
    rest = len(split.train) + len(split.val)
    assert abs(len(split.val) - rest / 4) <= 4  # at most one image off in each of four strata
    assert set(split.test) == set(make_split(table, "official", seed=9, fold=2).test)


def test_images_without_official_fold_are_never_tested(table):
    fold = np.where(np.isin(table.case_id, np.unique(table.case_id)[:10]), -1, table.fold)
    partly = dataclasses.replace(table, fold=fold)
    tested = np.concatenate([make_split(partly, "official", seed=0, fold=f).test for f in range(5)])
    assert sorted(tested) == list(np.flatnonzero(fold >= 0))


def test_the_image_level_variant_leaks_and_says_so(table):
    split = make_split(table, "holdout_image", seed=0)
    assert split.leaks_patients
    assert set(table.case_id[split.train]) & set(table.case_id[split.test])
    assert not make_split(table, "holdout", seed=0).leaks_patients


@pytest.mark.parametrize(
    ("protocol", "options", "message"),
    [
        ("holdut", {}, r"unknown split protocol 'holdut'; did you mean 'holdout'\? \(known: holdout, kfold, "),
        ("kfold", {"fold": 5}, r"kfold has no fold 5; expected one of 0, 1, 2, 3, 4"),
        ("kfold", {"fold": -1}, r"kfold has no fold -1"),
        ("kfold", {"folds": 2}, r"kfold needs at least 3 folds .* found folds=2"),
        ("holdout", {"fold": 1}, r"holdout has no fold 1; expected one of 0"),
        ("official", {"fold": 7}, r"official: memory has no fold 7; expected one of 0, 1, 2, 3, 4"),
        ("holdout", {"seed": -1}, r"must not be negative, found -1"),
    ],
)
def test_wrong_arguments(table, protocol, options, message):
    with pytest.raises(SplitError, match=message):
        make_split(table, protocol, **{"seed": 0, **options})


def test_fewer_cases_than_parts():
    with pytest.raises(SplitError, match="cannot divide 2 cases into 3 parts"):
        make_split(memory_table([[(2, 1)] * 5, [(1, 1)] * 5]), "holdout", seed=0)
    with pytest.raises(SplitError, match="cannot divide 4 cases into 5 parts"):
        make_split(memory_table([[(2, 1)], [(1, 1)]] * 2), "kfold", seed=0)
    with pytest.raises(SplitError, match="cannot divide 1 cases outside official fold 0 into 2 parts"):
        make_split(memory_table([[(2, 1)], [(1, 1)]], folds=[0, 1]), "official", seed=0)


def test_a_part_without_one_class():
    one_malignant = memory_table([[(1, 1)]] * 11 + [[(2, 1)]])
    with pytest.raises(
        SplitError, match=r"split without positives: the val part of the holdout split .memory. has 0 mal"
    ):
        make_split(one_malignant, "holdout", seed=0)
    one_benign = memory_table([[(2, 1)]] * 11 + [[(1, 1)]])
    with pytest.raises(SplitError, match=r"split without negatives: the val part .* 2 malignant and 0 non-malignant"):
        make_split(one_benign, "holdout", seed=0)


def test_repeated_image_id(table):
    table.image_id[3] = table.image_id[0]
    with pytest.raises(SplitError, match="image_id 'image0000-0' appears 2 times in the table"):
        make_split(table, "holdout", seed=0)


def test_no_official_folds(table):
    with pytest.raises(SplitError, match="no official folds"):
        make_split(dataclasses.replace(table, fold=np.full_like(table.fold, -1)), "official", seed=0)


def test_official_fold_that_splits_a_case():
    table = memory_table([[(2, 1), (2, 1)], [(1, 1)], [(2, 1)], [(1, 1)]], folds=[0, 0, 1, 1])
    table.fold[1] = 1
    with pytest.raises(SplitError, match="case 'case0000' has images inside and outside official fold 0"):
        make_split(table, "official", seed=0)


def test_targets_of_each_task():
    unknown = memory_table([[(2, 1)], [(1, -1)]] * 12)
    split = make_split(unknown, "holdout", seed=0)
    check_targets(split, unknown, ["malignant"])
    with pytest.raises(SplitError, match=r"without negatives: the train part .* has 8 solid and 0 non-solid"):
        check_targets(split, unknown, ["malignant", "solid"])
    known = memory_table([[(2, 1)], [(1, 0)]] * 12)
    check_targets(make_split(known, "holdout", seed=0), known, ["malignant", "solid"])
    with pytest.raises(SplitError, match="unknown task 'solidd'; did you mean 'solid'"):
        check_targets(split, unknown, ["solidd"])
