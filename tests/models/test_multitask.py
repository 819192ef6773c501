"""The benchmark's multi-task decoder: published counts, agreement with a Keras model, sizes, what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict

from busjax.models import BACKBONES, MULTITASK, make_multitask_network
from busjax.models.initialisation import initialise
from busjax.models.transposed_convolution import TransposedConv
from busjax.pretrained.densenet import RELEASES
from tests.models.anatomy import count, images, shapes
from tests.models.keras_networks import compare, concat, conv, head, norm, up, variables_of
from tests.models.multitask_gradients import without_gradient
from tests.pretrained.keras_parity import KERAS_WARNINGS, keras, randomise

VERSION_1 = {"stride_first": True, "use_bias": True}
# Whatever is asked for in every network, at a size that the tests can afford.
SMALL = {"width": 0.125, "head_widths": (16, 8)}


# Keras counts 7 more of EfficientNet-B0: mean, variance and number of its normalisation of pixels.
@pytest.mark.parametrize(
    ("backbone", "options", "published"),
    [
        ("densenet121", {}, 9_312_978),
        ("mobilenet", {}, 4_873_554),
        ("resnet50", VERSION_1, 26_387_474),
        ("vgg16", {}, 16_484_306),
        ("efficientnet_b0", {}, 5_907_253 - 7),
    ],
)
def test_parameter_counts_are_the_published_ones(backbone, options, published):
    network = make_multitask_network("benchmark", backbone=backbone, options=options)
    assert count(shapes(network, images(224))) == published


def test_emt_net_is_the_network_on_mobilenet():
    network = make_multitask_network("emt_net")
    assert count(shapes(network, images(224))) == 4_873_554
    with pytest.raises(ValueError, match="emt_net: found the backbone 'resnet50', expected 'mobilenet'"):
        make_multitask_network("emt_net", backbone="resnet50")


# Channels that come into the first convolution of each step: up-sampled ones and those beside them.
@pytest.mark.parametrize(
    ("backbone", "beside"),
    [
        ("densenet121", (512, 256, 64, 3)),
        ("mobilenet", (256, 128, 64, 3)),
        ("resnet50", (512, 256, 64, 3)),
        ("vgg16", (512, 256, 128, 3)),
        ("efficientnet_b0", (240, 144, 96, 3)),
    ],
)
def test_every_step_joins_the_features_of_its_size(backbone, beside):
    decoder = shapes(make_multitask_network("benchmark", backbone=backbone), images(64))["params"]["mask_decoder"]
    found = [decoder[f"step{i}"]["conv1"]["conv"]["kernel"].shape[2] for i in (1, 2, 3, 4)]
    assert found == [own + skip for own, skip in zip((128, 64, 32, 16), beside, strict=True)]


def keras_densenet_multitask(size):
    """Decoder of the authors' DenseNet121 script."""
    image = keras.layers.Input((size, size, 3))
    densenet = keras.applications.DenseNet121(weights=None, include_top=False, input_tensor=image)
    x = densenet.get_layer("pool4_relu").output
    skips = [densenet.get_layer(name).output for name in ("pool3_relu", "pool2_relu", "conv1_relu")]
    for i, (features, skip) in enumerate(zip((128, 64, 32, 16), (*skips, image), strict=True), 1):
        x = concat(skip, up(f"mask_decoder.up{i}", x, features))
        for layer in ("conv1", "conv2"):
            path = f"mask_decoder.step{i}.{layer}"
            x = keras.layers.ReLU()(norm(path, conv(f"{path}.conv", x, features, 3, activation=None)))
    mask = conv("mask_decoder.mask", x, 1, 1, activation=None)
    return keras.Model(image, [head(densenet.output, (512, 64), 0.3), mask, densenet.output])


@KERAS_WARNINGS
def test_a_keras_model_with_the_same_weights_gives_the_same_outputs():
    model, size = randomise(keras_densenet_multitask(64)), 64
    assert model.count_params() == 9_312_978
    release = next(release for release in RELEASES if release.name == "keras/densenet121")
    network = make_multitask_network("benchmark", backbone="densenet121", norm_epsilon=1.001e-5)
    compare(network, variables_of(model, release, network, size), model, size)


@pytest.mark.parametrize("backbone", sorted(BACKBONES.keys() - {"hijab_cnn"}))
def test_masks_have_the_images_size_on_every_backbone(backbone):
    size = (139, 97)
    network = make_multitask_network("benchmark", backbone=backbone, **SMALL)
    outputs = jax.eval_shape(network.apply, shapes(network, images(*size)), images(*size))
    assert outputs.logits.shape == (1, 1)
    assert outputs.mask_logits.shape == (1, *size, 1)
    assert outputs.logits.dtype == outputs.mask_logits.dtype == jnp.float32


def test_a_backbone_without_features_of_stride_16_is_refused():
    with pytest.raises(ValueError, match="benchmark: found features of stride 8 at most, expected a backbone with 16"):
        make_multitask_network("benchmark", backbone="hijab_cnn", **SMALL)


@pytest.mark.parametrize("name", ["benchmark", "dizaj", "dizaj_unet", "mt_estan", "sha_mtl", "vakanski"])
def test_half_precision_gives_whole_outputs(name):
    backbone = "mobilenet" if name in ("benchmark", "dizaj") else ""
    network = make_multitask_network(name, backbone=backbone, dtype="bfloat16", classes=3, **SMALL)
    variables = shapes(network, images(64))
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {np.dtype("float32")}
    outputs = jax.eval_shape(network.apply, variables, images(64))
    assert outputs.logits.dtype == outputs.mask_logits.dtype == jnp.float32
    assert outputs.logits.shape == (1, 3)


@pytest.mark.parametrize("name", sorted(MULTITASK))
def test_every_batch_normalisation_averages_over_devices(name):
    backbone = "mobilenet" if name in ("benchmark", "dizaj") else ""
    network = make_multitask_network(name, backbone=backbone, axis_name="batch", **SMALL)
    variables = shapes(network, images(32))

    def step(variables, image):
        return network.apply(variables, image, None, train=True, mutable=["batch_stats"])

    text = str(jax.make_jaxpr(step, axis_env=[("batch", 2)])(variables, images(32)))
    means = [path for path in flatten_dict(variables["batch_stats"]) if path[-1] == "mean"]
    assert text.count("psum") == len(means) > 0


@pytest.mark.parametrize("name", sorted(MULTITASK))
def test_dropout_acts_by_key(name):
    backbone = "mobilenet" if name in ("benchmark", "dizaj") else ""
    network = make_multitask_network(name, backbone=backbone, width=0.125, dropout_rate=0.5, head_widths=(64, 8))
    head = network.hidden()
    features = jax.random.normal(jax.random.PRNGKey(0), (3, 2, 2, 16))
    variables = head.init(jax.random.PRNGKey(1), features)
    keys = jax.random.split(jax.random.PRNGKey(2), 3)
    dropped = head.apply(variables, features, keys)
    assert (dropped != head.apply(variables, features)).any(axis=1).all()
    np.testing.assert_allclose(head.apply(variables, features[1:2], keys[1:2]), dropped[1:2], rtol=1e-5, atol=1e-6)


def test_every_parameter_receives_a_gradient():
    network = make_multitask_network("benchmark", backbone="vgg16", **SMALL)
    assert without_gradient(network, images(64, 47)) == []


def test_unknown_names():
    with pytest.raises(ValueError, match=r"unknown multi-task network 'mt_estam'.*'mt_estan'"):
        make_multitask_network("mt_estam")
    with pytest.raises(ValueError, match=r"unknown backbone ''"):
        make_multitask_network("benchmark")
    with pytest.raises(ValueError, match="sha_mtl: found no segmentation, which only 'mt_estan' can go without"):
        make_multitask_network("sha_mtl", segmentation=False)


def test_the_decoder_takes_the_image_in_its_own_unit():
    """An image in other units, with that unit named, is the same image to the decoder."""
    plain, scaled = (
        make_multitask_network("benchmark", backbone="vgg16", width=0.125, image_unit=unit)
        for unit in ((1.0, 1.0, 1.0), (0.5, 0.25, 2.0))
    )
    image = jax.random.normal(jax.random.PRNGKey(2), (2, 32, 32, 3))
    variables = initialise(plain, jax.random.PRNGKey(0), image)
    # The backbone sees nothing, so that only the decoder's skip tells of the image.
    variables["params"] = {
        **variables["params"],
        "image_tower": jax.tree.map(jnp.zeros_like, variables["params"]["image_tower"]),
    }
    there = plain.apply(variables, image * jnp.asarray([0.5, 0.25, 2.0]))
    here = scaled.apply(variables, image)
    np.testing.assert_allclose(here.mask_logits, there.mask_logits, rtol=1e-5, atol=1e-6)
    assert np.ptp(here.mask_logits) > 0


@pytest.mark.parametrize("kernel_size", [(2, 2), (3, 3)])
def test_transposed_kernels_start_at_the_scale_that_their_layer_says(kernel_size):
    layer = TransposedConv(64, kernel_size)
    x = jax.random.normal(jax.random.PRNGKey(1), (4, 8, 8, 256))
    for variables in (initialise(layer, jax.random.PRNGKey(0), x), layer.init(jax.random.PRNGKey(0), x)):
        # Of 'SAME' the edges see less; inside, an output sees a quarter of the window on average.
        inside = layer.apply(variables, x)[:, 2:-2, 2:-2]
        np.testing.assert_allclose(np.var(inside), 1.0, rtol=0.1)
