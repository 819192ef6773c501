import math
import re
from decimal import Decimal

import pytest

from busjax.evaluation.literature import PAPERS, QUESTIONS
from busjax.evaluation.metrics import binary_metrics
from busjax.evaluation.published import (
    VARIANTS,
    check_place,
    published_rows,
    published_table,
    read_paper,
    read_rows,
    table_names,
)
from busjax.evaluation.tables.auc_check import auc_check, told

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
QUESTION = {"mt": QUESTIONS["malignant"], "sn": QUESTIONS["solid"]}
SIZES = {("mt", "val"): 1357, ("mt", "test"): 1359, ("sn", "val"): 1357, ("sn", "test"): 1359}


def rows_of_qi(output, part):
    return published_rows("qi2019", "", part, QUESTION[output], whole=True)


def test_every_published_value_follows_from_whole_counts(from_counts):
    """All 80 cells, F2 to three digits and rates to four; six cells of Table 7 are cut instead of rounded."""
    cut, cells = [], 0
    for key, methods in COUNTS.items():
        for row in rows_of_qi(*key):
            ours = binary_metrics(from_counts(*methods[row.name]), resamples=0)
            assert ours.images == SIZES[key]
            for name, digits in (("f_beta", 3), ("accuracy", 4), ("sensitivity", 4), ("specificity", 4)):
                value, printed = getattr(ours, name), row.value("f2" if name == "f_beta" else name)
                cells += 1
                if round(value, digits) != printed:
                    assert math.floor(value * 10**digits) / 10**digits == printed, (key, row.name, name)
                    cut.append((key, row.name, name))
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
        rows = rows_of_qi(*key)
        assert tuple(row.name for row in rows) == VARIANTS
    assert rows_of_qi("mt", "val")[0].tables == ("qi_4",)
    assert rows_of_qi("sn", "test")[2].tables == ("qi_7",)
    assert published_table("qi_7").number == "Table 7"
    assert rows_of_qi("sn", "test")[2].method == "Sn-Net(REM)"


def test_aucs_of_the_text():
    aucs = {(output, row.name): row.value("auc") for output in ("mt", "sn") for row in rows_of_qi(output, "test")}
    assert aucs["mt", "BASIC"] == pytest.approx(0.980)
    assert aucs["mt", "REM"] == pytest.approx(0.982)
    assert aucs["sn", "BASIC"] == aucs["sn", "REM"] == pytest.approx(0.928)
    assert aucs["mt", "MIP"] is None


def test_what_the_paper_has_no_row_for():
    assert published_rows("qi2019", "REM", "test", QUESTIONS["tumour"], whole=True) == ()
    assert published_rows("qi2019", "REM", "train", QUESTIONS["malignant"], whole=True) == ()
    assert published_rows("", "", "test", QUESTIONS["malignant"], whole=True) == ()
    assert published_rows("qi_5", "REM", "val", QUESTIONS["malignant"]) == ()
    assert [row.name for row in published_rows("qi2019", "REM", "test", QUESTIONS["malignant"])] == ["REM"]


# What Shareef et al. print: the number of lines of each table, and the sum of each column over them (accuracy,
# sensitivity, specificity, F1, "AUC", FPR, FNR), added up from the text of the paper.
PRINTED = {
    "shareef_4": (14, ("958.6", "1025.2", "895.4", "9.79", "960.2", "504.6", "374.8")),
    "shareef_5": (14, ("1049.2", "1029.9", "1071.9", "10.44", "1050.9", "328.1", "370.1")),
    "shareef_6": (21, ("1537.7", "1759.1", "1324.7", "15.91", "1541.9", "775.3", "340.9")),
    "shareef_7": (21, ("1517.0", "1831.7", "1209.7", "15.92", "1520.6", "890.3", "268.3")),
    "shareef_8": (10, ("855.4", "796.7", "895.6", "8.09", "846.5", "104.2", "204.7")),
    "shareef_9": (4, ("344.9", "336.5", "350.7", "3.29", "343.6", "49.3", "63.3")),
}
COLUMNS = ("accuracy", "sensitivity", "specificity", "f1", "balanced_accuracy", "fpr", "fnr")


@pytest.mark.parametrize("name", PRINTED)
def test_tables_of_the_benchmark_are_complete(name):
    lines, sums = PRINTED[name]
    rows = published_table(name).rows
    assert len(rows) == lines
    for column, expected in zip(COLUMNS, sums, strict=True):
        assert sum(Decimal(row.printed[column]) for row in rows) == Decimal(expected), column


def in_tables() -> list:
    return [row for row in read_paper("shareef") if row.tables != ("shareef_website",)]


def test_the_benchmark_has_63_results_and_all_but_one_auc_are_of_decisions():
    """84 lines in six tables, 21 of which repeat a line of the table before."""
    rows = in_tables()
    assert len(rows) == 63
    assert sum(len(row.tables) for row in rows) == 84
    failed = [row.name for row in rows if not auc_check(row).holds]
    assert failed == ["resnet50_multi"]
    assert "62 of 63 results. Not so: ResNet50" in told(rows)
    assert "printed 85.0, mean 84.55" in told(rows)
    (misprint,) = [row for row in rows if row.name == "resnet50_multi"]
    assert "misprint" in misprint.note
    assert (Decimal("80.9") + Decimal("89.0")) / 2 == Decimal("84.95")  # of the released sensitivity, printed as 85.0


def test_what_is_printed_as_auc_is_never_called_auc():
    for row in read_paper("shareef"):
        assert "auc" not in row.printed
        assert row.value("auc") is None
    for row in read_paper("qi2019"):
        assert "balanced_accuracy" not in row.printed
        check = auc_check(row)
        assert check is None or not check.holds


def test_false_rates_are_the_complements():
    wrong = []
    for row in in_tables():
        for rate, of in (("fpr", "specificity"), ("fnr", "sensitivity")):
            if abs(Decimal(row.printed[rate]) + Decimal(row.printed[of]) - 100) > Decimal("0.1"):
                wrong.append((row.name, rate))
    assert wrong == [("resnet50_multi", "fnr")]


@pytest.mark.parametrize(
    ("before", "after", "metric", "percent"),
    [  # what sections 5.1 and 5.2 say of the tables: changes relative to the larger value, cut to one digit
        ("efficientnet_b0_scratch", "efficientnet_b0_transfer", "accuracy", 19.3),
        ("efficientnet_b0_scratch", "efficientnet_b0_transfer", "f1", 12.1),
        ("efficientnet_b0_scratch", "efficientnet_b0_transfer", "balanced_accuracy", 19.5),
        ("vgg16_scratch", "vgg16_transfer", "accuracy", 10.1),
        ("vgg16_scratch", "vgg16_transfer", "f1", 7.8),
        ("vgg16_scratch", "vgg16_transfer", "balanced_accuracy", 10.2),
        ("densenet121_augmented", "densenet121_wbce", "sensitivity", 19.8),
        ("inception_v3_augmented", "inception_v3_wbce", "sensitivity", 15.4),
        ("mobilenet_augmented", "mobilenet_wbce", "sensitivity", 14.2),
        ("resnet50_augmented", "resnet50_wbce", "sensitivity", 14.1),
        ("vgg16_augmented", "vgg16_wbce", "sensitivity", 10.4),
        ("xception_augmented", "xception_wbce", "sensitivity", 18.7),
        ("efficientnet_b0_augmented", "efficientnet_b0_wbce", "sensitivity", 14.7),
        ("inception_v3_augmented", "inception_v3_focal", "sensitivity", 18.7),
        ("xception_augmented", "xception_focal", "sensitivity", 21.5),
        ("inception_v3_focal", "inception_v3_augmented", "balanced_accuracy", 9.3),
        ("xception_focal", "xception_augmented", "balanced_accuracy", 9.8),
    ],
)
def test_the_rows_are_those_the_text_speaks_of(before, after, metric, percent):
    values = {row.name: Decimal(row.printed[metric]) for row in in_tables()}
    change = 100 * (values[after] - values[before]) / values[after]
    assert math.floor(change * 10) == round(10 * percent)


def test_units():
    (row,) = [row for row in read_paper("shareef") if row.name == "mt_estan"]
    assert row.value("accuracy") == 0.9
    assert row.value("f1") == 0.88
    assert row.value("balanced_accuracy") == 0.901
    assert row.value("f2") is None


def test_a_place_in_a_table():
    check_place("", "")
    check_place("shareef_5", "mobilenet_transfer")
    check_place("shareef_5", "")
    check_place("qi2019", "Han")
    check_place("dizaj2021", "unet")
    check_place("hijab2019", "")
    with pytest.raises(ValueError, match=r"table.name: unknown published table 'sharef_5'; did you mean 'shareef_5'"):
        check_place("sharef_5", "")
    with pytest.raises(ValueError, match=r"table.row: shareef_4 has no row 'mobilenet'; did you mean 'mobilenet_"):
        check_place("shareef_4", "mobilenet")
    with pytest.raises(ValueError, match=r"table.name: found '', expected the published table"):
        check_place("", "mobilenet_transfer")

    with pytest.raises(ValueError, match=r"table.row: qi2019 has no row 'RENM'; did you mean 'REM'"):
        check_place("qi2019", "RENM")


HEAD = "tables,row,method,setting,accuracy,printed_auc,note\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD.replace("accuracy", "accurracy"), "column 'accurracy'; did you mean 'accuracy'"),
        (HEAD.replace(",note", ""), "found no column 'note'"),
        (HEAD + "shareef_3,a,A,b,1,2,\n", "line 2: tables: found 'shareef_3'"),
        (HEAD + "shareef_4,a,A,b,1,2,\nshareef_4,a,A,b,1,2,\n", "line 3: row: found 'a' again in shareef_4"),
        (HEAD + "shareef_4,a,A,b,1,2,a note, with a comma\n", "line 2: found more or fewer cells than columns"),
        (HEAD + "shareef_4,a,A,b,x,2,\n", "line 2: accuracy: found 'x', expected a number"),
        (HEAD + "shareef_4,a,A,b,1,200,\n", "line 2: balanced_accuracy: found '200', expected 0 to 100"),
    ],
)
def test_a_malformed_file_of_results(tmp_path, text, message):
    path = tmp_path / "shareef.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=re.escape(message)):
        read_rows("shareef", path)


def test_every_table_has_rows_and_every_name_is_unique():
    assert len(set(table_names())) == sum(len(paper.tables) for paper in PAPERS.values())
    for name in table_names():
        assert published_table(name).rows
