"""Grad-CAM where it is a class activation map, against PyTorch's gradients, where features are used twice."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from busjax.models import grad_cam as module
from busjax.models import make_multitask_network, make_network
from busjax.models.backbone import tap
from busjax.models.grad_cam import FEATURES, layers, shown
from busjax.models.initialisation import initialise
from busjax.models.region_enhanced import Outputs
from tests.models.anatomy import images, shapes
from tests.models.torch_habib_cnn import torch_habib_cnn


def grad_cam(network, variables, image, answer, layer=FEATURES):
    """Compiled as a whole."""
    return jax.jit(lambda v, x: module.grad_cam(network, v, x, answer, layer))(variables, image)


def prepared(network, *size: int):
    image = jax.random.normal(jax.random.PRNGKey(1), (2, *size, 3))
    return initialise(network, jax.random.PRNGKey(0), image), image


@pytest.mark.parametrize(("backbone", "size"), [("mobilenet", (96, 64)), ("vgg16", (64, 96))])
@pytest.mark.parametrize("classes", [1, 2])
def test_of_averaged_features_and_a_linear_layer_it_is_the_class_activation_map(backbone, size, classes):
    """ReLU(sum_k W[k, c] A_k) / (h w)."""
    network = make_network(backbone, width=0.125, classes=classes, has_map_tower=False)
    variables, image = prepared(network, *size)
    features = np.asarray(network.apply(variables, image).features, np.float64)
    kernel = np.asarray(variables["params"]["classifier"]["kernel"], np.float64)
    highest = []
    for answer in (0, 1):
        weights = kernel[:, answer] if classes == 2 else kernel[:, 0] * (1 if answer else -1)
        expected = np.maximum(features @ weights, 0) / (features.shape[1] * features.shape[2])
        found = grad_cam(network, variables, image, answer)
        assert found.shape == features.shape[:3]
        highest.append(expected.max())
        assert_allclose(found, expected, rtol=1e-3, atol=1e-5)
        assert_allclose(grad_cam(network, variables, image, answer, "stride_32"), expected, rtol=1e-3, atol=1e-5)
    assert max(highest) > 0.01  # with one output, a map may be of one sign, and nothing is left of it for the other


@pytest.mark.parametrize("layer", ["stride_1", "stride_4", "stride_8", "features"])
def test_of_other_layers_it_is_what_pytorch_derives(layer):
    torch = pytest.importorskip("torch")
    network = make_network("habib_cnn", width=0.25, has_map_tower=False)
    variables, image = prepared(network, 32, 48)
    highest = []
    for answer in (0, 1):
        outputs = torch_habib_cnn(variables["params"], image)
        (gradient,) = torch.autograd.grad(outputs["logits"][:, answer].sum(), outputs[layer])
        weighted = (gradient.mean((2, 3), keepdim=True) * outputs[layer]).sum(1)
        expected = torch.relu(weighted).detach().numpy()
        highest.append(expected.max())
        found = grad_cam(network, variables, image, answer, layer)
        assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * expected.max() + 1e-9)
    assert max(highest) > 1e-4


class TwoUses(nn.Module):
    """Features that are averaged twice: as they are, and after a linear layer."""

    @nn.compact
    def __call__(self, image):
        x = jnp.tanh(nn.Conv(5, (3, 3), name="first")(image))
        tap(self, 1, x)
        y = nn.Conv(5, (1, 1), use_bias=False, name="mixed")(x)
        return Outputs(nn.Dense(2, name="classifier")((x + y).mean((1, 2))), y, y)


def test_every_use_of_the_features_counts():
    """alpha = (W + M W) / (h w) of features that go to the last layer W by themselves and through M."""
    network = TwoUses()
    image = jax.random.normal(jax.random.PRNGKey(1), (2, 6, 7, 3))
    variables = network.init(jax.random.PRNGKey(0), image)
    first, mixed, last = (variables["params"][name]["kernel"] for name in ("first", "mixed", "classifier"))
    convolved = jax.lax.conv_general_dilated(image, first, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
    alpha = (last + mixed[0, 0] @ last)[:, 1] / 42
    found = grad_cam(network, variables, image, 1, "stride_1")
    assert_allclose(found, np.maximum(np.tanh(convolved) @ alpha, 0), rtol=1e-3, atol=1e-5)
    assert list(layers(network, variables, image)) == ["stride_1", "features"]


def test_a_network_that_also_segments():
    network = make_multitask_network("vakanski", width=0.125, classes=2)
    variables, image = prepared(network, 32, 32)
    found = grad_cam(network, variables, image, 1, "stride_4")
    assert found.shape == (2, 8, 8)
    assert (found >= 0).all()
    # Of one answer nothing may be positive, but not of both.
    assert max(found.max(), grad_cam(network, variables, image, 0, "stride_4").max()) > 0


def test_names_of_layers():
    network = make_network("densenet121", width=0.125)
    variables = shapes(network, images(64))
    found = layers(network, variables, images(64))
    assert list(found) == ["stride_2", "stride_4", "stride_8", "stride_16", "stride_32", "features"]
    assert found["stride_8"][:3] == (1, 8, 8)
    assert found["stride_32"] == found["features"]


def test_what_there_is_not():
    network = make_network("vgg16", width=0.125, has_map_tower=False)
    variables, image = prepared(network, 64, 64)
    with pytest.raises(
        ValueError, match=r"unknown layer 'stride8'; did you mean 'stride_8'\? \(known: stride_2, str.*features"
    ):
        grad_cam(network, variables, image, 1, "stride8")
    for answer in (-1, 2):
        with pytest.raises(ValueError, match=f"answer: found {answer}, expected 0 to 1"):
            grad_cam(network, variables, image, answer)


def test_a_picture_of_it():
    cam = jnp.asarray([[[0.0, 2.0], [1.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]])
    found = shown(cam, 8)
    assert found.shape == (2, 8, 8)
    assert float(found[0].max()) == 1.0
    assert float(found[0, 0, -1]) == 1.0
    assert_allclose(found[0, -1, 0], 0.5)
    assert_allclose(found[1], 0.0)
