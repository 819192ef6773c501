"""Losses of masks against numpy and Keras, on one device and on four."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec
from jax.test_util import check_grads
from ml_collections import ConfigDict
from numpy.testing import assert_allclose

from busjax.methods import segmentation_losses
from busjax.methods.segmentation_losses import SEGMENTATION_LOSSES, image_losses, make_segmentation_loss
from busjax.training.parallel import make_mesh

AXIS = "batch"
rng = np.random.default_rng(0)
LOGITS = rng.normal(0, 2, (8, 5, 6, 1)).astype(np.float32)
# Lesions of all sizes, one of them none; unevenly over the devices, which have two images each.
MASK = (rng.random((8, 5, 6, 1)) < np.array([0.9, 0.8, 0.0, 0.1, 0.1, 0.2, 0.5, 0.1])[:, None, None, None]).astype(
    np.float32
)
WEIGHT = np.array([1, 1, 1, 0, 0, 0, 1, 1], np.float32)


def over_devices(name: str, devices: int):
    """Value and gradient of the whole loss by the logits' scale, as a training step makes them of the shares."""
    loss = make_segmentation_loss(ConfigDict({"segmentation": name}))

    def step(scale, logits, mask, weight):
        value, gradient = jax.value_and_grad(lambda s: loss(s * logits, mask, weight, AXIS))(scale)
        return jax.lax.pmean(value, AXIS), jax.lax.pmean(gradient, AXIS)

    spread = PartitionSpec(AXIS)
    mapped = jax.shard_map(
        step,
        mesh=make_mesh(jax.devices()[:devices]),
        in_specs=(PartitionSpec(), spread, spread, spread),
        out_specs=PartitionSpec(),
        check_vma=False,
    )
    return jax.jit(mapped)


def numpy_loss(name: str, logits: np.ndarray, mask: np.ndarray, weight: np.ndarray) -> float:
    p = 1 / (1 + np.exp(-logits.astype(np.float64)))
    p, y = p[weight > 0], mask[weight > 0]

    def fraction(p, y):
        overlap = (p * y).sum()
        if name.startswith("dice"):
            return (2 * overlap + 1) / (p.sum() + y.sum() + 1)
        return (overlap + 1) / (p.sum() + y.sum() - overlap + 1)

    if name.endswith("per_image"):
        return float(np.mean([1 - fraction(*one) for one in zip(p, y, strict=True)]))
    return float(1 - fraction(p, y))


@pytest.mark.parametrize("devices", [1, 2, 4])
@pytest.mark.parametrize("name", sorted(SEGMENTATION_LOSSES))
def test_value_and_gradient_on_any_number_of_devices(name, devices):
    """The gradient against differences of the whole loss in float64."""
    scale, step = 0.7, 1e-5
    value, gradient = over_devices(name, devices)(jnp.float32(scale), LOGITS, MASK, WEIGHT)
    wide = LOGITS.astype(np.float64)
    above, below = (numpy_loss(name, s * wide, MASK, WEIGHT) for s in (scale + step, scale - step))
    assert_allclose(value, numpy_loss(name, np.float64(scale) * wide, MASK, WEIGHT), rtol=1e-5)
    assert_allclose(gradient, (above - below) / (2 * step), rtol=1e-3)
    assert abs(gradient) > 1e-3


def test_dice_over_a_batch_is_keras_dice(monkeypatch):
    """Keras's has a smoothing of 1e-7 in place of 1."""
    import keras

    monkeypatch.setattr(segmentation_losses, "SMOOTH", 1e-7)
    ones = np.ones(8, np.float32)
    value, _ = over_devices("dice", 4)(jnp.float32(1), LOGITS, MASK, ones)
    p = np.asarray(jax.nn.sigmoid(LOGITS))
    assert_allclose(value, keras.losses.Dice()(MASK, p), rtol=1e-5)
    # By image: Keras sums over the axes that it is given.
    each = keras.losses.Dice(axis=(1, 2, 3), reduction="none")(MASK, p)
    assert_allclose(image_losses("dice", jnp.asarray(LOGITS), jnp.asarray(MASK)), each, rtol=1e-5)


def test_values_by_hand():
    """Logit 0 is one half: of 4 pixels with one in the mask, overlap 1/2, sum 2 + 1."""
    logits, mask = jnp.zeros((2, 2, 2, 1)), jnp.zeros((2, 2, 2, 1)).at[0, 0, 0].set(1.0)
    # Image 0: dice 1 - 2/4, IoU 1 - 1.5/3.5. Image 1, empty: 1 - 1/3 for both.
    assert_allclose(image_losses("dice", logits, mask), [1 / 2, 2 / 3], rtol=1e-6)
    assert_allclose(image_losses("soft_iou_per_image", logits, mask), [4 / 7, 2 / 3], rtol=1e-6)
    one = np.ones(4, np.float32)
    twice, masks = np.zeros((4, 2, 2, 1), np.float32), np.concatenate([mask, mask])
    expected = {
        "dice": 1 - (2 * 1.0 + 1) / (8 + 2 + 1),
        "soft_iou": 1 - (1.0 + 1) / (8 + 2 - 1 + 1),
        "dice_per_image": (1 / 2 + 2 / 3) / 2,
        "soft_iou_per_image": (4 / 7 + 2 / 3) / 2,
    }
    for name, value in expected.items():
        assert_allclose(over_devices(name, 4)(jnp.float32(1), twice, masks, one)[0], value, rtol=1e-6, err_msg=name)


@pytest.mark.parametrize("name", sorted(SEGMENTATION_LOSSES))
def test_no_mask_at_all_is_no_loss(name):
    value, gradient = over_devices(name, 4)(jnp.float32(1), LOGITS, MASK, np.zeros(8, np.float32))
    assert (float(value), float(gradient)) == (0.0, 0.0)


@pytest.mark.parametrize("name", ["dice", "soft_iou"])
def test_gradients_by_pixel_and_large_logits(name):
    mask = jnp.asarray(MASK[:3])
    check_grads(
        lambda x: image_losses(name, jnp.asarray(x), mask).sum(), (jnp.asarray(LOGITS[:3]),), 1, ["rev"], 1e-2, 1e-2
    )
    for size in (100.0, -100.0):
        value, gradient = jax.value_and_grad(lambda x: image_losses(name, x, mask).sum())(jnp.full(mask.shape, size))
        assert np.isfinite(value)
        assert np.isfinite(gradient).all()


def test_an_unknown_loss():
    with pytest.raises(ValueError, match=r"loss.segmentation: unknown name 'dise'; did you mean 'dice'"):
        make_segmentation_loss(ConfigDict({"segmentation": "dise"}))
