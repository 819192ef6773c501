"""EfficientNet-B0: published parameter counts, shapes, gradients, the two kinds of padding, channel weights."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from busjax.models import make_network
from busjax.models.efficientnet import SqueezeExcitation
from busjax.models.initialisation import initialise
from busjax.models.layers import Settings
from tests.models.anatomy import anatomy, count, images, shapes, without_gradient


# torchvision's trainable parameters; Keras's totals are these, the running statistics and seven values of an image's
# normalisation.
def test_parameter_counts_are_the_published_ones():
    variables = shapes(make_network("efficientnet_b0", classes=1000, has_map_tower=False), images(224))
    statistics = count(variables["batch_stats"])
    assert count(variables["params"]) == 5_288_548
    assert count(variables["params"]) + statistics + 7 == 5_330_571
    variables["params"].pop("classifier")
    assert count(variables["params"]) == 4_007_548
    assert count(variables["params"]) + statistics + 7 == 4_049_571


@pytest.mark.parametrize("options", [{}, {"symmetric_padding": True}], ids=["same", "symmetric"])
@pytest.mark.parametrize(("size", "tower", "left"), [(224, 14, 7), (97, 7, 4), (1, 1, 1)])
def test_halves_are_rounded_up(options, size, tower, left):
    network = make_network("efficientnet_b0", width=0.25, options=options, has_map_tower=False)
    features, outputs, _ = anatomy(network, images(size))
    assert features == (1, tower, tower, 32)
    assert outputs.features == (1, left, left, 320)


def test_the_paddings_agree_at_odd_sizes_alone():
    # 65 -> 33 -> 17 -> 9 -> 5 -> 3: odd before every stride.
    for size, same in ((65, True), (64, False)):
        image = jax.random.normal(jax.random.PRNGKey(1), (1, size, size, 3))
        outputs = []
        for symmetric in (False, True):
            options = {"symmetric_padding": symmetric}
            network = make_network("efficientnet_b0", width=0.125, options=options, has_map_tower=False)
            variables = initialise(network, jax.random.PRNGKey(0), image)
            outputs.append(jax.jit(network.apply)(variables, image).features)
        difference = jnp.abs(outputs[0] - outputs[1]).max() / jnp.abs(outputs[0]).max()
        assert (difference < 1e-5) == same


def test_every_parameter_receives_a_gradient():
    assert without_gradient(make_network("efficientnet_b0", width=0.125), images(64, 47)) == []


def test_squeeze_and_excitation_scales_channels_by_a_function_of_their_means():
    x = jax.random.normal(jax.random.PRNGKey(0), (2, 3, 4, 8))
    module = SqueezeExcitation(Settings(), 2)
    params = jax.tree.map(
        lambda leaf: jax.random.normal(jax.random.PRNGKey(leaf.size), leaf.shape), module.init(jax.random.PRNGKey(1), x)
    )["params"]
    reduced = np.mean(x, axis=(1, 2)) @ params["reduce"]["kernel"][0, 0] + params["reduce"]["bias"]
    reduced = reduced / (1 + np.exp(-reduced))
    factors = 1 / (1 + np.exp(-(reduced @ params["expand"]["kernel"][0, 0] + params["expand"]["bias"])))
    found = module.apply({"params": params}, x)
    np.testing.assert_allclose(found, x * factors[:, None, None], rtol=1e-5, atol=1e-6)
