"""One affine warp for image and mask, against Pillow's rotation, scipy's resampling and the mask itself."""

import math

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import affine_transform, distance_transform_edt

from busjax.data.augmentation import Augmentation
from busjax.data.transforms import Example
from busjax.data.warp import Warp, warp
from tests.data.test_transforms import random_example

CHANGES = [
    Warp(degrees=20.0),
    Warp(down=3.25, right=-4.6),
    Warp(scale=0.6),
    Warp(scale=1.7),
    Warp(degrees=-33.0, down=-2.4, right=5.7, scale=0.8),
    Warp(shear=14.0),
    Warp(degrees=25.0, down=1.3, scale=1.2, shear=-9.0),
]


def blob(height: int, width: int) -> Example:
    """A tilted ellipse, as an image that is its own mask."""
    y, x = np.indices((height, width)) - np.array([0.45 * height, 0.55 * width])[:, None, None]
    values = np.where((2 * x + y) ** 2 / width**2 + (2 * y - x) ** 2 / height**2 < 0.5, 255, 0).astype(np.uint8)
    return Example(np.repeat(values[..., None], 3, axis=2), values[..., None])


def scipy_matrix(change: Warp, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """From (row, column) of the result to those of the source, by the inverse of a forward matrix, pixel centres at
    whole numbers."""
    angle = math.radians(change.degrees)
    # Counter-clockwise as seen: rows run downwards.
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    # First sheared: lower rows move right.
    forward = change.scale * turn @ np.array([[1.0, 0.0], [math.tan(math.radians(change.shear)), 1.0]])
    centre = np.array([(height - 1) / 2, (width - 1) / 2])
    matrix = np.linalg.inv(forward)
    return matrix, centre - matrix @ (centre + np.array([change.down, change.right]))


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(("fill", "mode"), [("edge", "nearest"), ("zero", "constant")])
@pytest.mark.parametrize(("height", "width"), [(40, 31), (24, 47)])
def test_against_scipy(change, fill, mode, height, width):
    example = random_example(height, width)
    out = warp(example, change, fill)
    matrix, offset = scipy_matrix(change, height, width)
    centres = np.indices((height, width)).reshape(2, -1)
    source = (matrix @ centres + offset[:, None]).reshape(2, height, width)
    # Pillow continues the last half pixel of an image, scipy's 'constant' blends it with what is outside.
    last = np.array([height, width])[:, None, None] - 1
    inside = ((source >= 0) & (source <= last)).all(axis=0)
    compared = np.ones_like(inside) if fill == "edge" else inside
    assert compared.mean() > 0.2
    for channel in range(3):
        values = example.image[..., channel].astype(float)
        expected = affine_transform(values, matrix, offset, order=1, mode=mode)
        assert np.abs(out.image[..., channel] - expected)[compared].max() <= 0.51
    nearest = affine_transform(example.mask[..., 0], matrix, offset, order=0, mode=mode)
    # Halfway between two pixels either is nearest, and Pillow counts places in 65536ths, which add up along a row.
    clear = compared & (np.abs(source - np.floor(source) - 0.5) > 2e-3).all(axis=0)
    np.testing.assert_array_equal(out.mask[..., 0][clear], nearest[clear])
    if fill == "zero":
        outside = ((source < -0.51) | (source > last + 0.51)).any(axis=0)
        assert not out.image[outside].any()
        assert not out.mask[outside].any()


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("fill", ["edge", "zero"])
def test_an_image_that_is_its_own_mask_is_warped_as_it(change, fill):
    """Above half is inside; they may differ only in pixels that the edge passes through."""
    out = warp(blob(61, 80), change, fill)
    bright, inside = out.image[..., 0] > 127, out.mask[..., 0] > 0
    assert 0.02 < inside.mean() < 0.9
    depth = np.maximum(distance_transform_edt(inside), distance_transform_edt(~inside))
    assert depth[bright != inside].max(initial=0) <= 1.0
    assert (bright != inside).sum() < 0.1 * (depth <= 1).sum()


def test_a_straight_edge_is_the_same_in_both():
    """Shifted by any part of a pixel, the bilinear value is above half just where the nearest pixel is bright."""
    step = np.zeros((20, 20), np.uint8)
    step[:, 9:] = 255
    for right in np.linspace(-3.9, 3.9, 27):
        out = warp(Example(np.repeat(step[..., None], 3, 2), step[..., None]), Warp(right=float(right)), "edge")
        np.testing.assert_array_equal(out.image[..., 0] > 127, out.mask[..., 0] > 0)


@pytest.mark.parametrize("degrees", [7.0, -60.0, 90.0, 179.5])
def test_turning_alone_is_pillows_rotation(degrees):
    example = random_example(24, 31)
    out = warp(example, Warp(degrees))
    image = Image.fromarray(example.image).rotate(degrees, Image.Resampling.BILINEAR)
    mask = Image.fromarray(example.mask[..., 0]).rotate(degrees, Image.Resampling.NEAREST)
    # Pillow cuts fractions of a grey level off, which ours rounds.
    assert set(np.unique(out.image.astype(int) - np.asarray(image))) <= {0, 1}
    assert (out.mask[..., 0] == np.asarray(mask)).mean() > 0.99


def test_no_change_is_the_same_example():
    example = random_example(9, 14)
    assert warp(example, Warp(), "edge") is example
    rng = np.random.default_rng(0)
    before = rng.bit_generator.state
    assert Augmentation().apply(example, 9, crop=False, rng=rng) is example
    assert rng.bit_generator.state == before


def test_whole_pixels_by_hand():
    """Down by one and right by two: zeros or the border's pixels come in."""
    values = np.arange(12, dtype=np.uint8).reshape(3, 4)
    example = Example(np.repeat(values[..., None], 3, 2), np.where(values > 5, 255, 0).astype(np.uint8)[..., None])
    change = Warp(down=1, right=2)
    np.testing.assert_array_equal(
        warp(example, change, "zero").image[..., 0], [[0, 0, 0, 0], [0, 0, 0, 1], [0, 0, 4, 5]]
    )
    edge = warp(example, change, "edge")
    np.testing.assert_array_equal(edge.image[..., 0], [[0, 0, 0, 1], [0, 0, 0, 1], [4, 4, 4, 5]])
    np.testing.assert_array_equal(edge.mask[..., 0], np.zeros((3, 4)))


@pytest.mark.parametrize("grey", [False, True])
def test_masks_stay_binary_and_grey_images_grey(grey):
    example = random_example(30, 40)
    if grey:
        example = Example(np.broadcast_to(example.image[..., :1], example.image.shape), example.mask)
    augmentation = Augmentation(True, 20.0, 0.2, 0.2, (0.5, 2.0), "edge", 8.0)
    seen = []
    for seed in range(30):
        out = augmentation.apply(example, 30, crop=False, rng=np.random.default_rng(seed))
        assert out.image.shape == example.image.shape
        assert set(np.unique(out.mask)) <= {0, 255}
        if grey:
            assert (out.image == out.image[..., :1]).all()
        seen.append(out.image)
    assert len({image.tobytes() for image in seen}) == 30


def test_draws_are_even_over_their_ranges():
    augmentation = Augmentation(False, 20.0, 0.2, 0.1, (0.5, 2.0), shear_degrees=12.0)
    rng = np.random.default_rng(0)
    draws = [augmentation.draw(rng, 100, 50) for _ in range(4000)]
    ranges = {"degrees": (-20, 20), "down": (-20, 20), "right": (-5, 5), "shear": (-12, 12)}
    for field, (low, high) in ranges.items():
        counts, _ = np.histogram([getattr(draw, field) for draw in draws], bins=4, range=(low, high))
        assert counts.sum() == 4000
        assert np.abs(counts - 1000).max() < 5 * math.sqrt(1000 * 0.75), field
    counts, _ = np.histogram(np.log2([draw.scale for draw in draws]), bins=4, range=(-1, 1))
    assert counts.sum() == 4000
    assert np.abs(counts - 1000).max() < 5 * math.sqrt(1000 * 0.75)


def test_right_angles_are_even_and_lose_nothing():
    example = random_example(12, 20)
    rng = np.random.default_rng(0)
    made = [Augmentation(right_angles=True).apply(example, 12, crop=False, rng=rng) for _ in range(400)]
    counts = []
    for turns in range(4):
        image, mask = np.rot90(example.image, turns), np.rot90(example.mask, turns)
        counts.append(sum(np.array_equal(m.image, image) and np.array_equal(m.mask, mask) for m in made))
    assert sum(counts) == 400
    assert np.abs(np.array(counts) - 100).max() < 5 * math.sqrt(400 * 3 / 16)


def test_what_changes_something():
    assert not Augmentation().changes
    assert not Augmentation(fill="edge").changes
    for fields in ({"right_angles": True}, {"shear_degrees": 1.0}, {"scale": (0.9, 1.0)}, {"noise": 1.0}):
        assert Augmentation(**fields).changes


def test_noise_has_the_deviation_and_leaves_the_mask():
    example = Example(np.full((200, 200, 3), 128, np.uint8), np.zeros((200, 200, 1), np.uint8))
    out = Augmentation(noise=10.0).apply(example, 200, crop=False, rng=np.random.default_rng(0))
    values = out.image[..., 0].astype(float)
    assert abs(values.mean() - 128) < 5 * 10 / 200
    assert abs(values.std() - math.hypot(10, 1 / math.sqrt(12))) < 0.2
    assert out.mask is example.mask


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"shift_heigth": 0.1}, "unknown augmentation 'shift_heigth'; did you mean 'shift_height'"),
        ({"shift_width": 1.5}, "augment.shift_width is 1.5, expected a number from 0 to 1"),
        ({"rotate_degrees": True}, "augment.rotate_degrees is True, expected a number from 0 to 180"),
        ({"noise": -1}, "augment.noise is -1, expected a number from 0 to 255"),
        ({"scale": 2.0}, "augment.scale is 2.0, expected two numbers"),
        ({"scale": (2.0, 0.5)}, r"augment.scale is \(2.0, 0.5\), expected two factors above 0, the smaller one first"),
        ({"fill": "wrap"}, "augment.fill is 'wrap', expected one of zero, edge"),
        ({"flip_horizontal": 1}, "augment.flip_horizontal is 1, expected True or False"),
        ({"right_angles": "yes"}, "augment.right_angles is 'yes', expected True or False"),
        ({"shear_degrees": 60}, "augment.shear_degrees is 60, expected a number from 0 to 45"),
    ],
)
def test_wrong_fields(fields, message):
    with pytest.raises(ValueError, match=message):
        Augmentation.from_mapping(fields)


def test_an_unknown_fill():
    with pytest.raises(ValueError, match="fill: found 'mirror', expected one of zero, edge"):
        warp(random_example(4, 4), Warp(1.0), "mirror")
