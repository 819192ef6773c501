"""Figures of predicted masks against values worked out by hand, scikit-learn, and what must always hold."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose
from sklearn.metrics import f1_score, jaccard_score, recall_score

from busjax.evaluation.bootstrap import draw_cases, resampled_means
from busjax.evaluation.segmentation import Segmentation, ious, means, overlap, pixel_counts, segmentation_results
from busjax.evaluation.segmentation_file import read_segmentation, write_segmentation

masks = hnp.arrays(bool, st.tuples(st.just(1), st.integers(1, 6), st.integers(1, 6)))
pairs = masks.flatmap(lambda a: st.tuples(st.just(a), hnp.arrays(bool, a.shape)))


def segmentation(counts, case=None, has_mask=None, label=None) -> Segmentation:
    counts = np.asarray(counts, np.int64)
    case = range(len(counts)) if case is None else case
    return Segmentation(
        np.array([f"image {i}" for i in range(len(counts))]),
        np.array([f"case {c}" for c in case]),
        np.ones(len(counts), bool) if has_mask is None else np.asarray(has_mask),
        counts,
        np.array([""] * len(counts) if label is None else label, dtype=str),
    )


def test_by_hand():
    """Of 8 pixels, lesion in the first row, called lesion in the first column and at the very end."""
    true = np.array([[[1, 1, 1, 1], [0, 0, 0, 0]]])
    probability = np.array([[[0.9, 0.5, 0.2, 0.0], [0.51, 0.5, 0.1, 1.0]]])
    counts = pixel_counts(probability, true)  # 0.5 itself is not called
    assert counts.tolist() == [[1, 3, 2, 2]]
    got = {name: float(value[0]) for name, value in overlap(counts).items()}
    assert got == pytest.approx({"dice": 2 / 7, "iou": 1 / 6, "sensitivity": 1 / 4, "specificity": 2 / 4})
    assert pixel_counts(probability, true, 0.1).tolist() == [[3, 1, 1, 3]]


def test_empty_masks():
    """Nothing there and nothing called: 1, 1; something called on nothing: 0, 0; nothing called on something: 0, 0."""
    true, called = np.zeros((3, 2, 2), bool), np.zeros((3, 2, 2), bool)
    called[1, 0, 0] = true[2, 0, 0] = True
    got = overlap(pixel_counts(called, true))
    assert got["dice"].tolist() == got["iou"].tolist() == [1, 0, 0]
    assert_allclose(got["sensitivity"], [np.nan, np.nan, 0])
    assert_allclose(got["specificity"], [1, 3 / 4, 1])
    assert np.isnan(overlap(pixel_counts(np.ones((1, 2, 2)), np.ones((1, 2, 2))))["specificity"][0])


@given(pairs)
@settings(max_examples=60, deadline=None)
def test_scikit_learn_and_what_must_hold(pair):
    called, true = pair
    got = {name: float(value[0]) for name, value in overlap(pixel_counts(called, true)).items()}
    flat = true.ravel(), called.ravel()
    assert got["iou"] == pytest.approx(jaccard_score(*flat, zero_division=1.0))
    assert got["dice"] == pytest.approx(f1_score(*flat, zero_division=1.0))
    assert got["sensitivity"] == pytest.approx(recall_score(*flat, zero_division=np.nan), nan_ok=True)
    assert got["specificity"] == pytest.approx(recall_score(*flat, pos_label=False, zero_division=np.nan), nan_ok=True)
    swapped = overlap(pixel_counts(true, called))
    assert got["dice"] == swapped["dice"][0]
    assert got["iou"] == swapped["iou"][0]
    assert got["dice"] == pytest.approx(2 * got["iou"] / (1 + got["iou"]))
    assert got["iou"] <= got["dice"] <= 1


# TP, FN, TN, FP of 10 pixels: a lesion half found; none, rightly; none, wrongly called; one without a mask.
FOUR = [[2, 2, 6, 0], [0, 0, 10, 0], [0, 0, 5, 5], [0, 0, 1, 9]]


def test_means_with_and_without_empty_masks():
    given_ = segmentation(FOUR, case=[0, 0, 1, 2], has_mask=[True, True, True, False])
    results = segmentation_results(given_, threshold=0.5, resamples=0)
    assert (results["images"], results["cases"], results["unmasked"]) == (3, 2, 1)
    assert (results["lesion_images"], results["lesion_cases"], results["pixels"]) == (1, 1, 10)
    assert results["dice"]["mean"] == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert results["iou"]["mean"] == pytest.approx((1 / 2 + 1 + 0) / 3)
    assert results["iou"]["median"] == pytest.approx(1 / 2)
    assert results["iou"]["std"] == pytest.approx(np.std([1 / 2, 1, 0], ddof=1))
    assert results["specificity"]["mean"] == pytest.approx((1 + 1 + 1 / 2) / 3)
    assert results["sensitivity"] == {"images": 1, "mean": 0.5, "std": None, "median": 0.5, "interval": None}
    assert results["lesions"]["dice"] == {"images": 1, "mean": 2 / 3, "std": None, "median": 2 / 3, "interval": None}
    assert means(given_)["dice"] == results["dice"]["mean"]
    json.dumps(results, allow_nan=False)


def test_by_class():
    """Normal images: one left empty, one drawn on; benign 1/2; malignant 1/4 and 1/2, and one without a mask."""
    counts = [[0, 0, 10, 0], [0, 0, 9, 1], [2, 2, 6, 0], [1, 3, 6, 0], [2, 1, 6, 1], [0, 0, 1, 9], [4, 0, 6, 0]]
    classes = ["normal", "normal", "benign", "malignant", "malignant", "malignant", ""]
    given_ = segmentation(counts, case=[0, 0, 1, 2, 2, 3, 4], has_mask=[True] * 5 + [False, True], label=classes)
    expected = {
        "iou_normal": (1 + 0) / 2,
        "iou_benign": 1 / 2,
        "iou_malignant": (1 / 4 + 1 / 2) / 2,
        "iou_average": (1 / 2 + 1 / 2 + 3 / 8) / 3,
        "iou_lesions": (1 / 2 + 1 / 4 + 1 / 2 + 1) / 4,  # also of the lesion of unknown class
    }
    assert ious(given_) == pytest.approx(expected)
    results = segmentation_results(given_, threshold=0.5, resamples=0)
    assert {name: own["iou"]["mean"] for name, own in results["by_class"].items()} == pytest.approx(
        {"normal": 0.5, "benign": 0.5, "malignant": 3 / 8}
    )
    assert [(own["images"], own["cases"]) for own in results["by_class"].values()] == [(2, 1), (1, 1), (2, 1)]
    assert results["iou_average"] == pytest.approx(expected["iou_average"])
    assert results["iou"]["mean"] != pytest.approx(expected["iou_average"], abs=0.01)
    assert results["empty_masks"] == "Dice and IoU of two empty masks are 1; of an empty one and one that is not, 0"
    # A mean of two classes is not the mean of three.
    without = given_.subset(given_.label != "normal")
    assert ious(without)["iou_average"] is ious(without)["iou_normal"] is None
    assert set(segmentation_results(without, threshold=0.5, resamples=0)["by_class"]) == {"benign", "malignant"}
    assert segmentation_results(segmentation(counts), threshold=0.5, resamples=0)["by_class"] == {}
    with pytest.raises(ValueError, match="label: found 'cyst', expected normal, benign, malignant or ''"):
        segmentation(counts, label=["cyst"] * 7)


def test_nothing_to_compare_with():
    given_ = segmentation(FOUR[3:], has_mask=[False])
    results = segmentation_results(given_, threshold=0.5)
    assert results["images"] == 0
    assert results["unmasked"] == 1
    assert results["dice"] == {"images": 0, "mean": None, "std": None, "median": None, "interval": None}
    assert means(given_) == dict.fromkeys(("dice", "iou", "sensitivity", "specificity"))


def test_intervals_resample_cases():
    """Against each resample written out: the images of the cases drawn, pooled."""
    rng = np.random.default_rng(3)
    case, value = rng.integers(0, 9, 30), rng.random(30)
    value[::7] = np.nan
    case = np.unique(case, return_inverse=True)[1]
    draws = draw_cases(int(case.max()) + 1, resamples=50, seed=1)
    expected = [np.nanmean(np.repeat(value, row[case])) for row in draws]
    assert_allclose(resampled_means(draws, case.astype(np.int64), value), expected)


def test_an_interval_holds_its_mean_and_all_images_of_a_case_count_as_one_draw():
    rng = np.random.default_rng(0)
    counts = np.stack([rng.integers(1, 40, 40), rng.integers(0, 20, 40), np.full(40, 900), rng.integers(0, 20, 40)], 1)
    counts[:, 2] += 1000 - counts.sum(axis=1)
    alone = segmentation_results(segmentation(counts), threshold=0.5)
    together = segmentation_results(segmentation(np.repeat(counts, 4, axis=0), case=np.arange(160) // 4), threshold=0.5)
    for name in ("dice", "iou", "sensitivity", "specificity"):
        interval = alone[name]["interval"]
        assert interval["low"] < alone[name]["mean"] < interval["high"]
        assert interval["dropped"] == 0
        for end in ("low", "high"):  # four copies of every image tell nothing new
            assert together[name]["interval"][end] == pytest.approx(interval[end])


def test_the_file_gives_back_the_same_pixels(tmp_path):
    given_ = segmentation(
        FOUR, case=[0, 0, 1, 2], has_mask=[True, True, True, False], label=["malignant", "normal", "", "benign"]
    )
    path = tmp_path / "test_segmentation.csv"
    write_segmentation(path, given_)
    lines = path.read_text().splitlines()
    assert lines[0].startswith("image_id,case_id,label,has_mask,lesion_pixels_true,lesion_pixels_predicted")
    assert lines[1] == "image 0,case 0,malignant,1,4,2,2,10,0.6666666666666666,0.5,0.5,1.0"
    assert lines[4] == "image 3,case 2,benign,0,,9,,10,,,,"
    back = read_segmentation(path)
    for field in ("image_id", "case_id", "has_mask", "counts", "label"):
        assert np.array_equal(getattr(back, field), getattr(given_, field))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("image_id", "image", "columns: found image, case_id"),
        (",4,2,2,10,", ",4,2,3,10,", "line 2: the numbers of pixels contradict"),
        (",4,2,2,10,", ",four,2,2,10,", "line 2: has_mask or pixels: expected whole numbers"),
        ("case 0,,1", "case 0,benin,1", "label: found 'benin', expected normal, benign, malignant or nothing"),
    ],
)
def test_a_file_that_is_wrong_is_refused(tmp_path, old, new, message):
    path = tmp_path / "test_segmentation.csv"
    write_segmentation(path, segmentation(FOUR))
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(ValueError, match=message):
        read_segmentation(path)
    with pytest.raises(FileNotFoundError, match="no such file"):
        read_segmentation(tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("probability", "mask", "threshold", "message"),
    [
        ([[[0.5, 1.1]]], [[[0, 1]]], 0.5, "predicted masks: found values"),
        ([[[0.5, np.nan]]], [[[0, 1]]], 0.5, "predicted masks: found values"),
        ([[[0.5, 1.0]]], [[[0, 0.7]]], 0.5, "true masks: found values"),
        ([[[0.5, 1.0]]], [[[0, 1]]], 1.5, "threshold: found 1.5"),
    ],
)
def test_values_out_of_range_are_refused(probability, mask, threshold, message):
    with pytest.raises(ValueError, match=message):
        pixel_counts(np.array(probability), np.array(mask), threshold)


def test_images_that_do_not_belong_together_are_refused():
    with pytest.raises(ValueError, match="found images of \\[10, 11\\] pixels"):
        segmentation_results(segmentation([[1, 0, 9, 0], [1, 0, 10, 0]]), threshold=0.5)
    twice = np.array(["a", "a"])
    with pytest.raises(ValueError, match="an image twice"):
        Segmentation(twice, twice, np.ones(2, bool), np.ones((2, 4), np.int64))
