import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates

from busjax.data.transforms import (
    Example,
    flip_horizontal,
    pad_to_square,
    random_crop,
    resize_short_side,
    squash,
    windows,
)
from busjax.data.warp import Warp, warp
from tfds_builders.bus_benchmark.padding import pad_to_square as benchmark_padding

SIDES = st.integers(1, 40)


def random_example(height: int, width: int, seed: int = 0) -> Example:
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Example(image, (255 * (rng.random((height, width, 1)) < 0.5)).astype(np.uint8))


def coded_example(height: int, width: int) -> Example:
    """Red is the row, green the column, and the mask the parity of their sum."""
    row, column = np.indices((height, width))
    image = np.stack([row, column, np.zeros_like(row)], axis=-1).astype(np.uint8)
    return Example(image, (255 * ((row + column) % 2)).astype(np.uint8)[..., None])


def triangle_weights(old: int, new: int) -> np.ndarray:
    """Rows of weights of a linear resize: a triangle as wide as max(1, old/new) source pixels on each side."""
    scale = old / new
    reach = max(1.0, scale)
    centres = (np.arange(new) + 0.5) * scale
    distance = np.abs(centres[:, None] - (np.arange(old)[None] + 0.5))
    weights = np.clip(1 - distance / reach, 0, None)
    return weights / weights.sum(axis=1, keepdims=True)


def naive_resize(image: np.ndarray, height: int, width: int) -> np.ndarray:
    vertical, horizontal = triangle_weights(image.shape[0], height), triangle_weights(image.shape[1], width)
    return np.einsum("ah,hwc,bw->abc", vertical, image.astype(float), horizontal)


def assert_nearest(mask: np.ndarray, out: np.ndarray) -> None:
    """Each pixel is that under its centre; where a centre falls on an edge of two pixels, either of them."""
    below, above = [], []
    for old, new in zip(mask.shape[:2], out.shape[:2], strict=True):
        below.append([-(-(2 * i + 1) * old // (2 * new)) - 1 for i in range(new)])
        above.append([(2 * i + 1) * old // (2 * new) for i in range(new)])
    choices = [mask[np.ix_(rows, columns)] for rows in (below[0], above[0]) for columns in (below[1], above[1])]
    assert np.logical_or.reduce([out == choice for choice in choices]).all()


@pytest.mark.parametrize(("height", "width"), [(37, 61), (61, 37), (8, 8), (9, 31), (64, 64)])
@pytest.mark.parametrize("size", [8, 16, 31])
def test_squash_is_an_antialiased_linear_resize(height, width, size):
    example = random_example(height, width)
    out = squash(example, size)
    assert out.image.shape == (size, size, 3)
    # Pillow rounds to whole grey levels after each of the two passes.
    assert np.abs(out.image - naive_resize(example.image, size, size)).max() <= 1.01
    assert_nearest(example.mask, out.mask)


@settings(deadline=None)
@given(height=SIDES, width=SIDES, size=SIDES)
def test_short_side_and_aspect(height, width, size):
    out = resize_short_side(random_example(height, width), size)
    short, long = min(height, width), max(height, width)
    expected = math.floor(long * size / short + 0.5 + 1e-9)
    assert out.image.shape == ((size, expected, 3) if height <= width else (expected, size, 3))
    assert out.mask.shape == (*out.image.shape[:2], 1)
    assert set(np.unique(out.mask)) <= {0, 255}
    assert expected >= size


def test_short_side_rounds_halves_up_and_matches_a_naive_resize():
    example = random_example(20, 31)
    out = resize_short_side(example, 10)
    assert out.image.shape == (10, 16, 3)  # 15.5 -> 16
    assert np.abs(out.image - naive_resize(example.image, 10, 16)).max() <= 1.01
    assert_nearest(example.mask, out.mask)


def test_an_image_of_the_right_size_is_unchanged():
    example = random_example(12, 20)
    np.testing.assert_array_equal(resize_short_side(example, 12).image, example.image)


def test_image_and_mask_stay_aligned():
    """The centre of mass of a bright blob and of its mask agree after each resize, up to half a pixel."""
    row, column = np.indices((90, 150))
    blob = (((row - 30) / 12) ** 2 + ((column - 100) / 20) ** 2 < 1).astype(np.uint8) * 255
    example = Example(np.repeat(blob[..., None], 3, axis=2), blob[..., None])
    for out in (squash(example, 40), resize_short_side(example, 40), warp(example, Warp(20.0))):
        y, x = np.indices(out.image.shape[:2])
        for axis in (y, x):
            light = out.image[..., 0].astype(float)
            centre = (axis * light).sum() / light.sum()
            assert abs(centre - axis[out.mask[..., 0] > 0].mean()) < 0.5


@pytest.mark.parametrize(("height", "width"), [(4, 7), (7, 4), (4, 4), (6, 5)])
def test_random_crop_is_uniform_over_all_offsets(height, width):
    example, rng = coded_example(height, width), np.random.default_rng(0)
    count = (height - 3) * (width - 3)
    draws = 400 * count
    seen = np.zeros((height - 3, width - 3))
    for _ in range(draws):
        out = random_crop(example, 4, rng)
        top, left = out.image[0, 0, :2]
        np.testing.assert_array_equal(out.image, example.image[top : top + 4, left : left + 4])
        np.testing.assert_array_equal(out.mask, example.mask[top : top + 4, left : left + 4])
        seen[top, left] += 1
    # Chi-square with count - 1 degrees of freedom: mean count - 1, standard deviation sqrt(2 (count - 1)).
    chi = ((seen - 400) ** 2 / 400).sum()
    assert chi < count - 1 + 5 * math.sqrt(2 * count)


def test_random_crop_of_a_small_image():
    with pytest.raises(ValueError, match="cannot crop 5 x 5 from an image of 4 x 9"):
        random_crop(random_example(4, 9), 5, np.random.default_rng(0))


@settings(deadline=None)
@given(size=st.integers(1, 12), extra=st.integers(0, 60), count=st.integers(1, 9), tall=st.booleans())
def test_windows_of_a_coded_image(size, extra, count, tall):
    long = size + extra
    example = coded_example(long, size) if tall else coded_example(size, long)
    out = windows(example, size, count)
    assert out.image.shape == (count, size, size, 3)
    assert out.mask.shape == (count, size, size, 1)
    for i in range(count):
        exact = extra / 2 if count == 1 else i * extra / (count - 1)
        offset = math.floor(exact + 0.5 + 1e-9)
        assert out.image[i, 0, 0, 0 if tall else 1] == offset
        assert out.image[i, 0, 0, 1 if tall else 0] == 0
        cut = np.s_[offset : offset + size] if tall else np.s_[:, offset : offset + size]
        np.testing.assert_array_equal(out.image[i], example.image[cut])
        np.testing.assert_array_equal(out.mask[i], example.mask[cut])


def test_five_windows_by_hand():
    """299 x 400: steps of 25.25 pixels, so 0, 25, 50 or 51, 76, 101."""
    column = np.broadcast_to(np.arange(400) % 256, (299, 400)).astype(np.uint8)
    block = np.broadcast_to(np.arange(400) // 256, (299, 400)).astype(np.uint8)
    example = Example(np.stack([column, block, block], axis=-1), np.zeros((299, 400, 1), np.uint8))
    assert list(windows(example, 299, 5).image[:, 0, 0, 0]) == [0, 25, 51, 76, 101]


def test_windows_errors():
    with pytest.raises(ValueError, match="windows of 8 need a shorter side of 8, found 9 x 12"):
        windows(random_example(9, 12), 8)
    with pytest.raises(ValueError, match="at least 1, found 0"):
        windows(random_example(8, 12), 8, 0)


def test_flip_is_a_fair_coin_and_mirrors_columns():
    example, rng = coded_example(3, 6), np.random.default_rng(0)
    flipped = 0
    for _ in range(1000):
        out = flip_horizontal(example, rng)
        mirrored = bool(out.image[0, 0, 1] == 5)
        flipped += mirrored
        step = -1 if mirrored else 1
        np.testing.assert_array_equal(out.image, example.image[:, ::step])
        np.testing.assert_array_equal(out.mask, example.mask[:, ::step])
    assert abs(flipped - 500) < 5 * math.sqrt(250)


@pytest.mark.parametrize(("height", "width"), [(7, 12), (12, 7), (9, 9), (10, 9), (9, 10)])
@pytest.mark.parametrize("grey", [False, True])
def test_padding_to_a_square(height, width, grey):
    """As the benchmark's builder pads, which is written by itself; then the size is right without a resize."""
    example = random_example(height, width)
    if grey:
        example = Example(np.broadcast_to(example.image[..., :1], example.image.shape), example.mask)
    side = max(height, width)
    out = pad_to_square(example, side)
    np.testing.assert_array_equal(out.image, benchmark_padding(example.image))
    np.testing.assert_array_equal(out.mask, benchmark_padding(example.mask))
    assert not out.image[-1].any() or height >= width
    half = pad_to_square(example, 5)
    np.testing.assert_array_equal(half.image, squash(Example(out.image, out.mask), 5).image)
    np.testing.assert_array_equal(half.mask, squash(Example(out.image, out.mask), 5).mask)


@pytest.mark.parametrize(("height", "width", "size"), [(37, 61, 16), (16, 20, 31), (50, 50, 25)])
def test_a_resize_without_antialiasing_reads_points(height, width, size):
    """The bilinear value at each new pixel's centre, with the border continued: by scipy's own interpolation."""
    example = random_example(height, width)
    out = squash(example, size, "bilinear_point")
    row = (np.arange(size) + 0.5) * height / size - 0.5
    column = (np.arange(size) + 0.5) * width / size - 0.5
    places = np.meshgrid(row, column, indexing="ij")
    for channel in range(3):
        expected = map_coordinates(example.image[..., channel].astype(float), places, order=1, mode="nearest")
        assert np.abs(out.image[..., channel] - expected).max() <= 0.51
    np.testing.assert_array_equal(out.mask, squash(example, size).mask)
