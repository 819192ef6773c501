"""GoogLeNet: published parameter counts, shapes, taps, gradients, poolings whose last window hangs over."""

import pytest

from busjax.models import make_network
from tests.models.anatomy import anatomy, count, images, shapes, without_gradient


def test_parameter_counts_are_the_published_ones():
    params = shapes(make_network("googlenet", classes=1000, has_map_tower=False), images(224))["params"]
    assert count(params) == 6_624_904
    assert count(params.pop("classifier")) == 1_025_000
    assert count(params) == 5_599_904


def test_the_papers_wide_kernel_is_an_option():
    network = make_network("googlenet", options={"wide_kernel": 5}, has_map_tower=False)
    params = shapes(network, images(224))["params"]
    for part, block in (("image_tower", "inception3a"), ("trunk", "inception5b")):
        assert params[part][block]["branch2"]["conv1"]["conv"]["kernel"].shape[:2] == (5, 5)


def test_shapes_at_the_standard_size():
    tower, outputs, taps = anatomy(make_network("googlenet", has_map_tower=False), images(224))
    assert tower == (1, 14, 14, 480)
    assert outputs.features == (1, 7, 7, 1024)
    assert outputs.logits == (1, 2)
    assert taps == {
        "stride_2": (1, 112, 112, 64),
        "stride_4": (1, 56, 56, 192),
        "stride_8": (1, 28, 28, 480),
        "stride_16": (1, 14, 14, 832),
        "stride_32": (1, 7, 7, 1024),
    }


# A window hangs over the edge by at most one position: 15 -> 8 -> 4 -> 2 -> 1 -> 1; the 255 pixels of Qi et al. give 8.
@pytest.mark.parametrize(("size", "left"), [(14, 0), (15, 1), (97, 3), (255, 8)])
def test_odd_sizes_round_up(size, left):
    network = make_network("googlenet", width=0.125, has_map_tower=False)
    assert anatomy(network, images(size))[1].features == (1, left, left, 128)


def test_every_parameter_receives_a_gradient():
    assert without_gradient(make_network("googlenet", width=0.125, has_map_tower=False), images(48, 33)) == []
