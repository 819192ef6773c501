"""Xception: published parameter counts, shapes, gradients, what padding leaves, what scanning must not change."""

import jax
import jax.numpy as jnp
import pytest

from busjax.models import make_network
from busjax.models.initialisation import initialise
from tests.models.anatomy import anatomy, count, images, shapes, without_gradient


# Keras's totals, with running statistics.
def test_parameter_counts_are_the_published_ones():
    variables = shapes(make_network("xception", classes=1000, has_map_tower=False), images(299))
    statistics = count(variables["batch_stats"])
    assert statistics == 54_528
    assert count(variables["params"]) + statistics == 22_910_480
    variables["params"].pop("classifier")
    assert count(variables["params"]) + statistics == 20_861_480


# 97 -> 48 -> 46 by the two convolutions without padding, then halves rounded up; 7 is the smallest that leaves one.
@pytest.mark.parametrize(("size", "tower", "left"), [(299, 19, 10), (97, 6, 3), (71, 5, 3), (7, 1, 1)])
def test_halves_are_rounded_up(size, tower, left):
    features, outputs, _ = anatomy(make_network("xception", width=0.25, has_map_tower=False), images(size))
    assert features == (1, tower, tower, 184)
    assert outputs.features == (1, left, left, 512)


def test_every_parameter_receives_a_gradient():
    network = make_network("xception", width=0.125, options={"middle_blocks": 2})
    assert without_gradient(network, images(40, 47)) == []


def test_scanned_and_unrolled_blocks_are_the_same_function():
    image = jax.random.normal(jax.random.PRNGKey(1), (2, 40, 40, 3))
    outputs = {}
    for unroll in (False, True):
        options = {"middle_blocks": 3}
        network = make_network("xception", width=0.05, options=options, has_map_tower=False, unroll_blocks=unroll)
        variables = initialise(network, jax.random.PRNGKey(0), image)
        outputs[unroll] = jax.jit(network.apply)(variables, image).logits
    assert jnp.abs(outputs[True] - outputs[False]).max() < 1e-4 * jnp.abs(outputs[True]).max()
