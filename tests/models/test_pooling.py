"""The shifted slices of a CPU give what XLA's maximum pooling gives, and its gradient."""

import functools
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from busjax.models import pooling
from busjax.models.pooling import max_pool

CASES = [
    ((2, 2), (2, 2), "VALID", (8, 9)),
    ((2, 2), (2, 2), "SAME", (7, 5)),
    ((3, 3), (2, 2), "VALID", (9, 10)),
    ((3, 3), (1, 1), "SAME", (5, 6)),
    ((3, 3), (2, 2), ((1, 1), (1, 1)), (8, 7)),
    ((3, 2), (2, 1), ((0, 1), (1, 0)), (6, 6)),
]


@pytest.mark.parametrize(("window", "strides", "padding", "size"), CASES)
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("way", ["plain", "compiled for many"])
def test_as_xla(window, strides, padding, size, ties, way):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, *size, 3)).astype(np.float32)
    x = jnp.asarray(np.round(x) if ties else x)

    def both(backend):
        pool = functools.partial(max_pool, window=window, strides=strides, padding=padding, backend=backend)

        def with_gradient(x, g):
            pooled, back = jax.vjp(pool, x)
            return pooled, back(g)[0]

        pooled = jax.eval_shape(pool, x)
        g = jnp.asarray(np.random.default_rng(1).normal(size=pooled.shape), pooled.dtype)
        if way == "plain":
            return with_gradient(x, g)
        # As networks are trained side by side; the second has the first one's images in another order.
        return jax.jit(jax.vmap(with_gradient))(jnp.stack([x, x[::-1]]), jnp.stack([g, g]))

    ours, theirs = both("cpu"), both("other")
    assert_array_equal(ours[0], theirs[0])
    # Of equal values the first one has it all; gradients of overlapping windows are added in another order.
    assert_allclose(ours[1], theirs[1], rtol=1e-5, atol=1e-6)


def test_by_hand():
    x = jnp.asarray([[1.0, 5.0, 5.0], [5.0, 2.0, 0.0], [7.0, 0.0, -1.0]])[None, :, :, None]
    pooled, back = jax.vjp(lambda x: max_pool(x, (2, 2), (1, 1), "VALID", "cpu"), x)
    assert_array_equal(pooled[0, :, :, 0], [[5, 5], [7, 2]])
    (gradient,) = back(jnp.asarray([[1.0, 2.0], [3.0, 4.0]])[None, :, :, None])
    assert_array_equal(gradient[0, :, :, 0], [[0, 3, 0], [0, 4, 0], [3, 0, 0]])


@pytest.mark.parametrize("place", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_what_is_no_number_is_not_lost(place):
    x = jnp.zeros((1, 2, 2, 1)).at[0, place[0], place[1], 0].set(jnp.nan)
    pooled, back = jax.vjp(lambda x: max_pool(x, (2, 2), (2, 2), "VALID", "cpu"), x)
    assert jnp.isnan(pooled).all()
    assert_array_equal(back(jnp.full((1, 1, 1, 1), 3.0))[0], jnp.zeros_like(x).at[0, place[0], place[1], 0].set(3))


def test_the_type_is_kept():
    x = jnp.asarray(np.random.default_rng(0).normal(size=(1, 5, 5, 2)), jnp.bfloat16)
    (ours, ours_back), (theirs, theirs_back) = (
        jax.vjp(functools.partial(max_pool, window=(3, 3), strides=(2, 2), backend=backend), x)
        for backend in ("cpu", "other")
    )
    g = jnp.ones_like(theirs)
    assert ours.dtype == ours_back(g)[0].dtype == jnp.bfloat16
    assert_array_equal(ours, theirs)
    assert_array_equal(ours_back(g)[0], theirs_back(g)[0])  # small integers, exact


@pytest.mark.parametrize(("padding", "size"), [("VALID", (2, 5)), (((0, 1), (0, 1)), (1, 1))])
def test_where_no_window_fits_there_is_nothing(padding, size):
    x = jnp.ones((2, *size, 3))
    pooled, back = jax.vjp(lambda x: max_pool(x, (3, 3), (2, 2), padding, "cpu"), x)
    assert pooled.shape == (2, 0, (size[1] - 1) // 2, 3)
    assert_array_equal(back(pooled)[0], jnp.zeros_like(x))


def test_no_network_pools_in_another_way():
    sources = Path(pooling.__file__).parent.glob("*.py")
    assert [path.name for path in sources if "nn.max_pool" in path.read_text()] == ["pooling.py"]
