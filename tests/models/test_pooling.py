"""The shifted slices of a CPU give what XLA's maximum pooling gives, and its gradient."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from busjax.models.pooling import max_pool

CASES = [
    ((2, 2), (2, 2), "VALID", (8, 9)),
    ((2, 2), (2, 2), "SAME", (7, 5)),
    ((3, 3), (2, 2), "VALID", (9, 10)),
    ((3, 3), (1, 1), "SAME", (5, 6)),
    ((3, 3), (2, 2), ((1, 1), (1, 1)), (8, 7)),
    ((3, 2), (2, 1), ((0, 1), (1, 0)), (6, 6)),
    ((3, 3), (2, 2), "VALID", (2, 5)),  # no window fits
    ((3, 3), (2, 2), ((0, 1), (0, 1)), (1, 1)),
]


@pytest.mark.parametrize(("window", "strides", "padding", "size"), CASES)
@pytest.mark.parametrize("ties", [False, True])
def test_as_xla(window, strides, padding, size, ties):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, *size, 3)).astype(np.float32)
    x = jnp.asarray(np.round(x) if ties else x)

    def both(backend):
        pooled, back = jax.vjp(lambda x: max_pool(x, window, strides, padding, backend), x)
        return pooled, back(jnp.asarray(np.random.default_rng(1).normal(size=pooled.shape), pooled.dtype))[0]

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
    assert jnp.isnan(max_pool(x, (2, 2), (2, 2), "VALID", "cpu")).all()
