"""Filters of speckle against their formulas, and what they leave alone."""

import numpy as np
import pytest
import scipy.ndimage
import scipy.signal
from numpy.lib.stride_tricks import sliding_window_view

from busjax.data.despeckle import FILTERS, despeckle
from busjax.data.pipeline import evaluation_batches, training_batches
from busjax.data.transforms import Example, is_one_channel, three_channels

from .memory import MemoryDataset, memory_dataset


def speckled(height=60, width=47):
    """A dark ellipse in bright tissue, with multiplicative grain, as a device would compress it."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:height, :width]
    echo = np.where(((y - 30) / 14) ** 2 + ((x - 22) / 10) ** 2 < 1, 3.0, 40.0)
    grain = rng.rayleigh(1.0, (height, width))
    return np.clip(60 * np.log1p(echo * grain) / np.log(20), 0, 255).astype(np.uint8)


def windows_of(grey):
    return sliding_window_view(np.pad(grey.astype(np.float64), 2, "symmetric"), (5, 5))


def test_the_median_is_that_of_each_window():
    grey = speckled()
    found = despeckle(Example(three_channels(grey), np.zeros((60, 47, 1), np.uint8)), "median")
    assert np.array_equal(found.image[..., 1], np.median(windows_of(grey), axis=(2, 3)).astype(np.uint8))


def test_wiener_is_lees_formula():
    """With the mean of the local variances as the noise; nothing beyond the border counts."""
    grey = speckled()
    window = windows_of(grey)
    mean, variance = window.mean(axis=(2, 3)), window.var(axis=(2, 3))
    expected = mean + np.maximum(0, 1 - variance.mean() / variance) * (grey - mean)
    found = despeckle(Example(three_channels(grey), np.zeros((60, 47, 1), np.uint8)), "wiener").image[..., 0]
    assert np.abs(found - expected).max() <= 0.5 + 1e-6


@pytest.mark.parametrize("name", FILTERS)
def test_grain_goes_and_the_lesion_stays(name):
    grey = speckled()
    mask = np.random.default_rng(1).choice(np.array([0, 255], np.uint8), (60, 47, 1))
    found = despeckle(Example(three_channels(grey), mask), name)
    assert found.mask is mask
    assert found.image.dtype == np.uint8
    assert found.image.shape == (60, 47, 3)
    tissue = np.s_[:, 36:]
    assert found.image[tissue].std() < 0.7 * grey[tissue].std()
    inside = scipy.ndimage.uniform_filter(found.image[..., 0].astype(float), 5)[30, 22]
    assert found.image[tissue].mean() - inside > 0.8 * (grey[tissue].mean() - grey[25:35, 17:27].mean())


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("level", [0, 77, 255])
def test_a_flat_image_and_flat_borders_stay(name, level):
    flat = np.full((9, 12, 3), level, np.uint8)
    mask = np.zeros((9, 12, 1), np.uint8)
    assert np.array_equal(despeckle(Example(flat, mask), name).image, flat)
    half = np.zeros((30, 30, 3), np.uint8)
    half[:, 20:] = speckled()[:30, :10, None]
    half[0, 0] = 1
    assert (despeckle(Example(half, np.zeros((30, 30, 1), np.uint8)), name).image[5:, :15] == 0).all()


@pytest.mark.parametrize("name", FILTERS)
def test_channels_are_filtered_by_themselves(name):
    grey = speckled()
    mask = np.zeros((60, 47, 1), np.uint8)
    alone = despeckle(Example(three_channels(grey), mask), name).image
    assert is_one_channel(alone)
    assert np.array_equal(alone, despeckle(Example(np.stack([grey] * 3, axis=-1), mask), name).image)
    coloured = np.stack([grey, grey[::-1], grey], axis=-1)
    found = despeckle(Example(coloured, mask), name).image
    assert np.array_equal(found[..., 0], alone[..., 0])
    assert np.array_equal(found[..., 1], alone[::-1, :, 0])


def batches(dataset, despeckle, training):
    rows = np.arange(len(dataset))
    options = {"image_size": 16, "resize": "pad", "batch_size": 5, "prefetch": 0, "despeckle": despeckle}
    if training:
        iterator = iter(training_batches(dataset, rows, augment={}, seed=0, **options))
        return [next(iterator) for _ in range(2)]
    return list(evaluation_batches(dataset, rows, views=1, **options))


@pytest.mark.parametrize("training", [True, False])
def test_batches_hold_filtered_images_and_everything_else_as_it_was(training):
    dataset = memory_dataset(10)
    plain, filtered = (batches(dataset, name, training) for name in ("", "median"))
    # The filter comes before the resize: the same as records that were filtered.
    records = [
        record | {"image": despeckle(Example(record["image"], record["mask"]), "median").image}
        for record in dataset.records
    ]
    before = batches(MemoryDataset(records), "", training)
    for a, b, c in zip(plain, filtered, before, strict=True):
        assert (a["image"] != b["image"]).any()
        for name in a.keys() - {"image"}:
            assert np.array_equal(a[name], b[name])
        assert np.array_equal(b["image"], c["image"])


def test_an_unknown_filter():
    with pytest.raises(ValueError, match="unknown despeckle 'medina'; did you mean 'median'"):
        batches(memory_dataset(3), "medina", training=False)
