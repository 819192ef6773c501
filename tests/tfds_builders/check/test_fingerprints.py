import imagehash
import numpy as np
import pytest
from PIL import Image

from tests.tfds_builders.check.pictures import mirror, padded, rgb, scene
from tfds_builders.check.fingerprints import fingerprint

NO_MASK = np.zeros((170, 220, 1), np.uint8)


def as_integer(value: imagehash.ImageHash) -> int:
    return int(str(value), 16)


@pytest.mark.parametrize("seed", range(5))
def test_hash_and_thumbnail_are_those_of_the_libraries(seed: int) -> None:
    image = scene(seed)
    found = fingerprint(rgb(image), NO_MASK, True)
    assert found["hash"] == as_integer(imagehash.phash(image))
    assert found["mirrored_hash"] == as_integer(imagehash.phash(mirror(image)))
    np.testing.assert_array_equal(found["thumbnail"], np.asarray(image.resize((96, 96))))


def test_black_borders_play_no_part() -> None:
    image = scene(1)
    for other in (padded(image), padded(padded(image).resize((440, 440), Image.Resampling.NEAREST))):
        found = fingerprint(rgb(other), np.zeros((*other.size[::-1], 1), np.uint8), False)
        assert found["hash"] == fingerprint(rgb(image), NO_MASK, False)["hash"]


def test_grey_levels_of_a_border() -> None:
    values = np.full((40, 50), 9, np.uint8)
    values[:5] = 8  # cut off; 9 stays
    values[20, 20] = 200
    inside = Image.fromarray(values[5:])
    found = fingerprint(rgb(Image.fromarray(values)), np.zeros((40, 50, 1), np.uint8), False)
    np.testing.assert_array_equal(found["thumbnail"], np.asarray(inside.resize((96, 96))))


def test_digest_depends_on_pixels_and_shape() -> None:
    image = rgb(scene(2))
    changed = image.copy()
    changed[5, 6, 2] ^= 1
    reshaped = image.reshape(image.shape[1], image.shape[0], 3)
    digests = [
        fingerprint(i, np.zeros((*i.shape[:2], 1), np.uint8), False)["digest"] for i in (image, changed, reshaped)
    ]
    assert len(set(digests)) == 3
    assert fingerprint(image[:, ::-1][:, ::-1], NO_MASK, False)["digest"] == digests[0]


def test_spread_leaves_out_a_hundredth_at_both_ends() -> None:
    values = np.full((100, 100), 50, np.uint8)
    values[0, :99] = 0  # less than a hundredth
    values[1, :99] = 255
    assert fingerprint(rgb(Image.fromarray(values)), np.zeros((100, 100, 1), np.uint8), False)["spread"] == 0
    values[2, :50] = 0
    values[3, :50] = 60
    assert fingerprint(rgb(Image.fromarray(values)), np.zeros((100, 100, 1), np.uint8), False)["spread"] == 60


@pytest.mark.parametrize(("has_mask", "pixel", "empty"), [(True, 0, True), (True, 255, False), (False, 0, False)])
def test_empty_mask(has_mask: bool, pixel: int, empty: bool) -> None:
    mask = NO_MASK.copy()
    mask[3, 3] = pixel
    assert fingerprint(rgb(scene(0)), mask, has_mask)["empty_mask"] == empty


def test_all_black_image() -> None:
    found = fingerprint(np.zeros((20, 30, 3), np.uint8), np.zeros((20, 30, 1), np.uint8), False)
    assert not found["thumbnail"].any()
    assert found["spread"] == 0
