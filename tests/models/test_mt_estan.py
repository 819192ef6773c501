"""MT-ESTAN: published parameter counts, agreement with a Keras model of its layer table, sizes, gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from busjax.models import make_multitask_network
from busjax.models.initialisation import initialise
from busjax.pretrained.resnet import RELEASES
from tests.models.anatomy import count, images, shapes
from tests.models.keras_networks import compare, concat, conv, head, norm, up, variables_of
from tests.models.multitask_gradients import without_gradient
from tests.pretrained.keras_parity import KERAS_WARNINGS, keras, randomise

RELEASE = RELEASES[0]


def estan_block(number, x, features, first, second, fuse, normalise=True):
    ends = []
    for branch, kernels in (("first", first), ("second", second)):
        y, path = x, f"estan.block{number}.{branch}"
        for i, kernel in enumerate(kernels, 1):
            if normalise and i == len(kernels):
                y = norm(f"{path}_norm", y)
            y = conv(f"{path}{i}", y, features, kernel)
        ends.append(y)
    return conv(f"estan.block{number}.fuse", concat(*ends), features, fuse)


def keras_mt_estan(size):
    """Row by row the layer table, with its names; r, b, c are ResNet-50's features, e the ESTAN blocks'."""
    pool = keras.layers.MaxPooling2D
    image = keras.layers.Input((size, size, 3))
    resnet = keras.applications.ResNet50(weights=None, include_top=False, input_tensor=image)
    names = ("conv1_conv", "conv1_relu", "conv2_block1_1_bn", "conv2_block3_out", "conv3_block1_1_bn")
    names += ("conv3_block4_out", "conv4_block1_1_bn", "conv4_block6_out", "conv5_block1_1_bn", "conv5_block3_out")
    c1, r1, b2, r2, b3, r3, b4, r4, b5, r5 = (resnet.get_layer(name).output for name in names)

    e1 = estan_block(1, image, 32, (1, 3), ((1, 15), (15, 1), 3), 5)
    e2 = estan_block(2, pool()(e1), 64, (3, 3), ((1, 13), (13, 1), 3), 5)
    e3 = estan_block(3, pool()(e2), 128, (3, 3), ((1, 11), (11, 1), 1), 3)
    e4 = estan_block(4, pool()(e3), 256, (3, 3), ((1, 9), (9, 1), 3), 1)
    e5 = estan_block(5, pool()(e4), 512, (3, 3), ((3, 7), (7, 3), 3), 1, normalise=False)

    d5 = concat(up("deepest", concat(r5, b5), 512), e5)
    u6 = concat(d5, r4)
    x = conv("up1.reduce", u6, 256, 3)
    x = up("up1.up", concat(x, b4), 256)
    x = conv("up1.last", conv("up1.join", concat(x, e4), 256, 1), 256, 3)
    x = conv("up2.reduce", concat(x, r3), 128, 3)
    x = up("up2.up", concat(x, b3), 128)
    x = conv("up2.last", conv("up2.join", concat(x, e3), 128, 1), 128, 3)
    x = conv("up3.reduce", concat(x, r2), 64, 3)
    x = up("up3.up", concat(x, b2), 64)
    x = conv("up3.last", conv("up3.join", concat(x, e2), 64, 1), 64, 3)
    x = conv("up4.reduce", concat(x, r1), 32, 3)
    x = up("up4.up", concat(x, c1), 32)
    x = conv("up4.join", concat(x, e1), 32, 5)
    x = conv("up4.last", concat(x, up("up4.up_inner", c1, 32)), 32, 3)
    mask = conv("mask", x, 1, 1, activation=None)
    return keras.Model(image, [head(u6, (512, 128), 0.5), mask, u6])


def test_parameter_counts_are_the_published_ones():
    variables = shapes(make_multitask_network("mt_estan"), images(224))
    assert count(variables) == 55_980_162
    assert count(variables["batch_stats"]) == 55_040
    encoder = {kind: [tree.get("image_tower", {}), tree["trunk"]] for kind, tree in variables.items()}
    assert count(encoder) == 23_587_712
    assert count(variables) - count(encoder) == 32_392_450


@KERAS_WARNINGS
def test_a_keras_model_of_the_layer_table_gives_the_same_outputs():
    model, size = randomise(keras_mt_estan(64)), 64
    assert model.count_params() == 55_980_162
    # The release's epsilon; ours has that of ResNet-50 apart from that of the other layers.
    network = make_multitask_network("mt_estan", norm_epsilon=1.001e-5)
    compare(network, variables_of(model, RELEASE, network, size), model, size)


@pytest.mark.parametrize(("height", "width"), [(224, 224), (64, 96), (139, 97), (33, 47)])
def test_masks_have_the_images_size(height, width):
    network = make_multitask_network("mt_estan", width=0.25)
    outputs = jax.eval_shape(network.apply, shapes(network, images(height, width)), images(height, width))
    assert outputs.logits.shape == (1, 1)
    assert outputs.mask_logits.shape == (1, height, width, 1)
    assert outputs.features.shape == (1, -(-height // 16), -(-width // 16), 512)
    assert outputs.logits.dtype == outputs.mask_logits.dtype == jnp.float32


def test_every_parameter_receives_a_gradient():
    network = make_multitask_network("mt_estan", width=0.125, head_widths=(16, 8))
    assert without_gradient(network, images(64, 47)) == []


def test_without_segmentation_it_is_the_same_encoder_and_classifier():
    image = jax.random.normal(jax.random.PRNGKey(1), (2, 32, 32, 3))
    keys = jax.random.split(jax.random.PRNGKey(2), 2)
    both, alone = (make_multitask_network("mt_estan", width=0.125, segmentation=s) for s in (True, False))
    variables = initialise(both, jax.random.PRNGKey(0), image)
    decoder = {"up1", "up2", "up3", "up4", "mask"}
    own = {kind: {k: v for k, v in tree.items() if k not in decoder} for kind, tree in variables.items()}
    assert jax.tree.map(jnp.shape, own) == jax.tree.map(jnp.shape, shapes(alone, images(32)))
    whole, outputs = (jax.jit(n.apply)(v, image, keys) for n, v in ((both, variables), (alone, own)))
    assert outputs.mask_logits is None
    np.testing.assert_allclose(outputs.features, whole.features, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(outputs.logits, whole.logits, rtol=1e-4, atol=1e-5)


def test_full_counts_without_segmentation():
    alone = count(shapes(make_multitask_network("mt_estan", segmentation=False), images(224)))
    # What is left out: each convolution's kernel and bias, in the order of the table.
    decoder, coarse = 0, (2048, 256, 128, 64)
    for x, r, b, f, e in zip(
        coarse, (0, 512, 256, 64), (256, 128, 64, 64), (256, 128, 64, 32), (256, 128, 64, 32), strict=True
    ):
        join, inner = (25, 4 * b * f + f) if f == 32 else (1, 0)
        more = f if f == 32 else 0
        decoder += 9 * (x + r) * f + f + 4 * (f + b) * f + f + join * (f + e) * f + f + inner + 9 * (f + more) * f + f
    assert alone == 55_980_162 - decoder - 33


def test_the_other_version_of_resnet_is_refused():
    with pytest.raises(ValueError, match="mt_estan: found stride_first False of resnet50, expected True"):
        make_multitask_network("mt_estan", options={"stride_first": False})
