import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from busjax.evaluation.localisation import energy_inside, pointing_game

AREA = 100 / 600  # of the square lesion in the image


def point(row, column):
    cam = np.zeros((20, 30))
    cam[row, column] = 1.0
    return cam


def test_by_hand(cam_example):
    inside, outside = point(5, 10), point(4, 10)
    tied = np.maximum(point(6, 12), point(0, 0) + point(0, 1) + point(0, 2))  # one of four maxima is inside
    examples = [cam_example(inside), cam_example(outside), cam_example(tied)]
    result = pointing_game(examples)
    assert result.value == pytest.approx((1 + 0 + 0.25) / 3)
    assert result.chance == pytest.approx(AREA)
    assert (result.images, result.skipped) == (3, 0)
    weak_inside = 0.5 * point(6, 12) + 0.75 * point(0, 0)
    assert pointing_game([cam_example(weak_inside)]).value == 0.0
    assert energy_inside([cam_example(weak_inside)]).value == pytest.approx(0.5 / 1.25)


def test_examples_without_a_lesion_mask_are_skipped_and_counted(cam_example):
    examples = [cam_example(), cam_example(mask=None), cam_example(mask=np.zeros((20, 30), np.uint8))]
    for result in (pointing_game(examples), energy_inside(examples)):
        assert (result.value, result.images, result.skipped) == (1.0, 1, 2)
    nothing = pointing_game(examples[1:])
    assert np.isnan(nothing.value)
    assert np.isnan(nothing.chance)
    assert (nothing.images, nothing.skipped) == (0, 2)


@pytest.mark.parametrize("level", [0.0, 0.3, 1.0])
def test_a_constant_map_scores_at_chance(cam_example, level):
    example = cam_example(np.full((20, 30), level))
    assert pointing_game([example]).value == pytest.approx(AREA)
    assert energy_inside([example]).value == pytest.approx(AREA)


def test_a_map_of_the_frame_scores_below_chance(cam_example):
    frame = np.ones((20, 30))
    frame[2:-2, 2:-2] = 0
    assert pointing_game([cam_example(frame)]).value == 0.0
    assert energy_inside([cam_example(frame)]).value == 0.0


@given(arrays(np.float64, (20, 30), elements=st.floats(0, 1)))
@settings(deadline=None, max_examples=30)
def test_lesion_and_background_share_the_map(cam_example, cam):
    square = cam_example().mask
    parts = [[cam_example(cam, mask=mask)] for mask in (square, 255 - square)]
    for measure in (pointing_game, energy_inside):
        assert sum(measure(part).value for part in parts) == pytest.approx(1)


def test_wrong_examples_are_refused(cam_example):
    with pytest.raises(ValueError, match=r"image 'image': cam: found values from 0 to 1\.5, expected 0 to 1"):
        cam_example(1.5 * point(0, 0))
    with pytest.raises(ValueError, match="image 'image': cam: found values from nan"):
        cam_example(np.full((20, 30), np.nan))
    with pytest.raises(ValueError, match=r"image 'image': mask: found size \(4, 4\), expected \(20, 30\)"):
        cam_example(mask=np.zeros((4, 4), np.uint8))
    with pytest.raises(ValueError, match="image 'image': target: found 2"):
        cam_example(target=2)
    with pytest.raises(ValueError, match=r"image 'image': score: found values from 1\.5"):
        cam_example(score=1.5)
