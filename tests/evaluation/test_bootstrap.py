import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from busjax.evaluation import bootstrap
from busjax.evaluation.bootstrap import draw_cases, percentile_interval, resampled_aucs, weighted_auc
from busjax.evaluation.metrics import RATES, binary_metrics


def naive_intervals(predictions, draws):
    """Each resample built image by image, and its metrics taken from the resampled predictions alone."""
    known = predictions.known
    target, score = predictions.target[known], predictions.scores[known, 1]
    cases = predictions.case_id[known]
    names = np.unique(cases)
    values = {name: [] for name in (*RATES, "auc")}
    for draw in draws:
        images = []
        for name, times in zip(names, draw, strict=True):
            for _ in range(times):
                images.extend(np.flatnonzero(cases == name))
        y, p = target[images], score[images]
        tp, fn = np.sum((y == 1) & (p > 0.5)), np.sum((y == 1) & (p <= 0.5))
        tn, fp = np.sum((y == 0) & (p <= 0.5)), np.sum((y == 0) & (p > 0.5))
        sensitivity = tp / (tp + fn) if tp + fn else np.nan
        specificity = tn / (tn + fp) if tn + fp else np.nan
        precision = tp / (tp + fp) if tp + fp else np.nan
        undefined_or_zero = 0.0 if tp + fn else np.nan
        f_beta = 5 / (4 / sensitivity + 1 / precision) if tp else undefined_or_zero
        values["accuracy"].append((tp + tn) / len(y))
        values["sensitivity"].append(sensitivity)
        values["specificity"].append(specificity)
        values["precision"].append(precision)
        values["f_beta"].append(f_beta)
        values["balanced_accuracy"].append((sensitivity + specificity) / 2)
        values["auc"].append(roc_auc_score(y, p) if 0 < y.sum() < len(y) else np.nan)
    return values


@pytest.mark.parametrize("images", [9, 60])  # in the small one some resamples have one class only
def test_intervals_equal_a_naive_loop_over_the_same_draws(random_predictions, images):
    predictions = random_predictions(images, seed=2)
    cases = len(np.unique(predictions.case_id[predictions.known]))
    result = binary_metrics(predictions, resamples=200, seed=9)
    expected = naive_intervals(predictions, draw_cases(cases, resamples=200, seed=9))
    for name, values in expected.items():
        defined = np.array(values)[~np.isnan(values)]
        low, high = np.percentile(defined, [2.5, 97.5])
        assert result.intervals[name].low == pytest.approx(low), name
        assert result.intervals[name].high == pytest.approx(high), name
        assert result.intervals[name].dropped == 200 - len(defined), name
    assert (images > 9) or result.intervals["auc"].dropped > 0


@given(st.lists(st.tuples(st.booleans(), st.sampled_from([0.1, 0.5, 0.9]), st.integers(0, 3)), min_size=1, max_size=25))
@settings(deadline=None)
def test_weighted_auc_with_ties_agrees_with_scikit_learn(images):
    positive, score, weight = (np.array(column) for column in zip(*images, strict=True))
    (value,) = weighted_auc(positive, score, weight[None].astype(float))
    if weight[positive].sum() and weight[~positive].sum():
        assert value == pytest.approx(roc_auc_score(positive, score, sample_weight=weight))
    else:
        assert np.isnan(value)


def test_a_tie_is_worth_one_half():
    positive, score = np.array([True, False, False]), np.array([0.5, 0.5, 0.2])
    assert weighted_auc(positive, score, np.ones((1, 3))).tolist() == [0.75]


def test_draws_are_with_replacement_and_unbiased():
    draws = draw_cases(50, resamples=4000, seed=0)
    assert draws.shape == (4000, 50)
    assert np.all(draws.sum(axis=1) == 50)
    assert draws.mean(axis=0) == pytest.approx(np.ones(50), abs=0.1)
    assert np.mean(draws == 0) == pytest.approx((1 - 1 / 50) ** 50, abs=0.01)


def test_blocks_do_not_change_the_values(monkeypatch):
    random = np.random.default_rng(0)
    positive, score = random.random(30) < 0.4, np.round(random.random(30), 1)
    case = random.integers(0, 12, 30)
    draws = draw_cases(12, resamples=40, seed=1)
    whole = resampled_aucs(draws, case, positive, score)
    monkeypatch.setattr(bootstrap, "_BLOCK", 7 * 30)
    assert np.array_equal(resampled_aucs(draws, case, positive, score), whole, equal_nan=True)


def test_percentiles_by_hand():
    values = np.array([np.nan, *range(101), np.nan], dtype=float)
    interval = percentile_interval(values)
    assert (interval.low, interval.high) == pytest.approx((2.5, 97.5))
    assert interval.dropped == 2
    empty = percentile_interval(np.array([np.nan, np.nan]))
    assert np.isnan(empty.low)
    assert np.isnan(empty.high)
    assert empty.dropped == 2
