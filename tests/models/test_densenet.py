"""DenseNet-121 and DenseNet-161: published parameter counts, shapes, taps, gradients."""

import pytest

from busjax.models import make_network
from tests.models.anatomy import anatomy, count, images, shapes, without_gradient


# torchvision's trainable parameters; with the running statistics, Keras's total for DenseNet-121 (8,062,504).
@pytest.mark.parametrize(
    ("backbone", "with_top", "without_top", "statistics"),
    [
        ("densenet121", 7_978_856, 6_953_856, 8_062_504 - 7_978_856),
        ("densenet161", 28_681_000, 26_472_000, 219_936),
    ],
)
def test_parameter_counts_are_the_published_ones(backbone, with_top, without_top, statistics):
    variables = shapes(make_network(backbone, classes=1000, has_map_tower=False), images(224))
    assert count(variables["batch_stats"]) == statistics
    assert count(variables["params"]) == with_top
    variables["params"].pop("classifier")
    assert count(variables["params"]) == without_top


# Keras's conv1/relu, pool2_relu, pool3_relu, pool4_relu, relu.
@pytest.mark.parametrize(
    ("backbone", "tower", "channels"),
    [("densenet121", 256, (64, 256, 512, 1024, 1024)), ("densenet161", 384, (96, 384, 768, 2112, 2208))],
)
def test_shapes_at_the_standard_size(backbone, tower, channels):
    at_sixteen, outputs, taps = anatomy(make_network(backbone, has_map_tower=False), images(224))
    assert at_sixteen == (1, 14, 14, tower)
    assert outputs.features == (1, 7, 7, channels[-1])
    assert outputs.logits == (1, 2)
    assert taps == {
        f"stride_{stride}": (1, 224 // stride, 224 // stride, number)
        for stride, number in zip((2, 4, 8, 16, 32), channels, strict=True)
    }


# 97 -> 49 -> 25 -> 12 -> 6 -> 3; 29 is the smallest size that leaves a position.
@pytest.mark.parametrize(("size", "left"), [(29, 1), (28, 0), (97, 3)])
def test_the_stem_rounds_up_and_the_transitions_down(size, left):
    network = make_network("densenet121", width=0.25, has_map_tower=False)
    assert anatomy(network, images(size))[1].features[1:3] == (left, left)


@pytest.mark.parametrize(
    "blocks", [(2, 3, 2, 2), pytest.param((6, 12, 24, 16), marks=pytest.mark.slow)], ids=["shallow", "published"]
)
def test_every_parameter_receives_a_gradient(blocks):
    network = make_network("densenet121", width=0.25, options={"blocks": blocks})
    assert without_gradient(network, images(64, 47)) == []
