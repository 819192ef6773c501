"""The features that decoders take from every backbone: their names, shapes, and whose they are."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from busjax.models import BACKBONES, make_network
from busjax.models.backbone import TAPS, tapped
from busjax.models.initialisation import initialise
from tests.models.anatomy import anatomy, images

# The standard input size, and at each stride positions a side and channels.
EXPECTED = {
    "alexnet": (224, {4: (55, 64), 8: (27, 192), 16: (13, 256), 32: (6, 256)}),
    "densenet121": (224, {2: (112, 64), 4: (56, 256), 8: (28, 512), 16: (14, 1024), 32: (7, 1024)}),
    "densenet161": (224, {2: (112, 96), 4: (56, 384), 8: (28, 768), 16: (14, 2112), 32: (7, 2208)}),
    "efficientnet_b0": (224, {2: (112, 16), 4: (56, 24), 8: (28, 40), 16: (14, 112), 32: (7, 1280)}),
    "googlenet": (224, {2: (112, 64), 4: (56, 192), 8: (28, 480), 16: (14, 832), 32: (7, 1024)}),
    "inception_resnet_v2": (299, {2: (147, 64), 4: (71, 192), 8: (35, 320), 16: (17, 1088), 32: (8, 1536)}),
    "inception_v3": (299, {2: (147, 64), 4: (71, 192), 8: (35, 288), 16: (17, 768), 32: (8, 2048)}),
    "mobilenet": (224, {2: (112, 64), 4: (56, 128), 8: (28, 256), 16: (14, 512), 32: (7, 1024)}),
    "resnet50": (224, {2: (112, 64), 4: (56, 256), 8: (28, 512), 16: (14, 1024), 32: (7, 2048)}),
    "hijab_cnn": (150, {1: (148, 32), 2: (72, 32), 4: (34, 64), 8: (17, 64)}),
    "habib_cnn": (128, {1: (128, 32), 2: (64, 64), 4: (32, 128), 8: (16, 256), 16: (8, 256)}),
    "unet": (512, {1: (512, 64), 2: (256, 128), 4: (128, 256), 8: (64, 512), 16: (32, 1024)}),
    "vgg16": (224, {2: (112, 128), 4: (56, 256), 8: (28, 512), 16: (14, 512), 32: (7, 512)}),
    "vgg19": (224, {2: (112, 128), 4: (56, 256), 8: (28, 512), 16: (14, 512), 32: (7, 512)}),
    "xception": (299, {2: (147, 64), 4: (74, 128), 8: (37, 256), 16: (19, 728), 32: (10, 2048)}),
}
ALL = pytest.mark.parametrize("backbone", sorted(BACKBONES))


@ALL
def test_names_and_shapes_at_the_standard_size(backbone):
    size, strides = EXPECTED[backbone]
    _, outputs, taps = anatomy(make_network(backbone, has_map_tower=False), images(size))
    assert taps == {f"stride_{s}": (1, side, side, channels) for s, (side, channels) in strides.items()}
    assert outputs.features == taps[f"stride_{max(strides)}"]


@ALL
def test_an_odd_size_has_the_same_taps(backbone):
    height, width = 161, 139
    _, outputs, taps = anatomy(make_network(backbone, width=0.125, has_map_tower=False), images(height, width))
    strides = EXPECTED[backbone][1]
    assert set(taps) == {f"stride_{s}" for s in strides}
    assert outputs.features == taps[f"stride_{max(strides)}"]
    for stride in strides:
        _, h, w, _ = taps[f"stride_{stride}"]
        # Convolutions without padding use up to five positions a side.
        assert height / stride - 5 < h < height / stride + 1
        assert width / stride - 5 < w < width / stride + 1


def test_taps_are_those_of_the_image():
    image = jax.random.normal(jax.random.PRNGKey(1), (2, 40, 40, 3))
    plain = make_network("mobilenet", width=0.125, has_map_tower=False)
    both = make_network("mobilenet", width=0.125, map_scale=0.0)
    variables = initialise(both, jax.random.PRNGKey(0), image)
    image_alone = {k: {n: t for n, t in tree.items() if n != "map_tower"} for k, tree in variables.items()}

    @functools.partial(jax.jit, static_argnums=0)
    def taps(network, variables):
        return tapped(network.apply(variables, image, mutable=[TAPS])[1][TAPS])

    expected = taps(plain, image_alone)
    for name, features in taps(both, variables).items():
        np.testing.assert_allclose(features, expected[name], rtol=1e-5, atol=1e-6)


def test_strides_are_in_order():
    left = {f"stride_{s}": {"features": jnp.zeros(1)} for s in (16, 8, 2, 32, 4)}
    assert list(tapped({"trunk": left})) == [f"stride_{s}" for s in (2, 4, 8, 16, 32)]


def test_taps_are_no_variables():
    network = make_network("unet", width=0.125)
    assert set(jax.eval_shape(network.init, jax.random.PRNGKey(0), images(32))) == {"params", "batch_stats"}
