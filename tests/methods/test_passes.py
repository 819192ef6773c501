"""Networks with one output beside those with two."""

import jax
import jax.numpy as jnp
import numpy as np
from numpy.testing import assert_allclose

from busjax.methods import passes
from busjax.models.region_enhanced import Outputs

FEATURES = jnp.asarray(np.random.default_rng(0).normal(size=(6, 3, 4, 5)), jnp.float32)
KERNEL = jnp.asarray(np.random.default_rng(1).normal(size=(5, 1)), jnp.float32)


def test_the_map_of_one_logit_is_that_of_its_two_halves():
    """Of a positive prediction, where the weights are met; of a negative one, where their opposite is."""
    logits = FEATURES.mean(axis=(1, 2)) @ KERNEL
    assert 0 < (logits > 0).sum() < 6
    cam = passes.activation_map({"classifier": {"kernel": KERNEL}}, Outputs(logits, FEATURES, FEATURES.mean((1, 2))))
    raw = np.einsum("bhwc,c->bhw", np.asarray(FEATURES, np.float64), np.asarray(KERNEL[:, 0]))
    raw *= np.where(logits[:, 0] > 0, 1, -1)[:, None, None]
    low, high = raw.min(axis=(1, 2), keepdims=True), raw.max(axis=(1, 2), keepdims=True)
    assert_allclose(cam, (raw - low) / (high - low), atol=1e-5)


def test_views_and_unknown_answers_in_the_validation_loss():
    """Two views of three images, of which one has no answer and one is padding."""
    logits = {"net": jnp.asarray([[1.0], [3.0], [0.0], [0.0], [2.0], [2.0]])}
    batch = {"image": jnp.zeros((3, 2, 4, 4, 3)), "weight": jnp.asarray([1.0, 1.0, 0.0])}
    target = {"net": jnp.asarray([1, -1, 0], jnp.int32)}
    told = passes.validation_losses(lambda x, t: x[:, 0] * (1 + t), logits, target, batch)
    assert_allclose(told["losses"]["net"][0], [2 * (1.0 + 3.0) / 2])
    assert_allclose(told["loss_weights"]["net"], [[1.0], [0.0], [0.0]])
    assert_allclose(
        passes.mean_probability(logits["net"], batch["image"])[0, 1], jax.nn.sigmoid(jnp.asarray([1.0, 3.0])).mean()
    )


def test_a_right_answer_is_one_on_its_side_of_the_threshold():
    """A tie is negative, as in evaluation."""
    logits, target = jnp.asarray([[0.1], [0.1], [0.0], [-2.0]]), jnp.asarray([1, 0, 0, -1], jnp.int32)
    for values in (logits, jnp.concatenate([jnp.ones((4, 1)), 1 + logits], axis=1)):
        told = passes.step_outputs("net", values, jnp.zeros(4), target, jnp.ones(4))
        assert told["net_correct"][:3].tolist() == [1.0, 0.0, 1.0]
        assert told["net_known"].tolist() == [1.0, 1.0, 1.0, 0.0]
