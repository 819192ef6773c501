"""Splits with shares of our own, and the task of three classes."""

import json
from collections import Counter

import numpy as np
import pytest

from busjax.data.splits import SplitError, check_targets, make_split

from .memory import memory_table

# (label, solid) of BUSI's 437 benign, 210 malignant and 133 normal images, each a case.
BUSI = [[(1, -1)]] * 437 + [[(2, 1)]] * 210 + [[(0, 0)]] * 133


def test_the_shares_of_dizaj_and_valizadeh():
    """80% and 20% of 780, of the first 80% and 20%; the same of every class, to the nearest image."""
    table = memory_table(BUSI)
    split = make_split(table, "holdout", seed=0, shares=(16, 4, 5))
    assert [len(rows) for rows in split.parts().values()] == pytest.approx([499.2, 124.8, 156], abs=1.5)
    for label, count in Counter(table.label.tolist()).items():
        found = [int((table.label[rows] == label).sum()) for rows in split.parts().values()]
        assert found == pytest.approx([count * share / 25 for share in (16, 4, 5)], abs=1)
    check_targets(split, table, ["tumour"])


def test_ten_folds_have_every_class_in_proportion():
    table = memory_table(BUSI)
    for fold in range(10):
        test = make_split(table, "kfold", seed=0, fold=fold, folds=10).test
        assert [int((table.label[test] == label).sum()) for label in range(3)] == pytest.approx(
            [13.3, 43.7, 21.0], abs=1
        )


@pytest.mark.parametrize("protocol", ["holdout", "holdout_image"])
def test_shares_of_images_and_of_cases(protocol):
    table = memory_table([[(2, 1)] * 2, [(1, 1)] * 2] * 60)
    parts = make_split(table, protocol, seed=3, shares=(1, 1, 2)).parts()
    assert [len(rows) for rows in parts.values()] == [60, 60, 120]
    usual = make_split(table, protocol, seed=3)
    assert [len(rows) for rows in usual.parts().values()] == [160, 40, 40]
    named = make_split(table, protocol, seed=3, shares=(4, 1, 1))
    assert all(np.array_equal(a, b) for a, b in zip(usual.parts().values(), named.parts().values(), strict=True))


def test_a_part_without_a_class_of_three():
    table = memory_table([[(2, 1)], [(1, 1)]] * 12)
    split = make_split(table, "holdout", seed=0)
    check_targets(split, table, ["malignant"])
    with pytest.raises(SplitError) as error:
        check_targets(split, table, ["tumour"])
    assert str(error.value) == (
        "split without normal images: the train part of the holdout split (memory) has 0 normal, 8 benign, 8 malignant "
        "ones, expected some of each for the task 'tumour'; where there are no normal images, use the task 'malignant' "
        "(configs/dizaj.py:two_classes)"
    )
    one = memory_table([[(2, 1)], [(1, 1)]] * 12 + [[(0, 0)]])
    with pytest.raises(SplitError, match=r"split without normal images: the val part .* has 0 normal, 2 benign, 2 mal"):
        check_targets(make_split(one, "holdout", seed=0), one, ["tumour"])
    unknown = memory_table([[(-1, -1)]] * 12)
    with pytest.raises(SplitError, match="split without normal and benign and malignant images: the train part"):
        check_targets(make_split(unknown, "holdout", seed=0), unknown, ["tumour"])


@pytest.mark.real_data
def test_real_busi(real_data, tmp_path):
    """The released images at hand: each class in each part, by its share."""
    from tfds_builders.reading import prepare

    dataset = prepare("busi", tmp_path, real_data)
    table = dataset.table
    split = make_split(table, "holdout", seed=0, shares=(16, 4, 5))
    check_targets(split, table, ["tumour"])
    counts = {name: [int((table.label[rows] == k).sum()) for k in range(3)] for name, rows in split.parts().items()}
    whole = [int((table.label == k).sum()) for k in range(3)]
    for name, share in zip(counts, (16, 4, 5), strict=True):
        assert counts[name] == pytest.approx([n * share / 25 for n in whole], abs=1.5), json.dumps(counts)
