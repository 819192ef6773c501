"""MobileNet: published parameter counts at every width, shapes, taps, gradients, padding at odd sizes."""

import pytest

from busjax.models import make_network
from tests.models.anatomy import anatomy, count, images, shapes, without_gradient


# Keras's totals, with running statistics. Only for width 1 are they in the tables; the others are Keras's own counts.
@pytest.mark.parametrize(
    ("width", "with_top", "without_top"),
    [
        (1.0, 4_253_864, 3_228_864),
        (0.75, 2_601_976, 1_832_976),
        (0.5, 1_342_536, 829_536),
        (0.25, 475_544, 218_544),
    ],
)
def test_parameter_counts_are_the_published_ones(width, with_top, without_top):
    variables = shapes(make_network("mobilenet", width=width, classes=1000, has_map_tower=False), images(224))
    statistics = count(variables["batch_stats"])
    assert count(variables["params"]) + statistics == with_top
    variables["params"].pop("classifier")
    assert count(variables["params"]) + statistics == without_top


def test_shapes_at_the_standard_size():
    tower, outputs, taps = anatomy(make_network("mobilenet", has_map_tower=False), images(224))
    assert tower == (1, 14, 14, 512)
    assert outputs.features == (1, 7, 7, 1024)
    assert outputs.logits == (1, 2)
    # Keras's conv_pw_1_relu, conv_pw_3_relu, conv_pw_5_relu, conv_pw_11_relu, conv_pw_13_relu.
    assert taps == {
        "stride_2": (1, 112, 112, 64),
        "stride_4": (1, 56, 56, 128),
        "stride_8": (1, 28, 28, 256),
        "stride_16": (1, 14, 14, 512),
        "stride_32": (1, 7, 7, 1024),
    }


# 97 -> 49 -> 24 -> 12 -> 6 -> 3, or with (0, 1) everywhere 97 -> 48 -> ...; the last of each leaves just one position.
STEM_SAME = [(97, 49, 3), (95, 48, 3), (31, 16, 1)]
STEM_BELOW = [(97, 48, 3), (95, 47, 2), (32, 16, 1)]


@pytest.mark.parametrize(
    ("pad_stem_below", "size", "stem", "left"), [(False, *c) for c in STEM_SAME] + [(True, *c) for c in STEM_BELOW]
)
def test_only_the_first_convolution_rounds_odd_sizes_up(pad_stem_below, size, stem, left):
    options = {"pad_stem_below": pad_stem_below}
    network = make_network("mobilenet", width=0.25, options=options, has_map_tower=False)
    _, outputs, taps = anatomy(network, images(size))
    assert taps["stride_2"] == (1, stem, stem, 16)
    assert outputs.features == (1, left, left, 256)


def test_every_parameter_receives_a_gradient():
    assert without_gradient(make_network("mobilenet", width=0.25), images(64, 47)) == []
