import math

import pytest

from busjax.evaluation.metrics import binary_metrics
from busjax.evaluation.published import OTHER_DATA, VARIANTS, published_rows

# TP, FN, TN, FP that the class sizes of the paper (section 4.3) and its rates leave as the only possibility.
COUNTS = {
    ("mt", "val"): {
        "BASIC": (399, 61, 864, 33),
        "MIP": (427, 33, 833, 64),
        "REM": (432, 28, 850, 47),
        "Han": (409, 51, 843, 54),
        "Cheng": (286, 174, 785, 112),
    },
    ("mt", "test"): {
        "BASIC": (402, 58, 869, 30),
        "MIP": (426, 34, 850, 49),
        "REM": (440, 20, 844, 55),
        "Han": (418, 42, 847, 52),
        "Cheng": (288, 172, 793, 106),
    },
    ("sn", "val"): {
        "BASIC": (846, 66, 343, 102),
        "MIP": (859, 53, 334, 111),
        "REM": (869, 43, 344, 101),
        "Han": (826, 86, 368, 77),
        "Cheng": (755, 157, 236, 209),
    },
    ("sn", "test"): {
        "BASIC": (842, 71, 345, 101),
        "MIP": (852, 61, 341, 105),
        "REM": (854, 59, 371, 75),
        "Han": (809, 104, 350, 96),
        "Cheng": (741, 172, 234, 212),
    },
}
SIZES = {("mt", "val"): 1357, ("mt", "test"): 1359, ("sn", "val"): 1357, ("sn", "test"): 1359}


def test_every_published_value_follows_from_whole_counts(from_counts):
    """All 80 cells, F2 to three digits and rates to four; six cells of Table 7 are cut instead of rounded."""
    cut, cells = [], 0
    for key, methods in COUNTS.items():
        for row in published_rows(*key):
            ours = binary_metrics(from_counts(*methods[row.variant]), resamples=0)
            assert ours.images == SIZES[key]
            for name, digits in (("f_beta", 3), ("accuracy", 4), ("sensitivity", 4), ("specificity", 4)):
                value, printed = getattr(ours, name), getattr(row, name)
                cells += 1
                if round(value, digits) != printed:
                    assert math.floor(value * 10**digits) / 10**digits == printed, (key, row.variant, name)
                    cut.append((key, row.variant, name))
    assert cells == 80
    assert {key for key, _, _ in cut} == {("sn", "test")}
    assert [(variant, name) for _, variant, name in cut] == [
        ("MIP", "accuracy"),
        ("MIP", "sensitivity"),
        ("MIP", "specificity"),
        ("REM", "accuracy"),
        ("Han", "f_beta"),
        ("Han", "specificity"),
    ]


def test_rows_are_complete_and_labelled():
    for key in COUNTS:
        rows = published_rows(*key)
        assert tuple(row.variant for row in rows) == VARIANTS
        assert {row.data for row in rows} == {OTHER_DATA}
    assert published_rows("mt", "val")[0].source.endswith("Table 4")
    assert published_rows("sn", "test")[2].source.endswith("Table 7")
    assert published_rows("sn", "test")[2].method == "Sn-Net(REM)"


def test_aucs_of_the_text():
    aucs = {(output, row.variant): row.auc for output in ("mt", "sn") for row in published_rows(output, "test")}
    assert aucs["mt", "BASIC"] == pytest.approx(0.980)
    assert aucs["mt", "REM"] == pytest.approx(0.982)
    assert aucs["sn", "BASIC"] == aucs["sn", "REM"] == pytest.approx(0.928)
    assert aucs["mt", "MIP"] is None


def test_what_the_paper_has_no_row_for():
    assert published_rows("mt_without_map", "test") == ()
    assert published_rows("mt", "train") == ()
