"""One step of one network against a plain gradient, on one device and on four."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from numpy.testing import assert_allclose

from busjax.methods.classification import classification
from busjax.methods.tasks import TASKS
from busjax.training import parallel
from tests.methods.conftest import random_batch, tiny_network

SIZE = 75
RATE = 0.01


@pytest.mark.parametrize("devices", [1, 4])
@pytest.mark.parametrize("frozen", [False, True])
def test_a_step_is_the_plain_gradient_of_the_known_examples(devices, frozen):
    """Gradient descent, written out with numpy for the loss and jax.grad of one whole batch."""
    batch = random_batch(8, size=SIZE)
    fields = {"has_map_tower": False, "dropout_rate": 0.0}
    method = classification(
        "sn", tiny_network("inception_v3", axis_name="batch", **fields), TASKS["solid"], optax.sgd(RATE), frozen
    )
    mesh = parallel.make_mesh(jax.devices()[:devices])
    state = parallel.initialise(method.init, jax.random.PRNGKey(0), SIZE, mesh)
    before = jax.device_get(state.networks["sn"])
    plain = tiny_network("inception_v3", axis_name=None, **fields)
    counts = (np.asarray(batch["solid"]) >= 0) * np.asarray(batch["weight"])
    assert 0 < counts.sum() < 8

    def loss(params):
        variables = {"params": params, "batch_stats": before.batch_stats}
        outputs, new = plain.apply(variables, batch["image"], train=not frozen, mutable=["batch_stats"])
        p = jax.nn.softmax(outputs.logits)
        each = -jnp.log(p[jnp.arange(8), jnp.maximum(batch["solid"], 0)])
        return (each * counts).sum() / counts.sum(), new["batch_stats"]

    (value, stats), gradients = jax.jit(jax.value_and_grad(loss, has_aux=True))(before.params)
    placed = jax.device_put(batch, parallel.divided(mesh))
    after, metrics = parallel.map_train_step(method.train_step, mesh)(state, placed)
    got = after.networks["sn"]
    scale = max(float(jnp.abs(g).max()) for g in jax.tree.leaves(gradients))
    for new, old, gradient in zip(*map(jax.tree.leaves, (got.params, before.params, gradients)), strict=True):
        assert_allclose(new, old - RATE * gradient, rtol=1e-4, atol=1e-4 * RATE * scale)
    for a, b in zip(*map(jax.tree.leaves, (got.batch_stats, stats)), strict=True):
        assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    told = metrics.compute()
    assert_allclose(told["sn_loss"], value, rtol=1e-4)
    assert int(told["first_non_finite"]) == np.iinfo(np.int32).max
