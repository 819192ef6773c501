import csv
import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from busjax.evaluation.predictions import Predictions, read_csv, write_csv

IDS = st.text(
    st.characters(codec="utf-8", exclude_characters="\0\r\n"), min_size=1, max_size=8
)  # commas, quotes and spaces included
GOOD = {
    "name": "mt",
    "classes": ("not_malignant", "malignant"),
    "image_id": np.array(["a", "b", "c"]),
    "case_id": np.array(["p", "p", "q"]),
    "target": np.array([0, 1, -1]),
    "scores": np.array([[0.75, 0.25], [0.5, 0.5], [0.25, 0.75]]),
}


def assert_same(read: Predictions, written: Predictions) -> None:
    assert (read.name, read.classes) == (written.name, written.classes)
    for field in ("image_id", "case_id", "target", "scores"):
        assert np.array_equal(getattr(read, field), getattr(written, field)), field


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("name", "", "name: found ''"),
        ("name", "a\nb", "name: found"),
        ("classes", ("malignant",), "classes"),
        ("classes", ("a", "a"), "classes"),
        ("classes", ("a", ""), "classes"),
        ("image_id", np.array(["a", "b", "a"]), "image_id: found 'a' 2 times"),
        ("image_id", np.array(["a", "", "c"]), "image_id: found '' at position 1"),
        ("case_id", np.array(["p", "q", "r\r"]), r"case_id: found 'r\\r' at position 2, expected a text of one line"),
        ("image_id", np.array([1, 2, 3]), "image_id: .* expected a 1-D array of str"),
        ("image_id", np.array([], dtype=str), "image_id: found no example"),
        ("case_id", np.array(["p", "q"]), "case_id: found 2 values, expected 3"),
        ("target", np.array([0, 1]), "target: found 2 values, expected 3"),
        ("target", np.array([0, 1, 2]), "target: found 2 for image 'c', expected 0 to 1, or -1"),
        ("target", np.array([0, -2, 1]), "target: found -2 for image 'b'"),
        ("target", np.array([0.0, 1.0, 1.0]), "target: .* expected a 1-D array of integers"),
        ("scores", np.full((3, 3), 1 / 3), r"scores: found shape \(3, 3\), expected \(3, 2\)"),
        ("scores", np.full((2, 2), 0.5), r"scores: found shape \(2, 2\), expected \(3, 2\)"),
        ("scores", np.array([[1.0, 0.0], [1.2, -0.2], [0.0, 1.0]]), "scores: found .* for image 'b'"),
        ("scores", np.array([[1.0, 0.0], [0.5, 0.5], [np.nan, 1.0]]), "scores: found .* for image 'c'"),
        ("scores", np.array([[0.6, 0.6], [0.5, 0.5], [0.0, 1.0]]), "scores: found a sum of 1.2 for image 'a'"),
        ("scores", np.array([[1, 0], [0, 1], [0, 1]]), "scores: found type int64"),
    ],
)
def test_a_wrong_field_is_refused_by_name(field, value, message):
    with pytest.raises(ValueError, match=message):
        Predictions(**{**GOOD, field: value})


def test_stored_arrays_are_read_only_copies():
    scores = GOOD["scores"].astype(np.float32)
    predictions = Predictions(**{**GOOD, "scores": scores})
    scores[0] = 0
    assert predictions.scores.dtype == np.float64
    assert predictions.scores[0].tolist() == [0.75, 0.25]
    with pytest.raises(ValueError, match="read-only"):
        predictions.target[0] = 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        predictions.name = "sn"


def test_derived_values():
    predictions = Predictions(**GOOD)
    assert predictions.known.tolist() == [True, True, False]
    assert predictions.predicted.tolist() == [0, 0, 1]  # the tie goes to class 0
    assert predictions.task == "malignant or not malignant"


def test_file_layout(tmp_path):
    sn = Predictions(**{**GOOD, "name": "sn", "classes": ("no_solid_nodule", "solid_nodule")})
    write_csv(tmp_path / "predictions" / "val.csv", [Predictions(**GOOD), sn])
    with open(tmp_path / "predictions" / "val.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    scores = "score_not_malignant,score_malignant,score_no_solid_nodule,score_solid_nodule"
    assert ",".join(rows[0]) == f"image_id,case_id,task,target,{scores},predicted"
    assert rows[1] == ["a", "p", "mt", "0", "0.75", "0.25", "", "", "0"]
    assert rows[6] == ["c", "q", "sn", "-1", "", "", "0.25", "0.75", "1"]
    assert len(rows) == 7


@given(
    ids=st.lists(st.tuples(IDS, IDS), min_size=1, max_size=6, unique_by=lambda pair: pair[0]),
    score=st.floats(0, 1),
    target=st.integers(-1, 1),
)
@settings(deadline=None)
def test_a_file_gives_back_the_same_bits(tmp_path_factory, ids, score, target):
    image_id, case_id = (np.array(column) for column in zip(*ids, strict=True))
    scores = np.tile([1 - score, score], (len(ids), 1))
    common = {"image_id": image_id, "case_id": case_id, "target": np.full(len(ids), target), "scores": scores}
    written = [
        Predictions(name="mt", classes=("not_malignant", "malignant"), **common),
        Predictions(name="without", classes=("not_malignant", "malignant"), **common),
        Predictions(name="sn", classes=("none", "solid"), **common),
    ]
    path = tmp_path_factory.mktemp("csv") / "test.csv"
    write_csv(path, written)
    for read, original in zip(read_csv(path), written, strict=True):
        assert_same(read, original)


def test_outputs_that_cannot_share_a_file_are_refused(tmp_path):
    path = tmp_path / "val.csv"
    with pytest.raises(ValueError, match=r"val\.csv: no predictions"):
        write_csv(path, [])
    with pytest.raises(ValueError, match=r"val\.csv: task: .*expected different names"):
        write_csv(path, [Predictions(**GOOD), Predictions(**GOOD)])
    turned = Predictions(**{**GOOD, "name": "turned", "classes": ("malignant", "not_malignant")})
    with pytest.raises(ValueError, match="'turned' come in another order"):
        write_csv(path, [Predictions(**GOOD), turned])
    assert not path.exists()


HEADER = "image_id,case_id,task,target,score_no,score_yes,predicted"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "columns: found nothing"),
        ("image_id,case_id,target\n", "columns: found image_id, case_id, target, expected"),
        (HEADER.replace("score_no,score_yes,", ""), "columns"),
        (HEADER, "found no row"),
        (f"{HEADER}\na,p,mt,0,0.6\n", "row 1: found 5 cells, expected 7"),
        (f"{HEADER}\na,p,mt,0,0.6,x,0\n", "row 1: score_yes: found 'x', expected a number"),
        (f"{HEADER}\na,p,mt,yes,0.6,0.4,0\n", "row 1: target: found 'yes', expected an integer"),
        (f"{HEADER}\na,p,mt,0,0.6,0.4,0\nb,p,mt,0,0.6,,0\n", "row 2: scores of 'mt': found no, expected no, yes"),
        (f"{HEADER}\na,p,mt,0,0.6,0.6,0\n", "scores: found a sum of 1.2 for image 'a'"),
        (f"{HEADER}\na,p,mt,0,0.4,0.6,0\n", "row 1: predicted: found 0, expected 1"),
    ],
)
def test_a_broken_file_is_refused_by_name(tmp_path, text, message):
    path = tmp_path / "broken.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=rf"broken\.csv.*{message}"):
        read_csv(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"absent\.csv: no such file"):
        read_csv(tmp_path / "absent.csv")
