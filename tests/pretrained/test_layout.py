"""Names and orders of axes: every element of a tensor is where our layers look for it."""

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from busjax.models.convolution import convolve, convolve_depthwise
from busjax.pretrained.errors import PretrainedError
from busjax.pretrained.layout import Namer, convert


def numbers(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def test_keras_kernels_are_ours():
    kernel = numbers(3, 2, 4, 5)
    np.testing.assert_array_equal(convert(kernel, "conv", "kernel", "keras", kernel.shape), kernel)
    np.testing.assert_array_equal(convert(kernel[0, 0], "dense", "kernel", "keras", (4, 5)), kernel[0, 0])


@pytest.mark.parametrize("name", ["conv_dw_1", "sepconv1:depthwise"])
def test_keras_depthwise(name):
    kernel = numbers(3, 2, 4, 1)
    ours = convert(kernel, name, "kernel", "keras", (3, 2, 1, 4))
    assert ours.shape == (3, 2, 1, 4)
    np.testing.assert_array_equal(ours[:, :, 0], kernel[..., 0])


def test_a_plain_keras_kernel_with_one_output_stays():
    kernel = numbers(3, 3, 4, 1)
    np.testing.assert_array_equal(convert(kernel, "conv", "kernel", "keras", (3, 3, 4, 1)), kernel)


@pytest.mark.parametrize("groups", [1, 6])
def test_torch_convolutions(groups):
    torch = pytest.importorskip("torch")
    image = numbers(1, 9, 7, 6)
    kernel = numbers(6, 6 // groups, 3, 2)
    theirs = torch.nn.functional.conv2d(
        torch.tensor(image.transpose(0, 3, 1, 2)), torch.tensor(kernel), stride=2, padding=1, groups=groups
    )
    ours = convert(kernel, "conv", "kernel", "torch", (3, 2, 6 // groups, 6))
    function = convolve if groups == 1 else convolve_depthwise
    result = function(jnp.asarray(image), jnp.asarray(ours), (2, 2), ((1, 1), (1, 1)))
    np.testing.assert_allclose(result, theirs.numpy().transpose(0, 2, 3, 1), atol=1e-5)


def test_torch_linear_after_a_flatten():
    features = numbers(2, 3, 4, 5)  # [batch, height, width, channels]
    weight = numbers(7, 60)
    theirs = features.transpose(0, 3, 1, 2).reshape(2, -1) @ weight.T
    ours = features.reshape(2, -1) @ convert(weight, "fc:chw3x4x5", "kernel", "torch", (60, 7))
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_linear_layers_as_convolutions_of_one_position():
    kernel = numbers(1, 1, 4, 5)
    np.testing.assert_array_equal(convert(kernel, "preds", "kernel", "keras", (4, 5)), kernel[0, 0])
    weight = numbers(5, 4, 1, 1)
    np.testing.assert_array_equal(convert(weight, "preds", "kernel", "torch", (4, 5)), weight[..., 0, 0].T)
    np.testing.assert_array_equal(
        convert(weight[..., 0, 0], "se", "kernel", "torch", (1, 1, 4, 5))[0, 0], weight[..., 0, 0].T
    )


def test_what_does_not_fit_keeps_its_shape():
    assert convert(numbers(7, 59), "fc:chw3x4x5", "kernel", "torch", (60, 7)).shape == (59, 7)
    assert convert(numbers(3, 3, 4, 5), "dense", "kernel", "keras", (4, 5)).shape == (3, 3, 4, 5)


def test_a_mistyped_order_is_an_error():
    with pytest.raises(PretrainedError, match="'chw7x512' is not an order"):
        convert(numbers(7, 60), "fc:chw7x512", "kernel", "torch", (60, 7))


def test_vectors_are_left_alone():
    np.testing.assert_array_equal(convert(numbers(4), "bn", "scale", "torch", (4,)), numbers(4))


@pytest.mark.parametrize(
    ("layout", "norm", "leaf", "name"),
    [
        ("keras", False, "kernel", "a/kernel"),
        ("keras", False, "bias", "a/bias"),
        ("keras", True, "scale", "a/gamma"),
        ("keras", True, "bias", "a/beta"),
        ("keras", True, "mean", "a/moving_mean"),
        ("keras", True, "var", "a/moving_variance"),
        ("torch", False, "kernel", "a.weight"),
        ("torch", False, "bias", "a.bias"),
        ("torch", True, "scale", "a.weight"),
        ("torch", True, "bias", "a.bias"),
        ("torch", True, "mean", "a.running_mean"),
        ("torch", True, "var", "a.running_var"),
    ],
)
def test_names_of_leaves(layout, norm, leaf, name):
    assert Namer([], layout).tensor("a", leaf, norm) == name


def test_names_of_depthwise_and_separable_kernels():
    namer = Namer(["old/depthwise_kernel", "new/kernel"], "keras")
    assert namer.tensor("old", "kernel", False) == "old/depthwise_kernel"
    assert namer.tensor("new", "kernel", False) == "new/kernel"
    assert namer.tensor("separable:depthwise", "kernel", False) == "separable/depthwise_kernel"
    assert namer.tensor("separable:pointwise", "kernel", False) == "separable/pointwise_kernel"
    assert namer.tensor("separable:pointwise", "bias", False) == "separable/bias"


@pytest.mark.parametrize(
    "layers",
    [
        ["conv2d", "conv2d_1", "conv2d_2"],  # a fresh process
        ["conv2d_95", "conv2d_188", "conv2d_1000"],  # another network was made before
        ["convolution2d_1", "convolution2d_2", "convolution2d_10"],  # Keras 1
    ],
)
def test_ordinals_go_by_number(layers):
    others = ["conv2d_1_bn", "my_conv2d", "conv2d_7b", "separable_conv2d_3"]
    namer = Namer([f"{layer}/kernel" for layer in [*others, *reversed(layers)]], "keras")
    assert [namer.layer(f"conv2d#{i}") for i in range(3)] == layers
    assert namer.has("conv2d#2")
    assert not namer.has("conv2d#3")
    assert namer.tensor("conv2d#3", "kernel", False) == "conv2d#3/kernel"


def test_alternative_names():
    namer = Namer(["fc1000/kernel", "b.weight"], "keras")
    assert namer.choose("predictions|fc1000") == "fc1000"
    assert namer.choose("predictions|probs") == "predictions"
    assert namer.has("predictions|fc1000")
    assert not namer.has("predictions|probs")


def test_depthwise_means_the_same_for_keras():
    keras = pytest.importorskip("keras")
    image, kernel = numbers(1, 9, 7, 6), numbers(3, 3, 6, 1)
    theirs = keras.ops.depthwise_conv(image, kernel, strides=1, padding="same")
    ours = convert(kernel, "deep", "kernel", "keras", (3, 3, 1, 6))
    np.testing.assert_allclose(
        convolve_depthwise(jnp.asarray(image), jnp.asarray(ours)), jax.device_get(theirs), atol=1e-5
    )
