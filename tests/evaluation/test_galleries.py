import dataclasses

import matplotlib
import numpy as np
import pytest

from busjax.evaluation.examples import CamExample, FeatureExample
from busjax.evaluation.figures import png_bytes
from busjax.evaluation.galleries import cam_gallery, feature_maps, overlay


def feature_example(numbers=(1, 200), **changes) -> FeatureExample:
    random = np.random.default_rng(0)
    values = {
        "image_id": "bus_0001-l",
        "image": np.full((20, 30, 3), 90, dtype=np.uint8),
        "input_cam": random.random((20, 30)),
        "image_maps": {number: random.normal(size=(4, 6)) for number in numbers},
        "map_maps": {number: random.normal(size=(4, 6)) for number in numbers},
    }
    return FeatureExample(**{**values, **changes})


def visible(figure):
    return [axes for axes in figure.axes if axes.images]


def test_overlay_by_hand():
    image = np.array([[[100, 100, 100], [100, 100, 100], [0, 0, 0]]], dtype=np.uint8)
    result = overlay(image, np.array([[0.0, 1.0, 0.5]]), strength=0.6)
    assert result.dtype == np.uint8
    assert result[0, 0].tolist() == [100, 100, 100]
    red = 255 * np.array(matplotlib.colormaps["turbo"](1.0)[:3])
    assert result[0, 1].tolist() == np.round(40 + 0.6 * red).tolist()
    middle = 255 * np.array(matplotlib.colormaps["turbo"](0.5)[:3])
    assert result[0, 2].tolist() == np.round(0.3 * middle).tolist()


def test_overlay_leaves_its_inputs_alone():
    image, cam = np.full((4, 5, 3), 7, np.uint8), np.linspace(0, 1, 20, dtype=np.float32).reshape(4, 5)
    before = image.copy(), cam.copy()
    overlay(image, cam)
    assert np.array_equal(image, before[0])
    assert np.array_equal(cam, before[1])


def test_overlay_refuses_a_map_out_of_range():
    with pytest.raises(ValueError, match="overlay: map: found values from 0 to 2, expected 0 to 1"):
        overlay(np.zeros((1, 2, 3), np.uint8), np.array([[0.0, 2.0]]))


def test_gallery_of_three_classes_has_rows_of_right_and_wrong(cam_example):
    names = {"classes": ("normal", "benign", "malignant")}

    def of(target, decided, image_id):
        values = dataclasses.asdict(cam_example(image_id=image_id)) | names
        return CamExample(**(values | {"target": target, "decided": decided, "score": 0.6}))

    examples = [of(0, 0, "a"), of(1, 2, "b"), of(2, 2, "c"), of(2, 0, "d"), of(-1, 1, "unknown")]
    figure = cam_gallery(examples)
    titles = [axes.get_title() for axes in visible(figure)]
    assert titles == ["a", "normal 0.600", "b", "malignant 0.600", "c", "malignant 0.600", "d", "normal 0.600"]
    labels = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert labels == [
        "normal, right",
        "no normal, wrong among the examples",
        "no benign, right among the examples",
        "benign, wrong",
        "malignant, right",
        "malignant, wrong",
    ]
    with pytest.raises(ValueError, match="target: found 3, expected 0 to 2, or -1"):
        of(3, 0, "e")
    with pytest.raises(ValueError, match="decided: found -1, expected 0 to 2"):
        of(0, -1, "e")


def test_gallery_rows_are_the_four_outcomes(cam_example):
    examples = [
        cam_example(image_id="tp", target=1, score=0.9),
        cam_example(image_id="tn", target=0, score=0.2),
        cam_example(image_id="fp", target=0, score=0.7),
        cam_example(image_id="unknown", target=-1, score=0.7),
        *[cam_example(image_id=f"tp{index}", target=1, score=0.8) for index in range(3)],
    ]
    figure = cam_gallery(examples)
    titles = [axes.get_title() for axes in visible(figure)]
    expected = ["tp", "tp0", "tp1", "tn", "fp"]  # the first three true positives, in the paper's order of rows
    assert titles[::2] == expected
    assert titles[1::2] == [f"mt score {score}" for score in ("0.900", "0.800", "0.800", "0.200", "0.700")]
    labels = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert labels == ["true positives", "true negatives", "no false negatives among the examples", "false positives"]


def test_gallery_shows_image_map_and_outline(cam_example):
    left, right = visible(cam_gallery([cam_example()]))
    example = cam_example()
    assert np.array_equal(left.images[0].get_array(), example.image)
    assert np.array_equal(right.images[0].get_array(), overlay(example.image, example.cam))
    for axes in (left, right):
        outline = np.concatenate([path.vertices for contour in axes.collections for path in contour.get_paths()])
        assert outline.min(axis=0).tolist() == [9.5, 4.5]  # half way between the lesion's pixels and the next ones
        assert outline.max(axis=0).tolist() == [19.5, 14.5]
    without = visible(cam_gallery([cam_example(mask=None)]))
    assert not without[0].collections


def test_gallery_follows_the_threshold(cam_example):
    def label(threshold):
        figure = cam_gallery([cam_example(target=1, score=0.6)], threshold=threshold)
        return [text.get_text() for axes in figure.axes for text in axes.texts if "no " not in text.get_text()]

    assert label(0.5) == ["true positives"]
    assert label(0.6) == ["false negatives"]


def test_feature_maps_are_in_the_columns_of_the_paper():
    first, second = feature_example(), feature_example(image_id="a" * 30)
    axes = feature_maps([first, second]).axes
    assert len(axes) == 12
    titles = ["input image", "input CAM", "F_img, map 1", "F_cam, map 1", "F_img, map 200", "F_cam, map 200"]
    assert [panel.get_title() for panel in axes[:6]] == titles
    assert np.array_equal(axes[3].images[0].get_array(), first.map_maps[1])
    assert np.array_equal(axes[4].images[0].get_array(), first.image_maps[200])
    assert axes[0].get_ylabel() == "bus_0001-l"
    assert axes[6].get_ylabel() == "…" + "a" * 23


@pytest.mark.parametrize("mask", ["square", None, np.full((20, 30), 255, np.uint8), np.zeros((20, 30), np.uint8)])
def test_galleries_can_be_drawn(cam_example, mask):
    assert png_bytes(cam_gallery([cam_example(mask=mask)]), dpi=40).startswith(b"\x89PNG")
    assert png_bytes(feature_maps([feature_example()]), dpi=40).startswith(b"\x89PNG")


def test_wrong_examples_are_refused():
    with pytest.raises(ValueError, match="CAM gallery: found no example"):
        cam_gallery([])
    with pytest.raises(ValueError, match="feature maps: found no example"):
        feature_maps([])
    with pytest.raises(ValueError, match=r"image 'bus_0001-l': found maps \[2\], expected \[1, 200\]"):
        feature_maps([feature_example(), feature_example(numbers=(2,))])
    with pytest.raises(ValueError, match=r"map_maps: found \[1\] beside image_maps \[1, 200\]"):
        feature_example(map_maps={1: np.zeros((4, 6))})
    with pytest.raises(ValueError, match=r"image_maps\[1\]: found shape \(4,\)"):
        feature_example(numbers=(1,), image_maps={1: np.zeros(4)})
    with pytest.raises(ValueError, match="input_cam: found values from 2 to 2"):
        feature_example(input_cam=np.full((3, 3), 2.0))
