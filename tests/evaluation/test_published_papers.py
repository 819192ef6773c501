"""The rows of Hijab et al. 2019 and of Dizaj and Valizadeh 2021, and which tables an output stands in."""

from decimal import Decimal

import pytest

from busjax.evaluation.literature import QUESTIONS
from busjax.evaluation.published import published_rows, published_table, read_paper, tables_for, tables_of
from busjax.methods.tasks import TASKS


def test_dizaj_prints_harmonic_means_and_unweighted_means():
    """Tables 2 and 3: F1 of the printed precision and recall, average of the three classes; to the last digit."""
    for row in published_table("dizaj_2").rows:
        precision, recall = (Decimal(row.printed[name]) for name in ("precision_macro", "recall_macro"))
        assert abs(2 * precision * recall / (precision + recall) - Decimal(row.printed["f1_of_means"])) <= Decimal(
            "0.011"
        )
        assert "accuracy" not in row.printed
        assert "accuracy_ovr" not in row.printed
    for row in published_table("dizaj_3").rows:
        mean = sum(Decimal(row.printed[f"iou_{name}"]) for name in ("normal", "benign", "malignant")) / 3
        assert abs(mean - Decimal(row.printed["iou_average"])) <= Decimal("0.011")


def test_rows_of_dizaj_and_hijab():
    """Sums of the columns, added up from the text of the papers."""
    sums = {
        "dizaj_2": {"printed_accuracy": "421.70", "precision_macro": "447.40", "recall_macro": "361.41"},
        "dizaj_3": {"iou_normal": "450.33", "iou_benign": "382.92", "iou_malignant": "379.99", "iou_average": "404.41"},
        "hijab_1": {"accuracy": "5.4850", "auc": "5.66"},
    }
    for name, columns in sums.items():
        for column, expected in columns.items():
            assert sum(Decimal(row.printed[column]) for row in published_table(name).rows) == Decimal(expected), column
    names = [row.name for row in published_table("dizaj_3").rows]
    assert names == [row.name for row in published_table("dizaj_2").rows]
    assert names == ["vgg16", "resnet50", "densenet161", "alexnet", "unet"]
    assert [row.name for row in published_table("hijab_1").rows][:3] == ["baseline", "features", "finetune"]
    (unet,) = [row for row in published_table("dizaj_2").rows if row.name == "unet"]
    assert "at most 80.9" in unet.note


def test_digits_are_kept_in_our_units():
    rows = {row.name: row for row in (*read_paper("hijab2019"), *published_table("dizaj_3").rows)}
    assert rows["features"].text("accuracy") == "95.11"
    assert rows["features"].value("accuracy") == 0.9511
    assert rows["baseline"].text("accuracy") == "79"
    assert rows["baseline"].text("auc") == "0.81"
    assert rows["baseline"].text("f1") == ""
    assert rows["unet"].text("iou_normal") == "1.00"
    assert rows["vgg16"].text("iou_average") == "0.7504"
    (table_2,) = [row for row in published_table("dizaj_2").rows if row.name == "vgg16"]
    assert table_2.text("f1_of_means") == "0.8073"
    assert table_2.value("f1_of_means") == 0.8073
    assert table_2.text("recall_macro") == "73.64"


def test_tables_of_an_output():
    """What a paper prints of one method in two tables stands beside an output together."""
    (row,) = published_rows("dizaj2021", "unet", "test", QUESTIONS["tumour"])
    assert row.tables == ("dizaj_2", "dizaj_3")
    assert row.printed["iou_malignant"] == "93.73"
    assert row.printed["printed_accuracy"] == "87.86"
    assert len(published_rows("dizaj2021", "unet", "test", QUESTIONS["tumour"], whole=True)) == 5
    assert published_rows("dizaj2021", "unet", "val", QUESTIONS["tumour"]) == ()
    assert [table.name for table in tables_for("qi2019", "val", QUESTIONS["solid"])] == ["qi_6"]
    assert tables_of("") == ()
    assert tables_of("qi2019") == ("qi_4", "qi_5", "qi_6", "qi_7")
    assert tables_of("qi_6") == ("qi_6",)
    with pytest.raises(ValueError, match="unknown published table 'qi_8'; did you mean 'qi_"):
        tables_of("qi_8")


def test_questions_are_the_tasks_of_the_networks():
    for name, classes in QUESTIONS.items():
        assert TASKS[name].classes == classes
