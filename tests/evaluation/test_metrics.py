import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from busjax.evaluation.metrics import RATES, binary_metrics, decide, roc_points
from busjax.evaluation.predictions import Predictions


def test_by_hand(make):
    # Scores above 0.5: images 0, 1, 4. The last image is not known and counts nowhere.
    predictions = make([1, 1, 1, 0, 0, 0, 0, -1], [0.9, 0.6, 0.3, 0.1, 0.7, 0.3, 0.5, 0.99], "aabbccdd")
    result = binary_metrics(predictions, resamples=0)
    assert (result.tp, result.fn, result.tn, result.fp) == (2, 1, 3, 1)
    assert (result.images, result.cases, result.unknown) == (7, 4, 1)
    assert (result.positives, result.negatives) == (3, 4)
    assert result.accuracy == pytest.approx(5 / 7)
    assert result.sensitivity == pytest.approx(2 / 3)
    assert result.specificity == pytest.approx(3 / 4)
    assert result.precision == pytest.approx(2 / 3)
    assert result.f_beta == pytest.approx(5 / (4 / (2 / 3) + 1 / (2 / 3)))
    assert result.balanced_accuracy == pytest.approx((2 / 3 + 3 / 4) / 2)
    # Of the 12 pairs, 0.9 wins 4; 0.6 wins 3; 0.3 wins 1 and ties 1.
    assert result.auc == pytest.approx((4 + 3 + 1.5) / 12)
    assert result.undefined == {}
    assert result.intervals == {}


def test_auc_and_balanced_accuracy_are_different_things(make):
    result = binary_metrics(make([1, 1, 0, 0], [0.9, 0.4, 0.3, 0.2]), resamples=0)
    assert result.auc == 1.0
    assert result.balanced_accuracy == 0.75


def test_threshold_moves_the_counts_and_not_the_auc(make):
    predictions = make([1, 1, 0, 0], [0.9, 0.4, 0.3, 0.2])
    low, high = (binary_metrics(predictions, threshold=t, resamples=0) for t in (0.25, 0.95))
    assert (low.tp, low.fn, low.tn, low.fp) == (2, 0, 1, 1)
    assert (high.tp, high.fn, high.tn, high.fp) == (0, 2, 2, 0)
    assert low.auc == high.auc == 1.0


def test_a_tie_is_negative_at_every_threshold(make):
    assert not decide(make([1], [0.5]))[0]
    assert not decide(make([1], [0.25]), 0.25)[0]
    assert not decide(make([1], [1.0]), 1.0)[0]
    assert not decide(make([1], [0.0]), 0.0)[0]


@given(st.lists(st.tuples(st.floats(0, 1, width=32), st.booleans()), min_size=1, max_size=30))
@settings(deadline=None)
def test_the_decision_at_one_half_is_argmax_to_the_last_bit(pairs):
    # Scores as a softmax in float32 gives them: the two need not sum to 1 exactly.
    first = np.array([score for score, _ in pairs], dtype=np.float32)
    second = np.nextafter(np.float32(1) - first, np.float32(2) * np.array([up for _, up in pairs], dtype=np.float32))
    scores = np.clip(np.stack([first, second], axis=1), 0, 1)
    ids = np.array([str(index) for index in range(len(pairs))])
    predictions = Predictions("mt", ("no", "yes"), ids, ids, np.zeros(len(pairs), int), scores)
    assert np.array_equal(decide(predictions), np.argmax(scores, axis=1) == 1)


@given(
    st.lists(st.tuples(st.integers(0, 1), st.sampled_from([0.0, 0.2, 0.4, 0.5, 0.6, 1.0])), min_size=1, max_size=40),
    st.sampled_from([0.5, 1.0, 2.0]),
)
@settings(deadline=None)
def test_agrees_with_scikit_learn(make, pairs, beta):
    target, score = (np.array(column) for column in zip(*pairs, strict=True))
    result = binary_metrics(make(target, score), beta=beta, resamples=0)
    called = (score > 0.5).astype(int)
    matrix = reference.confusion_matrix(target, called, labels=[0, 1])
    assert [[result.tn, result.fp], [result.fn, result.tp]] == matrix.tolist()
    assert result.accuracy == pytest.approx(reference.accuracy_score(target, called))
    nan = float("nan")
    options = {"zero_division": nan}
    assert result.sensitivity == pytest.approx(reference.recall_score(target, called, **options), nan_ok=True)
    assert result.precision == pytest.approx(reference.precision_score(target, called, **options), nan_ok=True)
    specificity = reference.recall_score(target, called, pos_label=0, **options)
    assert result.specificity == pytest.approx(specificity, nan_ok=True)
    if target.any():
        expected = reference.fbeta_score(target, called, beta=beta, zero_division=0)
        assert result.f_beta == pytest.approx(expected)
    if 0 < target.sum() < len(target):
        assert result.auc == pytest.approx(reference.roc_auc_score(target, score))
        assert result.balanced_accuracy == pytest.approx(reference.balanced_accuracy_score(target, called))
    else:
        assert math.isnan(result.auc)
        assert math.isnan(result.balanced_accuracy)


def test_undefined_values_are_nan_and_say_why(from_counts):
    nothing_called = binary_metrics(from_counts(0, 3, 4, 0), resamples=0)
    assert math.isnan(nothing_called.precision)
    assert nothing_called.f_beta == 0.0
    assert nothing_called.undefined == {"precision": "no image is called positive"}

    no_positive = binary_metrics(from_counts(0, 0, 4, 1), resamples=0)
    assert no_positive.precision == 0.0
    assert no_positive.specificity == pytest.approx(0.8)
    reason = "no positive image"
    assert no_positive.undefined == dict.fromkeys(("sensitivity", "f_beta", "balanced_accuracy", "auc"), reason)
    assert all(math.isnan(getattr(no_positive, name)) for name in no_positive.undefined)

    no_negative = binary_metrics(from_counts(3, 1, 0, 0), resamples=0)
    assert no_negative.undefined == dict.fromkeys(("specificity", "balanced_accuracy", "auc"), "no negative image")
    assert no_negative.to_json()["auc"] is None
    assert no_negative.to_json()["sensitivity"] == 0.75


def test_intervals_hold_the_value_and_count_what_they_drop(make, random_predictions):
    result = binary_metrics(random_predictions(), resamples=500, seed=1)
    assert set(result.intervals) == {*RATES, "auc"}
    for name, interval in result.intervals.items():
        assert 0 <= interval.low < getattr(result, name) < interval.high <= 1, name
        assert interval.dropped == 0
    # One positive case of three: a draw of three misses it with probability (2/3)^3, and draws it alone with (1/3)^3.
    rare = binary_metrics(make([1, 0, 0], [0.8, 0.6, 0.2]), resamples=1000)
    assert rare.intervals["sensitivity"].dropped == pytest.approx(1000 * 8 / 27, abs=60)
    assert rare.intervals["specificity"].dropped == pytest.approx(1000 / 27, abs=25)
    assert rare.intervals["auc"].dropped == pytest.approx(1000 * 9 / 27, abs=60)
    assert rare.intervals["accuracy"].dropped == 0


def test_intervals_follow_the_seed_and_nothing_else(random_predictions):
    predictions = random_predictions()
    first, again, other = (binary_metrics(predictions, resamples=50, seed=seed).intervals for seed in (3, 3, 4))
    assert first == again
    assert first != other


def test_one_case_has_no_interval(make):
    result = binary_metrics(make([1, 0], [0.8, 0.1], "aa"))
    assert result.intervals == {}
    assert "only one case" in result.undefined["intervals"]


def test_images_of_one_case_do_not_narrow_the_interval(make):
    """Ten copies of every image in the same case carry no more information than one."""
    random = np.random.default_rng(0)
    target = random.integers(0, 2, 40)
    score = np.clip(0.3 * target + random.random(40) * 0.7, 0, 1)
    once = binary_metrics(make(target, score), resamples=300)
    copies = binary_metrics(make(np.repeat(target, 10), np.repeat(score, 10), np.repeat(range(40), 10)), resamples=300)
    wrong = binary_metrics(make(np.repeat(target, 10), np.repeat(score, 10)), resamples=300)

    def width(result):
        return result.intervals["auc"].high - result.intervals["auc"].low

    assert width(copies) == pytest.approx(width(once), rel=0.25)
    assert width(wrong) < 0.5 * width(once)


def test_roc_points(make):
    curve = roc_points(make([1, 0, 1, 0, -1], [0.9, 0.7, 0.4, 0.1, 0.95]))
    assert curve.false_positive_rate.tolist() == [0, 0, 0.5, 0.5, 1]
    assert curve.true_positive_rate.tolist() == [0, 0.5, 0.5, 1, 1]
    assert curve.threshold[1:].tolist() == [0.9, 0.7, 0.4, 0.1]


def test_the_area_under_the_points_is_the_auc(random_predictions):
    predictions = random_predictions(seed=5)
    curve = roc_points(predictions)
    area = np.trapezoid(curve.true_positive_rate, curve.false_positive_rate)
    assert area == pytest.approx(binary_metrics(predictions, resamples=0).auc)


def test_wrong_use_is_refused(make):
    predictions = make([1, 0], [0.8, 0.1])
    with pytest.raises(ValueError, match=r"threshold: found 1\.5"):
        binary_metrics(predictions, threshold=1.5)
    with pytest.raises(ValueError, match=r"beta: found 0\.0"):
        binary_metrics(predictions, beta=0.0)
    with pytest.raises(ValueError, match="resamples: found -1"):
        binary_metrics(predictions, resamples=-1)
    with pytest.raises(ValueError, match="'mt': target: found 2 images, none with a known target"):
        binary_metrics(make([-1, -1], [0.8, 0.1]))
    with pytest.raises(ValueError, match="'mt': ROC curve: found 2 positive and 0 negative"):
        roc_points(make([1, 1], [0.8, 0.1]))
    ids = np.array(["a"])
    three = Predictions("three", ("a", "b", "c"), ids, ids, np.array([0]), np.array([[0.2, 0.3, 0.5]]))
    with pytest.raises(ValueError, match=r"'three': classes: .* expected two"):
        binary_metrics(three)
