"""The region of a lesion by hand, its patch and numbers in batches; images as their luminance."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from busjax.data.lesion import lesion_box, lesion_patch, lesion_square
from busjax.data.pipeline import evaluation_batches, training_batches
from busjax.data.transforms import Example, grey, is_one_channel, squash

from .memory import memory_dataset


def mask_of(height, width, *boxes):
    mask = np.zeros((height, width, 1), np.uint8)
    for top, bottom, left, right in boxes:
        mask[top:bottom, left:right] = 255
    return mask


@given(st.integers(1, 30), st.integers(1, 30), st.data())
def test_the_box_is_the_smallest_that_holds_all_lesion_pixels(height, width, data):
    pixels = data.draw(
        st.lists(st.tuples(st.integers(0, height - 1), st.integers(0, width - 1)), min_size=1, max_size=5)
    )
    mask = mask_of(height, width, *((y, y + 1, x, x + 1) for y, x in pixels))
    rows, columns = zip(*pixels, strict=True)
    assert lesion_box(mask) == (min(rows), max(rows) + 1, min(columns), max(columns) + 1)


@pytest.mark.parametrize(
    ("height", "width", "box"),
    [(100, 50, (20, 80, 10, 40)), (101, 7, (20, 81, 1, 5)), (1, 1, (0, 1, 0, 1))],
)
def test_without_a_lesion_it_is_the_middle(height, width, box):
    assert lesion_box(mask_of(height, width)) == box


def test_a_square_is_the_box_with_a_margin_and_zeros():
    """A lesion 40 high and 20 wide: 6 rows above and below it, 3 columns on each side; then 52 x 26 in a square."""
    mask = mask_of(100, 90, (30, 70, 50, 70))
    image = np.full((100, 90, 3), 255, np.uint8)
    image[24:76, 47:73] = 90
    square = lesion_square(Example(image, mask), 52)
    assert (square.image[:, 13:39] == 90).all()
    assert not square.image[:, :13].any()
    assert not square.image[:, 39:].any()
    expected = mask_of(52, 52, (6, 46, 16, 36))
    assert (square.mask == expected).all()
    # At the image's edge the margin is as wide as the image has it: rows 0 to 46 of a lesion in rows 2 to 40.
    mask, image = mask_of(100, 90, (2, 40, 50, 88)), np.full((100, 90, 3), 7, np.uint8)
    square = lesion_square(Example(image, mask), 46)
    assert (square.image[:, :, 0].sum(axis=0) > 0).sum() == 90 - 44  # columns 44 to 90: 6 beside it, 2 to the edge
    assert (square.image[:, :, 0].sum(axis=1) > 0).all()


def test_a_patch_is_the_box_and_nothing_else():
    """Inside of the boxes every pixel is 90; two lesions are one region, whose height and width are 40 and 80."""
    mask = mask_of(70, 120, (10, 20, 5, 50), (30, 50, 60, 85))
    image = np.full((70, 120, 3), 255, np.uint8)
    image[10:50, 5:85] = 90
    patch = lesion_patch(Example(image, mask), 28)
    assert patch.image.shape == (28, 28, 3)
    assert (patch.image == 90).all()
    assert patch.extra.dtype == np.float32
    np.testing.assert_allclose(patch.extra, [28 / 40, 28 / 80, 80 / 40])
    # Of the mask, the corners that no lesion covers: right above, left below.
    assert not patch.mask[:6, 18:].any()
    assert patch.mask[:6, :15].all()
    assert not patch.mask[15:, :18].any()
    assert patch.mask[15:, 20:].all()


@given(st.integers(0, 255), st.integers(0, 255), st.integers(0, 255))
def test_grey_is_the_luminance(red, green, blue):
    example = grey(Example(np.array([[[red, green, blue]]], np.uint8), np.zeros((1, 1, 1), np.uint8)))
    assert is_one_channel(example.image)
    assert abs(float(example.image[0, 0, 0]) - (0.299 * red + 0.587 * green + 0.114 * blue)) <= 0.51
    if red == green == blue:
        assert example.image[0, 0, 0] == red


def test_batches_hold_the_numbers_of_their_own_images():
    dataset = memory_dataset(10)
    options = {"image_size": 12, "resize": "lesion", "batch_size": 4, "grey": True}
    expected = {}
    for row, record in enumerate(dataset.records):
        example = Example(record["image"], record["mask"])
        top, bottom, left, right = lesion_box(example.mask)
        cut = Example(grey(example).image[top:bottom, left:right], example.mask[top:bottom, left:right])
        height, width = bottom - top, right - left
        numbers = np.float32([12 / height, 12 / width, width / height])
        expected[row] = squash(cut, 12).image / np.float32(127.5) - 1, numbers

    seen = []
    for batch in evaluation_batches(dataset, np.arange(10), views=1, **options):
        assert batch["extra"].shape == (4, 3)
        assert batch["extra"].dtype == np.float32
        for i in range(4):
            image, extra = expected[int(batch["index"][i])]
            np.testing.assert_allclose(batch["image"][i, 0], image, atol=1e-6)
            np.testing.assert_array_equal(batch["extra"][i], extra)
        seen += batch["index"][batch["weight"] > 0].tolist()
    assert seen == list(range(10))

    stream = iter(training_batches(dataset, np.arange(10), augment={"flip_horizontal": True}, seed=0, **options))
    batch = next(stream)
    stream.close()
    for i in range(4):
        image, extra = expected[int(batch["index"][i])]
        np.testing.assert_array_equal(batch["extra"][i], extra)
        assert min(np.abs(batch["image"][i] - way).max() for way in (image, image[:, ::-1])) < 1e-6


def test_other_patches_have_no_such_numbers_and_keep_their_colours():
    dataset = memory_dataset(4)
    options = {"image_size": 12, "resize": "squash", "batch_size": 4, "views": 1}
    (colour,) = evaluation_batches(dataset, np.arange(4), **options)
    (shades,) = evaluation_batches(dataset, np.arange(4), grey=True, **options)
    assert "extra" not in colour
    assert (colour["image"][1, 0, ..., 0] != colour["image"][1, 0, ..., 2]).any()  # odd rows are coloured
    assert (shades["image"][..., 0] == shades["image"][..., 2]).all()
    # Resizing is linear, so before or after it the luminance is the same but for rounding.
    weights = np.array([0.299, 0.587, 0.114], np.float32)
    assert np.abs(shades["image"][..., 0] - colour["image"] @ weights).max() <= 2 / 127.5
