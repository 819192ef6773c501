"""VGG-16 and VGG-19: published parameter counts, shapes, taps, gradients."""

import jax
import jax.numpy as jnp
import pytest

from busjax.models import make_network
from tests.models.anatomy import anatomy, count, images, shapes, without_gradient


@pytest.mark.parametrize(
    ("backbone", "whole", "features"), [("vgg16", 138_357_544, 14_714_688), ("vgg19", 143_667_240, 20_024_384)]
)
def test_parameter_counts_are_the_published_ones(backbone, whole, features):
    published = shapes(make_network(backbone, hidden_layers=True, classes=1000, has_map_tower=False), images(224))
    assert count(published["params"]) == whole
    averaged = shapes(make_network(backbone, has_map_tower=False), images(224))["params"]
    assert count(averaged.pop("classifier")) == 2 * 513
    assert count(averaged) == features


@pytest.mark.parametrize("hidden", [False, True])
def test_shapes_at_the_standard_size(hidden):
    network = make_network("vgg16", hidden_layers=hidden, has_map_tower=False)
    tower, outputs, taps = anatomy(network, images(224))
    assert tower == (1, 14, 14, 512)
    assert outputs.features == (1, 7, 7, 512)
    assert outputs.logits == (1, 2)
    assert taps == {
        "stride_2": (1, 112, 112, 128),
        "stride_4": (1, 56, 56, 256),
        "stride_8": (1, 28, 28, 512),
        "stride_16": (1, 14, 14, 512),
        "stride_32": (1, 7, 7, 512),
    }


def test_the_smallest_input_leaves_one_position():
    network = make_network("vgg16", width=0.125, hidden_layers=True, has_map_tower=False)
    assert anatomy(network, images(32))[1].features == (1, 1, 1, 64)


@pytest.mark.parametrize("hidden", [False, True])
def test_every_parameter_receives_a_gradient(hidden):
    network = make_network("vgg19", width=0.125, hidden_layers=hidden)
    assert without_gradient(network, images(48, 33)) == []


def test_bfloat16_keeps_float32_logits():
    network = make_network("vgg16", width=0.125, dtype="bfloat16", hidden_layers=True, has_map_tower=False)
    outputs = jax.eval_shape(network.apply, shapes(network, images(64)), images(64))
    assert outputs.features.dtype == jnp.bfloat16
    assert outputs.logits.dtype == jnp.float32
