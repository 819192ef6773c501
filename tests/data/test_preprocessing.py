import numpy as np
import pytest

from busjax.data.preprocessing import HALVES, PIXELS, Preprocessing, in_turn
from busjax.data.transforms import Example, squash

CAFFE_LIKE = Preprocessing((123.68, 116.779, 103.939), (1.0, 1.0, 1.0), bgr=True)
IMAGENET_LIKE = Preprocessing((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))


def test_halves():
    out = HALVES.apply(np.array([[[0, 51, 127], [128, 255, 0]]], np.uint8))
    assert out.dtype == np.float32
    np.testing.assert_allclose(out, [[[-1, -0.6, -1 / 255], [1 / 255, 1, -1]]], rtol=0, atol=1e-7)


@pytest.mark.parametrize("way", [HALVES, CAFFE_LIKE, IMAGENET_LIKE])
def test_scaling_and_back(way):
    image = np.random.default_rng(0).integers(0, 256, (2, 5, 4, 3), dtype=np.uint8)
    scaled = way.apply(image)
    assert scaled.dtype == np.float32
    by_hand = (image.astype(np.float64) - way.mean) / way.deviation
    np.testing.assert_allclose(scaled, by_hand[..., ::-1] if way.bgr else by_hand, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(way.invert(scaled), image)


def test_interpolation_is_that_of_the_weights():
    image = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    example = Example(image, np.zeros((30, 40, 1), np.uint8))
    bilinear, bicubic = (squash(example, 20, way).image.astype(int) for way in ("bilinear", "bicubic"))
    assert np.abs(bilinear - bicubic).max() > 5  # bicubic overshoots and is sharper
    assert np.abs(bicubic.std() - image.std()) < np.abs(bilinear.std() - image.std())


@pytest.mark.parametrize("first", sorted(PIXELS))
def test_one_scaling_after_the_other(first):
    """By hand: what the first gives, position by position, through the second."""
    image = np.random.default_rng(0).integers(0, 256, (3, 4, 3), dtype=np.uint8)
    expected = (PIXELS[first].apply(image).astype(np.float64) - IMAGENET_LIKE.mean) / IMAGENET_LIKE.deviation
    both = in_turn(PIXELS[first], IMAGENET_LIKE)
    np.testing.assert_allclose(both.apply(image), expected, rtol=1e-5, atol=1e-5)
    assert both.interpolation == PIXELS[first].interpolation
    with pytest.raises(ValueError, match="puts blue first"):
        in_turn(PIXELS[first], CAFFE_LIKE)
