import math

import numpy as np
import pytest
import sklearn.metrics as reference

from busjax.evaluation.segmentation import Segmentation
from busjax.evaluation.tables.measures import METRICS, Measures, mean_and_deviation, measure, pool


@pytest.mark.parametrize("threshold", [0.5, 0.3])
def test_metrics_are_those_of_scikit_learn(random_predictions, threshold):
    predictions = random_predictions(images=120, seed=3)
    found = measure(predictions, threshold, None)
    known = predictions.target >= 0
    target, score = predictions.target[known], predictions.scores[known, 1]
    called = (score > threshold).astype(int)
    tn, fp, fn, tp = reference.confusion_matrix(target, called).ravel()
    assert found.counts == (tp, fn, tn, fp)
    expected = {
        "accuracy": reference.accuracy_score(target, called),
        "sensitivity": reference.recall_score(target, called),
        "specificity": reference.recall_score(target, called, pos_label=0),
        "precision": reference.precision_score(target, called),
        "f1": reference.f1_score(target, called),
        "f2": reference.fbeta_score(target, called, beta=2),
        "auc": reference.roc_auc_score(target, score),
        "balanced_accuracy": reference.roc_auc_score(target, called),  # what the published "AUC" is
        "fpr": fp / (fp + tn),
        "fnr": fn / (fn + tp),
    }
    for name, value in expected.items():
        assert found.values[name] == pytest.approx(value, abs=1e-12), name
    assert math.isnan(found.values["dice"])
    assert set(found.values) == set(METRICS)
    assert found.values["auc"] != pytest.approx(found.values["balanced_accuracy"], abs=1e-3)


def test_metrics_by_hand(three_folds):
    values = measure(three_folds[1], 0.5, None).values
    assert values["accuracy"] == pytest.approx(4 / 6)
    assert values["f1"] == pytest.approx(2 * 2 / (2 * 2 + 1 + 1))
    # Of 9 pairs the scores order 6 rightly: only the negative at 0.95 is above all three positives.
    assert values["auc"] == pytest.approx(6 / 9)
    assert values["balanced_accuracy"] == pytest.approx((2 / 3 + 2 / 3) / 2)


def test_masks_are_averaged_over_images_that_have_one(three_folds):
    counts = np.array(
        [[3, 1, 10, 1], [0, 0, 15, 0], [0, 0, 0, 15], [1, 1, 12, 1]]
    )  # TP, FN, TN, FP; the third: no mask
    has_mask = np.array([True, True, False, True])
    names = np.array(["a", "b", "c", "d"])
    masks = Segmentation(names, names, has_mask, counts)
    values = measure(three_folds[0], 0.5, masks).values
    assert values["dice"] == pytest.approx((6 / 8 + 1 + 2 / 4) / 3)
    assert values["iou"] == pytest.approx((3 / 5 + 1 + 1 / 3) / 3)


def test_pooled_is_over_all_images_each_at_its_own_threshold(three_folds):
    together = pool(three_folds, [0.5, 0.5, 0.5], [None, None, None])
    assert together.counts == (10, 2, 9, 3)
    assert together.images == 24
    assert together.cases == 4 + 3 + 5
    assert together.values["sensitivity"] == pytest.approx(10 / 12)
    assert together.values["balanced_accuracy"] == pytest.approx((10 / 12 + 9 / 12) / 2)
    target = np.concatenate([fold.target for fold in three_folds])
    score = np.concatenate([fold.scores[:, 1] for fold in three_folds])
    assert together.values["auc"] == pytest.approx(reference.roc_auc_score(target, score))
    # 0.4 calls the second fold's positive at 0.45, too; the other folds stay as they are.
    moved = pool(three_folds, [0.5, 0.4, 0.5], [None, None, None])
    assert moved.counts == (11, 1, 9, 3)
    assert moved.values["auc"] == together.values["auc"]


def test_mean_and_deviation_by_hand():
    folds = [
        Measures(dict.fromkeys(METRICS, value) | {"precision": precision}, {}, 1, 1, (1, 0, 0, 0))
        for value, precision in ((0.5, 0.5), (0.75, math.nan), (1.0, 0.5))
    ]
    mean, deviation = mean_and_deviation(folds)
    assert mean["accuracy"] == 0.75
    assert deviation["accuracy"] == 0.25  # sqrt((0.0625 + 0 + 0.0625) / 2)
    assert math.isnan(mean["precision"])
    assert math.isnan(mean_and_deviation(folds[:1])[1]["accuracy"])
