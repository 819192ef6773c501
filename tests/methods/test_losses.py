"""Masked losses against numpy, on one device and on four."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec
from numpy.testing import assert_allclose

from busjax.methods.losses import known, mean_over_devices, softmax_cross_entropy
from busjax.training.parallel import make_mesh


def test_cross_entropy_is_minus_the_log_of_the_softmax():
    logits = np.asarray([[2.0, -1.0], [0.5, 0.5], [-3.0, 4.0]], np.float32)
    target = np.asarray([0, 1, 0])
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    got = softmax_cross_entropy(jnp.asarray(logits), jnp.asarray(target, jnp.int32))
    assert_allclose(got, -np.log(p[np.arange(3), target]), rtol=1e-5)


@pytest.mark.parametrize("devices", [1, 4])
def test_the_mean_is_over_all_devices_and_so_is_its_gradient(devices):
    """Unknown answers lie unevenly over the devices: the mean of the devices' means would be wrong."""
    values = jnp.asarray([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0])
    target = jnp.asarray([-1, -1, 1, 0, -1, 1, 1, 1], jnp.int32)
    weight = jnp.asarray([1, 1, 1, 1, 1, 1, 1, 0], jnp.float32)

    def mean(scale, values, target, weight):
        def share(scale):
            return mean_over_devices(scale * values, known(target, weight), "batch")

        value, gradient = jax.value_and_grad(share)(scale)
        return jax.lax.pmean(value, "batch"), jax.lax.pmean(gradient, "batch")

    mesh = make_mesh(jax.devices()[:devices])
    spread = PartitionSpec("batch")
    mapped = jax.shard_map(
        mean, mesh=mesh, in_specs=(PartitionSpec(), spread, spread, spread), out_specs=PartitionSpec(), check_vma=False
    )
    value, gradient = jax.jit(mapped)(jnp.asarray(2.0), values, target, weight)
    expected = (3 + 4 + 6 + 7) / 4
    assert_allclose(value, 2 * expected, rtol=1e-6)
    assert_allclose(gradient, expected, rtol=1e-6)


def test_a_batch_without_answers_gives_zero():
    mesh = make_mesh(jax.devices()[:1])
    mapped = jax.shard_map(
        lambda v: mean_over_devices(v, jnp.zeros(2), "batch"),
        mesh=mesh,
        in_specs=PartitionSpec(),
        out_specs=PartitionSpec(),
        check_vma=False,
    )
    assert float(jax.jit(mapped)(jnp.ones(2))) == 0.0
