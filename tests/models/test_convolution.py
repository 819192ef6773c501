"""Our convolution against nested loops and against XLA's on every backend path."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from busjax.models.convolution import CHANNELS_FOR_PRODUCTS, convolve, convolve_depthwise


def naive(x, kernel, strides, pads):
    x = np.pad(np.asarray(x, np.float64), ((0, 0), *pads, (0, 0)))
    rows, columns, _, features = kernel.shape
    height, width = ((x.shape[i + 1] - kernel.shape[i]) // strides[i] + 1 for i in range(2))
    out = np.zeros((x.shape[0], height, width, features))
    for i in range(height):
        for j in range(width):
            top, left = i * strides[0], j * strides[1]
            window = x[:, top : top + rows, left : left + columns]
            out[:, i, j] = np.einsum("bhwc,hwco->bo", window, np.asarray(kernel, np.float64))
    return out


CASES = [
    ((1, 1), (1, 1), "VALID", ((0, 0), (0, 0))),
    ((3, 3), (1, 1), "SAME", ((1, 1), (1, 1))),
    ((3, 3), (2, 2), "VALID", ((0, 0), (0, 0))),
    ((1, 7), (1, 1), "SAME", ((0, 0), (3, 3))),
    ((3, 2), (2, 1), ((1, 0), (2, 1)), ((1, 0), (2, 1))),
]


@pytest.mark.parametrize("channels", [3, CHANNELS_FOR_PRODUCTS])
@pytest.mark.parametrize(("size", "strides", "padding", "pads"), CASES)
@pytest.mark.parametrize("backend", ["cpu", "gpu"])
def test_values_and_gradients(size, strides, padding, pads, channels, backend):
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=(2, 9, 8, channels)), jnp.float32)
    kernel = jnp.asarray(rng.normal(size=(*size, channels, channels)), jnp.float32)
    y = convolve(x, kernel, strides, padding, backend)
    expected = naive(x, kernel, strides, pads)
    assert_allclose(y, expected, rtol=1e-4, atol=1e-3)

    # Gradients of <y, g> by the definition: linear in x and in the kernel, so finite differences are exact.
    g = jnp.asarray(rng.normal(size=y.shape), jnp.float32)
    scalar = lambda x, k: (convolve(x, k, strides, padding, backend) * g).sum()  # noqa: E731
    dx, dk = jax.grad(scalar, (0, 1))(x, kernel)
    tx, tk = (jnp.asarray(rng.normal(size=a.shape), jnp.float32) for a in (x, kernel))
    assert_allclose((dx * tx).sum(), (naive(tx, kernel, strides, pads) * g).sum(), rtol=1e-3, atol=1e-2)
    assert_allclose((dk * tk).sum(), (naive(x, tk, strides, pads) * g).sum(), rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize("channels", [3, CHANNELS_FOR_PRODUCTS])
@pytest.mark.parametrize(("size", "strides", "padding", "pads"), CASES)
@pytest.mark.parametrize("shared", [None, "x", "kernel"])
def test_vectorised_over_networks(size, strides, padding, pads, channels, shared):
    """Under jax.vmap, inside a loop and out of it: values and gradients of each network by itself."""
    rng = np.random.default_rng(1)
    x = jnp.asarray(rng.normal(size=(4, 2, 9, 8, channels)), jnp.float32)
    kernel = jnp.asarray(rng.normal(size=(4, *size, channels, channels)), jnp.float32)
    axes = [None if shared == name else 0 for name in ("x", "kernel")]
    given = [value[0] if axis is None else value for value, axis in zip((x, kernel), axes, strict=True)]
    g = jnp.asarray(rng.normal(size=convolve(x[0], kernel[0], strides, padding, "gpu").shape), jnp.float32)

    def scalar(backend):
        return lambda a, b: (convolve(a, b, strides, padding, backend) * g).sum()

    ours = jax.vmap(jax.value_and_grad(scalar("cpu"), (0, 1)), axes)(*given)
    for i in range(4):
        one = [value if axis is None else value[i] for value, axis in zip(given, axes, strict=True)]
        expected = jax.value_and_grad(scalar("gpu"), (0, 1))(*one)
        for found, wanted in zip(*map(jax.tree.leaves, (ours, expected)), strict=True):
            assert_allclose(found[i], wanted, rtol=1e-3, atol=2e-3)
    if shared is None:
        looped = jax.lax.map(lambda a: jax.grad(scalar("cpu"), 1)(*a), (x, kernel), batch_size=2)
        assert_allclose(looped, ours[1][1], rtol=1e-4, atol=1e-3)


def test_depthwise_in_bfloat16_is_rounded_once():
    """As near to float32 as XLA's."""
    rng = np.random.default_rng(0)
    x, kernel = (jnp.asarray(rng.standard_normal(shape), jnp.float32) for shape in ((2, 9, 9, 4), (5, 5, 1, 4)))
    exact = convolve_depthwise(x, kernel, backend="gpu")
    ours, xlas = (
        convolve_depthwise(x.astype(jnp.bfloat16), kernel.astype(jnp.bfloat16), backend=way) for way in ("cpu", "gpu")
    )
    assert ours.dtype == jnp.bfloat16
    errors = [float(jnp.abs(y.astype(jnp.float32) - exact).max()) for y in (ours, xlas)]
    assert errors[0] <= 1.2 * errors[1]


@pytest.mark.parametrize("strides", [(1, 1), (2, 2)])
@pytest.mark.parametrize("padding", ["SAME", "VALID", ((0, 1), (0, 1)), ((2, 2), (1, 0))])
@pytest.mark.parametrize("kernel_size", [(3, 3), (5, 2)])
def test_depthwise_equals_xlas(strides, padding, kernel_size):
    """Values and gradients, in double precision."""
    with jax.enable_x64(True):
        rng = np.random.default_rng(0)
        x = jnp.asarray(rng.standard_normal((2, 9, 8, 3)))
        kernel = jnp.asarray(rng.standard_normal((*kernel_size, 1, 3)))
        ways = [
            jax.vjp(lambda a, b, way=way: convolve_depthwise(a, b, strides, padding, way), x, kernel)
            for way in ("cpu", "gpu")
        ]
        (value, pull), (expected, pull_expected) = ways
        assert_allclose(value, expected, atol=1e-12)
        g = jnp.asarray(rng.standard_normal(value.shape))
        for found, wanted in zip(pull(g), pull_expected(g), strict=True):
            assert_allclose(found, wanted, atol=1e-12)
