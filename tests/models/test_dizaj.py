"""The networks of Dizaj and Valizadeh: counts, shapes, where a mask lies on its image, dropout."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from busjax.models import make_multitask_network
from busjax.models.dizaj import STEPS
from busjax.models.initialisation import initialise
from busjax.models.unet import centred
from tests.models.anatomy import count, images, shapes
from tests.models.multitask_gradients import without_gradient

KERAS_RESNET = {"stride_first": True, "use_bias": True}
# Name, options, published parameters without the last layers (running statistics of Keras's counted, of torchvision's
# not), channels of the deepest features, parameters of the whole network with running statistics.
CLASSIFIERS = [
    ("vgg16", {}, 14_714_688, 512, 16_203_252),
    ("resnet50", KERAS_RESNET, 23_587_712, 2048, 26_653_748),
    ("densenet161", {}, 26_472_000, 2208, 29_922_292),
    ("alexnet", {}, 2_469_696, 256, 3_695_348),
]


def make(backbone, **fields):
    return make_multitask_network("dizaj_unet" if backbone == "unet" else "dizaj", backbone=backbone, **fields)


def plain_decoder(channels):
    """Parameters and running statistics of the plain decoder, layer by layer."""
    total = 0
    for features in (256, 128, 64, 32, 16):
        up, convolution, norm = 2 * 2 * channels * features + features, 9 * features**2 + features, 4 * features
        total, channels = total + up + convolution + norm, features
    return total + 16 + 1


@pytest.mark.parametrize(("backbone", "options", "published", "channels", "whole"), CLASSIFIERS)
def test_the_classifiers_at_512_pixels(backbone, options, published, channels, whole):
    network = make(backbone, options=options)
    variables = shapes(network, images(512))
    towers = ("image_tower", "trunk")
    encoder = sum(count(variables["params"][part]) for part in towers)
    if options is KERAS_RESNET:
        encoder += sum(count(variables["batch_stats"][part]) for part in towers)
    assert encoder == published
    parts = {name: sum(count(tree.get(name, {})) for tree in variables.values()) for name in variables["params"]}
    assert sum(parts.values()) == whole
    assert parts.pop("mask_decoder") == plain_decoder(channels)
    assert parts.pop("classifier") == 3 * (channels + 1)
    assert parts.keys() == set(towers)  # nothing between the average and the outputs
    require_shapes(network, variables)


def test_unet_at_512_pixels():
    """The public code's count, two more channels of the image in its first convolution, and the class outputs."""
    network = make("unet")
    variables = shapes(network, images(512))
    assert count(variables) == 34_535_745 + 9 * 2 * 64 + 3 * 1025
    require_shapes(network, variables)


def require_shapes(network, variables):
    outputs = jax.eval_shape(network.apply, variables, images(512))
    assert outputs.logits.shape == (1, 3)
    assert outputs.mask_logits.shape == (1, 512, 512, 1)


@pytest.mark.parametrize("backbone", ["vgg16", "resnet50", "alexnet", "unet", "hijab_cnn"])
def test_odd_sizes_and_gradients(backbone):
    network = make(backbone, width=0.125)
    outputs = jax.eval_shape(network.apply, shapes(network, images(139, 97)), images(139, 97))
    assert outputs.mask_logits.shape == (1, 139, 97, 1)
    assert outputs.mask_logits.dtype == outputs.logits.dtype == jnp.float32
    if backbone in ("alexnet", "unet"):
        assert without_gradient(network, images(67, 81)) == []


def test_the_plain_decoder_starts_where_the_backbone_ends():
    decoder = shapes(make("unet"), images(64))["params"]["mask_decoder"]
    assert [decoder[f"step{i}"]["conv1"]["conv"]["kernel"].shape[2] for i in (1, 2, 3, 4)] == [1024, 512, 256, 128]
    plain = shapes(make_multitask_network("dizaj", backbone="unet"), images(64))["params"]["mask_decoder"]
    ups = [plain[f"up{i}"]["transposed_kernel"].shape for i in (1, 2, 3, 4)]
    assert ups == [(2, 2, new, old) for old, new in zip((1024, *STEPS[1:]), STEPS[1:], strict=False)]
    assert plain["step4"].keys() == {"conv1"}


def test_missing_rows_come_back_on_both_sides():
    x = jnp.arange(1.0, 5.0).reshape(1, 2, 2, 1)
    assert np.array_equal(centred(x, 5, 3)[0, ..., 0], [[1, 2, 2], [1, 2, 2], [3, 4, 4], [3, 4, 4], [3, 4, 4]])
    assert np.array_equal(centred(x, 1, 2)[0, ..., 0], [[1, 2]])


def test_alexnets_mask_lies_over_what_it_shows():
    """The middle of the pixels that a deepest position sees is the middle of the block of the mask that it gives.

    Position 3 of 15, the first whose 195 pixels lie inside the image. A mask stretched from 480 rows to 512 would have
    its block 8 pixels higher.
    """
    network, size, at = make("alexnet", width=0.125), 512, 3
    image = jax.random.normal(jax.random.PRNGKey(1), (1, size, size, 3))
    variables = initialise(network, jax.random.PRNGKey(0), image)

    def seen_by(image):
        return network.apply(variables, image).features[0, at, at].sum()

    seen = np.flatnonzero(np.abs(jax.jit(jax.grad(seen_by))(image)).sum(axis=(0, 2, 3)))
    block = np.zeros((1, 15, 15, 1), np.float32)
    block[0, at] = 1.0
    spread = jnp.asarray(block.repeat(32, axis=1).repeat(32, axis=2))
    drawn = np.flatnonzero(np.asarray(centred(spread, size, size))[0, :, 0, 0])
    assert len(drawn) == 32
    # A maximum has its gradient from one pixel of its window, so that some of the outermost pixels have none.
    assert abs((seen[0] + seen[-1]) / 2 - drawn.mean()) <= 3


def test_dropout_before_the_outputs_and_in_the_encoder():
    """A third of the averages, a tenth after each maximum, by the key of each example."""
    network = make("unet", width=0.125)
    assert network.lower.keywords == {"dropout_rate": 0.1}
    image = jnp.broadcast_to(jax.random.normal(jax.random.PRNGKey(1), (32, 32, 3)), (3, 32, 32, 3))
    variables = initialise(network, jax.random.PRNGKey(0), image)
    keys = jax.random.split(jax.random.PRNGKey(2), 2)[jnp.array([0, 1, 0])]
    plain, dropped = (jax.jit(network.apply)(variables, image, given) for given in (None, keys))
    for without, found in zip(plain, dropped, strict=True):
        assert (without != found).any(axis=tuple(range(1, found.ndim))).all()
        assert (found[0] != found[1]).any()
        np.testing.assert_allclose(found[0], found[2], rtol=1e-4, atol=1e-4)

    head = network.hidden()
    ones = jnp.ones((400, 2, 2, 30))
    values, counts = np.unique(head.apply({}, ones, jax.random.split(jax.random.PRNGKey(3), 400)), return_counts=True)
    np.testing.assert_allclose(values, [0, 1 / 0.67], rtol=1e-5)
    np.testing.assert_allclose(counts / counts.sum(), [0.33, 0.67], atol=0.02)
    assert np.array_equal(head.apply({}, ones), np.ones((400, 30)))


def test_a_tenth_is_dropped_after_each_maximum():
    """A tower that hands on what it gets: what is left after four dropouts, and by how much it is scaled."""
    network = make("unet", width=0.125)
    tower = network.lower()
    image = jnp.ones((4, 64, 64, 3))
    variables = jax.jit(lambda: tower.init(jax.random.PRNGKey(0), image, False))()

    def handing_on(path, leaf):
        if path[-1].key == "kernel":
            kernel = np.zeros(leaf.shape, np.float32)
            kernel[1, 1, 0] = 1.0  # every channel is the first of those before
            return jnp.asarray(kernel)
        if path[-1].key == "var":
            return jnp.full(leaf.shape, 1 - 1e-3)  # with epsilon, 1
        return leaf

    variables = jax.tree_util.tree_map_with_path(handing_on, variables)
    out = tower.apply(variables, image, False, jax.random.split(jax.random.PRNGKey(1), 4))
    # One channel carries the signal, and the largest of four goes on: a value is 0 after the last dropout only.
    share = float((out == 0).mean())
    assert abs(share - 0.1) < 0.02
    np.testing.assert_allclose(out.max(), 0.9**-4, rtol=1e-4)
    assert np.array_equal(tower.apply(variables, image, False), np.ones((4, 4, 4, 64)))
