"""ResNet-50: published parameter counts with and without biases, shapes, taps, gradients, where the stride is."""

import jax
import jax.numpy as jnp
import pytest

from busjax.models import make_network
from busjax.models.initialisation import initialise
from tests.models.anatomy import anatomy, count, images, shapes, without_gradient

VERSION_1 = {"stride_first": True, "use_bias": True}
VERSION_1_5: dict = {}


# Without biases: torchvision's trainable parameters; with them: Keras's, less its 53,120 running statistics.
@pytest.mark.parametrize(
    ("options", "with_top", "without_top"),
    [(VERSION_1_5, 25_557_032, 23_508_032), (VERSION_1, 25_636_712 - 53_120, 23_587_712 - 53_120)],
)
def test_parameter_counts_are_the_published_ones(options, with_top, without_top):
    network = make_network("resnet50", options=options, classes=1000, has_map_tower=False)
    variables = shapes(network, images(224))
    assert count(variables["batch_stats"]) == 53_120
    assert count(variables["params"]) == with_top
    variables["params"].pop("classifier")
    assert count(variables["params"]) == without_top


@pytest.mark.parametrize("options", [VERSION_1_5, VERSION_1])
def test_shapes_at_the_standard_size(options):
    tower, outputs, taps = anatomy(make_network("resnet50", options=options, has_map_tower=False), images(224))
    assert tower == (1, 14, 14, 1024)
    assert outputs.features == (1, 7, 7, 2048)
    assert outputs.logits == (1, 2)
    # Keras's conv1_relu, conv2_block3_out, conv3_block4_out, conv4_block6_out, conv5_block3_out.
    assert taps == {
        "stride_2": (1, 112, 112, 64),
        "stride_4": (1, 56, 56, 256),
        "stride_8": (1, 28, 28, 512),
        "stride_16": (1, 14, 14, 1024),
        "stride_32": (1, 7, 7, 2048),
    }


@pytest.mark.parametrize(("size", "left"), [(1, 1), (33, 2), (97, 4)])
def test_odd_sizes_round_up(size, left):
    network = make_network("resnet50", width=0.125, has_map_tower=False)
    assert anatomy(network, images(size))[1].features == (1, left, left, 256)


@pytest.mark.parametrize("options", [VERSION_1_5, VERSION_1])
def test_every_parameter_receives_a_gradient(options):
    assert without_gradient(make_network("resnet50", width=0.125, options=options), images(64, 47)) == []


def test_scanned_and_unrolled_blocks_are_the_same_function():
    image = jax.random.normal(jax.random.PRNGKey(1), (2, 40, 40, 3))
    outputs = {}
    for unroll in (False, True):
        network = make_network("resnet50", width=0.125, has_map_tower=False, unroll_blocks=unroll)
        variables = initialise(network, jax.random.PRNGKey(0), image)
        outputs[unroll] = jax.jit(network.apply)(variables, image).logits
    assert jnp.abs(outputs[True] - outputs[False]).max() < 1e-4 * jnp.abs(outputs[True]).max()


def test_the_versions_see_different_pixels():
    image = jax.random.normal(jax.random.PRNGKey(1), (1, 64, 64, 3))
    networks = [
        make_network("resnet50", width=0.125, options={"stride_first": first}, has_map_tower=False)
        for first in (False, True)
    ]
    variables = initialise(networks[0], jax.random.PRNGKey(0), image)
    one, other = (jax.jit(network.apply)(variables, image).logits for network in networks)
    assert jnp.abs(one - other).max() > 1e-3 * jnp.abs(one).max()
