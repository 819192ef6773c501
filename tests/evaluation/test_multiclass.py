"""Metrics of more than two classes: scikit-learn, values worked out by hand, and the arithmetic of Dizaj 2021."""

import itertools
import json

import numpy as np
import pytest
import sklearn.metrics as reference
from hypothesis import given, settings
from hypothesis import strategies as st

from busjax.evaluation.bootstrap import draw_cases
from busjax.evaluation.metrics import binary_metrics
from busjax.evaluation.multiclass import MEANS, against_rest, is_multiclass, metrics_of, multiclass_metrics
from busjax.evaluation.predictions import Predictions

BUSI = (133, 437, 210)
"""Normal, benign and malignant images."""


def brute_force(images, step=0.0005):
    """Highest accuracy and highest one-against-rest accuracy over a grid of recalls whose mean is 0.6418.

    Of every class it looks at TN, too, where wrong decisions go wherever TN is then greatest; each error costs one FN
    in its own class and one FP in another, so where they go makes no difference.
    """
    total, best, best_ovr = sum(images), 0.0, 0.0
    for normal, benign in itertools.product(np.arange(0, 1 + step, step * 10), repeat=2):
        malignant = 3 * 0.6418 - normal - benign
        if not 0 <= malignant <= 1:
            continue
        right = [normal * images[0], benign * images[1], malignant * images[2]]
        wrong = [n - r for n, r in zip(images, right, strict=True)]
        best = max(best, sum(right) / total)
        called_wrongly = [wrong[2], wrong[0], wrong[1]]  # each class's errors are called as the next one
        ovr = [1 - (wrong[k] + called_wrongly[k]) / total for k in range(3)]
        best_ovr = max(best_ovr, sum(ovr) / 3)
    return best, best_ovr


def test_the_arithmetic_of_accuracy_beside_a_recall():
    """87.86 % beside a recall of 64.18 is no three-class accuracy of BUSI; one against the rest reaches 87.3 %."""
    accuracy, ovr = brute_force(BUSI)
    assert 100 * accuracy == pytest.approx(80.9, abs=0.06)
    assert 100 * ovr == pytest.approx(87.3, abs=0.06)
    # All benign images right, no normal one, and the rest of the recall in malignant ones: 194 of 210, 0.6413.
    found = multiclass_metrics(from_confusion([[0, 133, 0], [0, 437, 0], [0, 16, 194]]), resamples=0)
    assert found.recall == pytest.approx(0.6418, abs=0.001)
    assert 100 * found.accuracy == pytest.approx(80.9, abs=0.06)
    assert 100 * found.accuracy_ovr == pytest.approx(87.3, abs=0.06)
    assert 100 * found.accuracy < 87.86
    # With the counts that the paper itself names, 487 benign images, one against the rest reaches what is printed.
    accuracy, ovr = brute_force((133, 487, 210))
    assert 100 * accuracy == pytest.approx(82.1, abs=0.06)
    assert 100 * ovr == pytest.approx(88.1, abs=0.06)


def from_confusion(confusion, name="tumour", classes=("normal", "benign", "malignant")) -> Predictions:
    confusion = np.asarray(confusion)
    target, decided = (
        np.repeat(axis.ravel(), confusion.ravel()) for axis in np.indices(confusion.shape)
    )  # a row and a column for every image
    scores = np.where(np.eye(len(classes), dtype=bool)[decided], 0.6, 0.4 / (len(classes) - 1))
    ids = np.array([f"image {i}" for i in range(len(target))])
    return Predictions(name, classes, ids, ids, target.astype(np.int64), scores)


def random_output(images=120, classes=3, seed=0, unknown=0.1) -> Predictions:
    """About three images of a case; some scores tie, some targets are unknown."""
    random = np.random.default_rng(seed)
    target = random.integers(0, classes, images)
    scores = np.round(random.dirichlet(np.ones(classes), images) + np.eye(classes)[target] / 2, 1) + 0.1
    target[random.random(images) < unknown] = -1
    return Predictions(
        "tumour",
        tuple(f"class {index}" for index in range(classes)),
        np.array([f"image {i}" for i in range(images)]),
        np.array([f"case {i}" for i in random.integers(0, images // 3, images)]),
        target,
        scores / scores.sum(axis=1, keepdims=True),
    )


@pytest.mark.parametrize("classes", [3, 4])
def test_metrics_are_those_of_scikit_learn(classes):
    predictions = random_output(classes=classes, seed=classes)
    found = multiclass_metrics(predictions, resamples=0)
    known = predictions.target >= 0
    target, scores = predictions.target[known], predictions.scores[known]
    decided = scores.argmax(axis=1)
    matrix = reference.confusion_matrix(target, decided)
    assert np.array_equal(found.confusion, matrix)
    assert (found.images, found.unknown) == (known.sum(), (~known).sum())
    assert found.cases == len(set(predictions.case_id[known]))
    precision, recall, f1, _ = reference.precision_recall_fscore_support(target, decided, average="macro")
    expected = {
        "accuracy": reference.accuracy_score(target, decided),
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "f1_of_means": 2 * precision * recall / (precision + recall),
        "balanced_accuracy": reference.balanced_accuracy_score(target, decided),
        "auc": reference.roc_auc_score(target, scores, multi_class="ovr", average="macro"),
    }
    for name, value in expected.items():
        assert getattr(found, name) == pytest.approx(value, abs=1e-12), name
    assert found.f1 != pytest.approx(found.f1_of_means, abs=1e-6)
    for index, own in enumerate(found.per_class.values()):
        each = reference.precision_recall_fscore_support(target == index, decided == index, average="binary")
        assert (own.precision, own.recall, own.f1) == pytest.approx(each[:3])
        assert own.accuracy_ovr == pytest.approx(reference.accuracy_score(target == index, decided == index))
        assert own.auc == pytest.approx(reference.roc_auc_score(target == index, scores[:, index]))
        assert own.images == (target == index).sum()
    assert found.averaging == "macro"
    assert found.intervals == found.undefined == {}


def test_by_hand():
    """Rows normal, benign, malignant of 4, 4 and 2 images."""
    found = multiclass_metrics(from_confusion([[3, 1, 0], [1, 2, 1], [0, 1, 1]]), resamples=0)
    assert found.accuracy == pytest.approx(6 / 10)
    # TP + TN of each class: 3 + 5, 2 + 4 and 1 + 7 of 10.
    assert [own.accuracy_ovr for own in found.per_class.values()] == pytest.approx([0.8, 0.6, 0.8])
    assert found.accuracy_ovr == pytest.approx(2.2 / 3)
    assert found.precision == pytest.approx((3 / 4 + 2 / 4 + 1 / 2) / 3)
    assert found.recall == pytest.approx((3 / 4 + 2 / 4 + 1 / 2) / 3)
    assert found.per_class["malignant"].f1 == pytest.approx(0.5)


def test_what_is_undefined_is_not_0():
    """No normal image is there, none is decided as malignant."""
    found = multiclass_metrics(from_confusion([[0, 0, 0], [1, 3, 0], [0, 2, 0]]), resamples=0)
    told = found.to_json()
    assert told["precision"] is told["recall"] is told["f1"] is told["auc"] is told["f1_of_means"] is None
    assert told["accuracy"] == pytest.approx(0.5)
    assert told["accuracy_ovr"] is not None
    assert told["per_class"]["normal"] == {
        "precision": 0.0,
        "recall": None,
        "f1": None,
        "accuracy_ovr": pytest.approx(5 / 6),
        "auc": None,
        "images": 0,
    }
    assert told["per_class"]["malignant"]["precision"] is None
    assert told["per_class"]["malignant"]["f1"] == 0.0
    assert found.undefined["precision"] == "no image is decided as malignant"
    assert found.undefined["recall"] == found.undefined["auc"] == "no image of the class normal"
    assert found.undefined["f1_of_means"] == "no image is decided as malignant; no image of the class normal"
    assert set(found.undefined) == {"precision", "recall", "f1", "f1_of_means", "balanced_accuracy", "auc"}
    json.dumps(told, allow_nan=False)
    every_one_wrong = multiclass_metrics(from_confusion([[0, 1, 0], [0, 0, 1], [1, 0, 0]]), resamples=0)
    assert every_one_wrong.f1_of_means == every_one_wrong.f1 == every_one_wrong.accuracy == 0.0


@given(st.lists(st.integers(0, 9), min_size=9, max_size=9).filter(any))
@settings(max_examples=60, deadline=None)
def test_what_must_hold(counts):
    found = multiclass_metrics(from_confusion(np.reshape(counts, (3, 3))), resamples=0)
    assert found.accuracy_ovr == pytest.approx(1 - 2 * (1 - found.accuracy) / 3)
    assert found.accuracy_ovr >= found.accuracy - 1e-12
    assert np.array_equal(np.reshape(counts, (3, 3)), found.confusion)
    assert np.isnan(found.recall) == bool((np.reshape(counts, (3, 3)).sum(axis=1) == 0).any())
    if not np.isnan(found.recall):
        shares = np.reshape(counts, (3, 3)).sum(axis=1) / found.images
        recalls = [own.recall for own in found.per_class.values()]
        assert found.accuracy == pytest.approx(np.dot(shares, recalls))


def test_a_tie_goes_to_the_first_class():
    ids = np.array(["a", "b"])
    predictions = Predictions(
        "t", ("x", "y", "z"), ids, ids, np.array([1, 2]), np.array([[0.4, 0.4, 0.2], [0.2, 0.4, 0.4]])
    )
    assert multiclass_metrics(predictions, resamples=0).confusion == ((0, 0, 0), (1, 0, 0), (0, 1, 0))


def test_intervals_resample_cases():
    """Against a literal bootstrap that builds every resample's images."""
    predictions = random_output(images=40, seed=5)
    found = multiclass_metrics(predictions, resamples=60, seed=3)
    known = predictions.target >= 0
    names, of_image = np.unique(predictions.case_id[known], return_inverse=True)
    target, scores = predictions.target[known], predictions.scores[known]
    values = {"accuracy": [], "auc": [], "precision": []}
    dropped = 0
    for draw in draw_cases(len(names), resamples=60, seed=3):
        rows = np.concatenate(
            [np.repeat(np.flatnonzero(of_image == case), 1) for case in np.repeat(range(len(names)), draw)]
        )
        t, s = target[rows], scores[rows]
        decided = s.argmax(axis=1)
        values["accuracy"].append(np.mean(t == decided))
        if len(set(t)) == 3:
            values["auc"].append(reference.roc_auc_score(t, s, multi_class="ovr"))
        if len(set(decided)) == 3:
            values["precision"].append(reference.precision_score(t, decided, average="macro", zero_division=0))
        else:
            dropped += 1
    for name, resampled in values.items():
        low, high = np.percentile(resampled, [2.5, 97.5])
        assert (found.intervals[name].low, found.intervals[name].high) == pytest.approx((low, high)), name
    assert found.intervals["precision"].dropped == dropped
    assert set(found.intervals) == {*MEANS, "auc"}
    one_case = Predictions(
        "t", ("x", "y", "z"), np.array(["a"]), np.array(["c"]), np.array([0]), np.array([[1.0, 0, 0]])
    )
    assert "only one case" in multiclass_metrics(one_case).undefined["intervals"]


def test_one_function_for_any_number_of_classes(random_predictions):
    two, three = random_predictions(), random_output()
    assert metrics_of(two, threshold=0.3, resamples=0) == binary_metrics(two, threshold=0.3, resamples=0)
    assert not is_multiclass(metrics_of(two, resamples=0).to_json())
    assert is_multiclass(metrics_of(three, resamples=0).to_json())
    with pytest.raises(ValueError, match=r"found \('not_malignant', 'malignant'\), expected three or more"):
        multiclass_metrics(two)
    with pytest.raises(ValueError, match="resamples: found -1"):
        multiclass_metrics(three, resamples=-1)
    with pytest.raises(ValueError, match="none with a known target"):
        multiclass_metrics(random_output(unknown=1.1))


def test_a_class_against_the_rest():
    predictions = random_output()
    for index, name in enumerate(predictions.classes):
        one = against_rest(predictions, index)
        assert one.name == f"tumour, {name}"
        assert one.classes == (f"not_{name}", name)
        assert np.array_equal(one.target == -1, predictions.target == -1)
        assert np.array_equal(one.target == 1, predictions.target == index)
        auc = multiclass_metrics(predictions, resamples=0).per_class[name].auc
        assert binary_metrics(one, resamples=0).auc == pytest.approx(auc)
