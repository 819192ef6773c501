"""AlexNet: published parameter counts, shapes, taps, gradients."""

import pytest

from busjax.models import make_network
from tests.models.anatomy import anatomy, count, images, shapes, without_gradient


def test_parameter_counts_are_the_published_ones():
    published = shapes(make_network("alexnet", hidden_layers=True, classes=1000, has_map_tower=False), images(224))
    assert count(published["params"]) == 61_100_840
    averaged = shapes(make_network("alexnet", has_map_tower=False), images(224))["params"]
    assert count(averaged.pop("classifier")) == 2 * 257
    assert count(averaged) == 2_469_696


def test_shapes_at_the_standard_size():
    network = make_network("alexnet", hidden_layers=True, has_map_tower=False)
    tower, outputs, taps = anatomy(network, images(224))
    assert tower == (1, 13, 13, 192)
    assert outputs.features == (1, 6, 6, 256)
    assert outputs.logits == (1, 2)
    # The first convolution has stride 4, so that there is nothing at stride 2.
    assert taps == {
        "stride_4": (1, 55, 55, 64),
        "stride_8": (1, 27, 27, 192),
        "stride_16": (1, 13, 13, 256),
        "stride_32": (1, 6, 6, 256),
    }


@pytest.mark.parametrize(("size", "left"), [(62, 0), (63, 1)])
def test_the_smallest_input_leaves_one_position(size, left):
    network = make_network("alexnet", width=0.125, has_map_tower=False)
    assert anatomy(network, images(size))[1].features == (1, left, left, 32)


@pytest.mark.parametrize("hidden", [False, True])
def test_every_parameter_receives_a_gradient(hidden):
    network = make_network("alexnet", width=0.125, hidden_layers=hidden)
    assert without_gradient(network, images(80, 67)) == []
