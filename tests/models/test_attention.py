"""Attention gates and hard attention, computed by hand, and the network that uses both."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from busjax.models import make_multitask_network
from busjax.models.attention import AttentionGate, attend_to_mask
from busjax.models.layers import Settings
from tests.models.anatomy import count, images, shapes
from tests.models.multitask_gradients import gradients, without_gradient

SMALL = {"width": 0.125, "options": {"blocks": (1, 1, 1, 1)}}


def doubled(x):
    """Bilinear resizing of [h, w, c] to twice the size, half-pixel centres: weights 3/4 and 1/4."""
    for axis in (0, 1):
        x = np.moveaxis(x, axis, 0)
        before, after = np.concatenate([x[:1], x[:-1]]), np.concatenate([x[1:], x[-1:]])
        pairs = np.stack([0.75 * x + 0.25 * before, 0.75 * x + 0.25 * after], axis=1)
        x = np.moveaxis(pairs.reshape(-1, *x.shape[1:]), 0, axis)
    return x


def test_the_gate_by_hand():
    generator = np.random.default_rng(0)
    x, g = generator.normal(size=(2, 6, 4, 5)), generator.normal(size=(2, 3, 2, 7))
    gate = AttentionGate(Settings(), 3)
    variables = gate.init(jax.random.PRNGKey(0), jnp.asarray(x, jnp.float32), jnp.asarray(g, jnp.float32))
    params = jax.tree.map(lambda leaf: generator.normal(size=leaf.shape).astype(np.float32), variables["params"])
    ours = {"params": jax.tree.map(jnp.asarray, params)}
    found = gate.apply(ours, jnp.asarray(x, jnp.float32), jnp.asarray(g, jnp.float32))
    assert {name: sorted(layer) for name, layer in params.items()} == {
        "own": ["bias", "kernel"],
        "coarser": ["kernel"],
        "alpha": ["bias", "kernel"],
    }
    for i in range(2):
        coarse = doubled(g[i] @ params["coarser"]["kernel"][0, 0])
        inside = np.maximum(x[i] @ params["own"]["kernel"][0, 0] + params["own"]["bias"] + coarse, 0)
        alpha = 1 / (1 + np.exp(-(inside @ params["alpha"]["kernel"][0, 0] + params["alpha"]["bias"])))
        assert alpha.shape == (6, 4, 1)
        np.testing.assert_allclose(found[i], x[i] * alpha, rtol=1e-4, atol=1e-5)


def test_hard_attention_by_hand():
    mask_logits = jnp.full((1, 4, 8, 1), -3.0).at[0, :2, :4].set(0.1).at[0, 3, 5].set(9.0)
    found = attend_to_mask(jnp.ones((1, 4, 8, 2)), mask_logits)
    np.testing.assert_array_equal(found[0, :, :, 1], np.asarray(mask_logits)[0, :, :, 0] > 0)
    np.testing.assert_allclose(attend_to_mask(jnp.ones((1, 2, 3, 2)), jnp.full((1, 40, 56, 1), 0.5)), 1.0, rtol=1e-6)
    assert (attend_to_mask(jnp.ones((1, 2, 3, 2)), jnp.zeros((1, 40, 56, 1))) == 0.0).all()
    # A mask of the left half leaves the left column whole, the right one nothing, and of the middle one half.
    half = jnp.where(jnp.arange(60) < 30, 1.0, -1.0)[None, None, :, None] * jnp.ones((1, 40, 1, 1))
    share = attend_to_mask(jnp.ones((1, 2, 3, 1)), half)[0, :, :, 0]
    np.testing.assert_allclose(share[:, 1], 0.5, atol=1e-5)
    assert (share[:, 0] > 0.9).all()
    assert (share[:, 2] < 0.1).all()


def test_sha_mtl_has_the_stated_count():
    variables = shapes(make_multitask_network("sha_mtl"), images(224))
    decoder = variables["params"]["mask_decoder"]
    gates = {name: tree for name, tree in decoder.items() if name.startswith("gate")}
    assert count(variables) == 8_983_061
    # W_g, W_x, b, psi and its bias at strides 8, 4 and 2; the image has no gate.
    assert count(gates) == sum((g + x + 2) * f + 1 for g, x, f in ((1024, 512, 128), (128, 256, 64), (64, 64, 32)))
    assert count(gates) == 225_731
    assert sorted(gates) == ["gate1", "gate2", "gate3"]
    assert variables["params"]["classifier"]["kernel"].shape == (2048, 1)


@pytest.mark.parametrize("size", [(139, 97), (64, 96)])
def test_sha_mtl_gives_masks_of_the_images_size(size):
    network = make_multitask_network("sha_mtl", **SMALL)
    outputs = jax.eval_shape(network.apply, shapes(network, images(*size)), images(*size))
    assert outputs.mask_logits.shape == (1, *size, 1)
    assert outputs.logits.shape == (1, 1)


def test_classification_gives_the_mask_branch_no_gradient():
    network = make_multitask_network("sha_mtl", **SMALL)
    found = gradients(network, images(64, 47), of=lambda outputs: outputs.logits.sum())
    assert all((leaf == 0).all() for leaf in jax.tree.leaves(found["mask_decoder"]))
    rows = np.asarray(found["classifier"]["kernel"])[:, 0]
    assert np.abs(rows[: len(rows) // 2]).max() > 0  # the masked features
    assert np.abs(rows[len(rows) // 2 :]).max() > 0


def test_every_parameter_receives_a_gradient():
    assert without_gradient(make_multitask_network("sha_mtl", **SMALL), images(64, 47)) == []
