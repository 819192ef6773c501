"""U-Net: parameter counts of public code, shapes, agreement with a Keras definition, decoders on every backbone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict, unflatten_dict

from busjax.models import BACKBONES, make_network
from busjax.models.backbone import TAPS, tapped
from busjax.models.initialisation import initialise
from busjax.models.layers import Settings
from busjax.models.transposed_convolution import convolve_transposed
from busjax.models.unet import Decoder, UNet
from tests.models.anatomy import anatomy, count, images, shapes, without_gradient
from tests.models.keras_networks import our_leaf
from tests.pretrained.keras_parity import KERAS_WARNINGS, keras, randomise
from tests.pretrained.parity import relative_error


def grey(height, width=None):
    return jax.ShapeDtypeStruct((1, height, width or height, 1), jnp.float32)


# The two-channel network of the paper's figure; sevakon's Keras code, with running statistics, whose transposed
# convolutions are 3x3; Vakanski and Xian's, without the classifier and with a 1x1 convolution at the end, not a 3x3.
@pytest.mark.parametrize(
    ("network", "image", "parameters"),
    [
        (UNet(Settings(), normalise=False, outputs=2), grey(512), 31_030_658),
        (UNet(Settings(), up_kernel=3), grey(512), 34_535_745),
        (UNet(Settings(), levels=(32, 64, 128, 256, 512)), images(256), 7_914_147 - 147_906 - 289 + 33),
    ],
)
def test_parameter_counts_are_those_of_public_code(network, image, parameters):
    variables = shapes(network, image)
    statistics = count(variables.get("batch_stats", {})) if network.up_kernel == 3 else 0
    assert count(variables["params"]) + statistics == parameters


@pytest.mark.parametrize(("height", "width"), [(64, 48), (97, 139), (1, 1)])
@pytest.mark.parametrize("levels", [(64, 128, 256, 512, 1024), (16, 32)])
def test_masks_have_the_images_size(height, width, levels):
    network = UNet(Settings(width=0.125), levels=levels, outputs=3)
    mask = jax.eval_shape(network.apply, shapes(network, grey(height, width)), grey(height, width))
    assert mask.shape == (1, height, width, 3)
    assert mask.dtype == jnp.float32


def test_the_encoder_is_a_backbone_with_the_same_parameters():
    network = make_network("unet", has_map_tower=False)
    tower, outputs, _ = anatomy(network, images(512))
    assert tower == (1, 32, 32, 512)
    assert outputs.features == (1, 32, 32, 1024)
    whole, encoder = shapes(UNet(Settings()), images(512)), shapes(network, images(512))
    for kind, part in (("params", "image_tower"), ("params", "trunk"), ("batch_stats", "trunk")):
        assert jax.tree.map(jnp.shape, whole[kind][part]) == jax.tree.map(jnp.shape, encoder[kind][part])


@pytest.mark.parametrize("normalise", [True, False])
def test_every_parameter_receives_a_gradient(normalise):
    network = UNet(Settings(width=0.125), normalise=normalise)
    image = jax.random.normal(jax.random.PRNGKey(1), (1, 33, 47, 3))
    variables = initialise(network, jax.random.PRNGKey(0), image)

    def loss(params):
        return (network.apply({**variables, "params": params}, image) ** 2).sum()

    gradients = jax.tree_util.tree_leaves_with_path(jax.jit(jax.grad(loss))(variables["params"]))
    assert [jax.tree_util.keystr(path) for path, leaf in gradients if not (leaf != 0).any()] == []
    assert without_gradient(make_network("unet", width=0.125, options={"normalise": normalise}), images(33, 47)) == []


def keras_unet(size, levels, up_kernel):
    """Convolution, normalisation and ReLU twice a level; names are paths of ours."""
    layers = keras.layers

    def double(x, features, path):
        for name in ("conv1", "conv2"):
            x = layers.Conv2D(features, 3, padding="same", name=f"{path}.{name}.conv")(x)
            x = layers.ReLU()(layers.BatchNormalization(name=f"{path}.{name}.norm")(x))
        return x

    x = image = layers.Input((*size, 3))
    skips = []
    for i, features in enumerate(levels[:-1], 1):
        x = double(x, features, f"image_tower.level{i}")
        skips.append(x)
        x = layers.MaxPooling2D()(x)
    x = double(x, levels[-1], "trunk.deepest")
    for i, features in enumerate(reversed(levels[:-1]), 1):
        up = layers.Conv2DTranspose(features, up_kernel, 2, padding="same", name=f"decoder.up{i}")(x)
        x = double(layers.Concatenate()([skips.pop(), up]), features, f"decoder.step{i}")
    return keras.Model(image, layers.Conv2D(1, 1, name="decoder.mask")(x))


@KERAS_WARNINGS
@pytest.mark.parametrize("up_kernel", [2, 3])
def test_a_keras_definition_with_the_same_weights_gives_the_same_masks(up_kernel):
    size, levels = (64, 48), (8, 16, 24, 32, 40)
    model = randomise(keras_unet(size, levels, up_kernel))
    variables = {}
    for layer in model.layers:
        for variable in layer.variables:
            leaf = our_leaf(layer, variable)
            kind = "batch_stats" if leaf in ("mean", "var") else "params"
            variables[kind, *layer.name.split("."), leaf] = np.asarray(variable.value)
    network = UNet(Settings(), levels=levels, up_kernel=up_kernel)
    expected = {k: v.shape for k, v in flatten_dict(shapes(network, images(*size))).items()}
    assert {k: v.shape for k, v in variables.items()} == expected
    image = np.random.default_rng(1).normal(size=(2, *size, 3)).astype(np.float32)
    mask = jax.jit(network.apply)(unflatten_dict(variables), image)
    assert relative_error(mask, model.predict(image, verbose=0)) < 1e-4


@pytest.mark.parametrize("kernel_size", [(2, 2), (3, 3), (4, 5)])
def test_both_ways_of_convolving_give_the_same_numbers_and_gradients(kernel_size):
    x = jax.random.normal(jax.random.PRNGKey(0), (2, 5, 7, 4))
    kernel = jax.random.normal(jax.random.PRNGKey(1), (*kernel_size, 3, 4))
    results = {}
    for backend in ("cpu", "gpu"):

        def loss(x, kernel, backend=backend):
            y = convolve_transposed(x, kernel, backend)
            return (y**2).sum(), y

        results[backend] = jax.value_and_grad(loss, argnums=(0, 1), has_aux=True)(x, kernel)
    assert results["cpu"][0][1].shape == (2, 10, 14, 3)
    for one, other in zip(*map(jax.tree.leaves, results.values()), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("backbone", sorted(BACKBONES))
def test_decoders_attach_to_every_backbone(backbone):
    size = (161, 139)
    network = make_network(backbone, width=0.125, has_map_tower=False)
    decoder = Decoder(Settings(), steps=(32, 16, 16, 8) if backbone in ("unet", "small_cnn") else (64, 32, 16, 16, 8))

    def mask(variables, image):
        features = tapped(network.apply(variables, image, mutable=[TAPS])[1][TAPS])
        return decoder.init_with_output(jax.random.PRNGKey(0), features, size, False)[0]

    image = images(*size)
    assert jax.eval_shape(mask, shapes(network, image), image).shape == (1, *size, 1)


def test_a_decoder_of_another_number_of_steps_is_refused():
    features = {"stride_32": jnp.zeros((1, 2, 2, 8)), "stride_16": jnp.zeros((1, 4, 4, 8))}
    with pytest.raises(ValueError, match="steps: found 4, expected 5 from stride 32"):
        Decoder(Settings(), (8, 8, 8, 8)).init(jax.random.PRNGKey(0), features, (64, 64), False)
