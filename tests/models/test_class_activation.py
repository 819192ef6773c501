"""Class activation maps against the sum written out."""

import jax
import jax.numpy as jnp
import numpy as np
from numpy.testing import assert_allclose

from busjax.models.class_activation import class_activation_map, enlarge


def test_equals_the_sum_of_equation_3():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(4, 3, 5, 7)).astype(np.float32)
    weights = rng.normal(size=(7, 2)).astype(np.float32)
    logits = np.asarray([[1, 0], [0, 1], [2, -1], [-3, 4]], np.float32)
    got = class_activation_map(*map(jnp.asarray, (features, weights, logits)))
    for b, c in enumerate((0, 1, 0, 1)):
        m = np.zeros((3, 5))
        for n in range(7):
            m += weights[n, c] * features[b, :, :, n]
        assert_allclose(got[b], (m - m.min()) / (m.max() - m.min()), rtol=1e-4, atol=1e-5)


def test_a_constant_map_is_zero():
    got = class_activation_map(jnp.ones((1, 2, 2, 3)), jnp.ones((3, 2)), jnp.asarray([[0.0, 1.0]]))
    assert (got == 0).all()


def test_no_gradient_passes():
    def total(features, weights, logits):
        return (class_activation_map(features, weights, logits) ** 2).sum()

    args = (jnp.arange(24.0).reshape(1, 2, 3, 4), jnp.arange(8.0).reshape(4, 2), jnp.asarray([[0.3, 0.2]]))
    assert all((g == 0).all() for g in jax.grad(total, (0, 1, 2))(*args))


def test_enlarging_uses_half_pixel_centres():
    row = np.asarray([0.0, 1.0])
    got = enlarge(jnp.asarray(np.broadcast_to(row, (1, 2, 2)).astype(np.float32)), 8)
    centres = (np.arange(8) + 0.5) / 4 - 0.5
    assert_allclose(got[0, 3], np.interp(centres, [0, 1], row), atol=1e-6)
