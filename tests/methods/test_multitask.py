"""One step of a network with two heads against a plain gradient, on one device and on four; what it predicts."""

from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from ml_collections import ConfigDict
from numpy.testing import assert_allclose

from busjax.methods.multitask import make_multitask_loss, multitask
from busjax.methods.tasks import TASKS
from busjax.training import parallel
from tests.methods.conftest import random_batch

SIZE, RATE, W_CLASS, W_MASK = 16, 0.05, 3.0, 0.5
LOSS = {
    "name": "weighted_bce",
    "positive_weight": 2.5,
    "gamma": 2.0,
    "alpha": 0.5,
    "segmentation": "dice",
    "classification_weight": W_CLASS,
    "segmentation_weight": W_MASK,
}


class Answers(NamedTuple):
    logits: jax.Array
    mask_logits: jax.Array
    features: jax.Array


class TwoHeads(nn.Module):
    """The smallest network that tells a class and draws a mask."""

    axis_name: str | None
    classes: int = 1

    @nn.compact
    def __call__(self, image, dropout_keys=None, *, train=False):
        norm = nn.BatchNorm(not train, momentum=0.9, axis_name=self.axis_name if train else None, name="norm")
        x = nn.relu(norm(nn.Conv(6, (3, 3), name="conv")(image)))
        mask = nn.Conv(1, (3, 3), name="mask")(x)
        return Answers(nn.Dense(self.classes, name="classifier")(x.mean(axis=(1, 2))), mask, x)


def make(axis_name="batch", classes=1, task="malignant", **changed):
    loss = make_multitask_loss(ConfigDict(LOSS | changed))
    return multitask("net", TwoHeads(axis_name, classes), TASKS[task], optax.sgd(RATE), False, loss)


def mixed_batch(has_mask=(1, 0, 1, 1, 0, 1, 0, 1), label=(2, 1, -1, 0, 2, -1, 1, 2)):
    """Eight images: known and unknown classes, masks full, empty and not there; the last is padding."""
    batch = random_batch(8, size=SIZE)
    rng = np.random.default_rng(1)
    mask = (rng.random((8, SIZE, SIZE, 1)) < 0.3).astype(np.float32)
    mask[3] = 0  # a mask that is empty
    return batch | {
        "label": jnp.asarray(label, jnp.int32),
        "has_mask": jnp.asarray(has_mask, bool),
        "mask": jnp.asarray(mask),  # pixels of an image without a mask must not matter
    }


def literal_loss(outputs, batch):
    """The formulas of the benchmark's paper and code, in probabilities, over the images that have an answer."""
    p = 1 / (1 + jnp.exp(-outputs.logits[:, 0]))
    q = 1 / (1 + jnp.exp(-outputs.mask_logits))
    label, weight = np.asarray(batch["label"]), np.asarray(batch["weight"])
    known, drawn = (label >= 0) * weight, np.asarray(batch["has_mask"]) * weight
    t, y, shown = label == 2, batch["mask"], drawn[:, None, None, None]
    wbce = -(2.5 * t * jnp.log(p) + (1 - t) * jnp.log(1 - p))
    dice = 1 - (2 * (q * y * shown).sum() + 1) / ((q * shown).sum() + (y * shown).sum() + 1)
    return (wbce * known).sum() / max(known.sum(), 1), dice


def stepped(method, batch, devices):
    mesh = parallel.make_mesh(jax.devices()[:devices])
    state = parallel.initialise(method.init, jax.random.PRNGKey(0), SIZE, mesh)
    before = jax.device_get(state.networks["net"])
    placed = jax.device_put(batch, parallel.divided(mesh))
    after, metrics = parallel.map_train_step(method.train_step, mesh)(state, placed)
    return before, jax.device_get(after), metrics.compute()


@pytest.mark.parametrize("devices", [1, 4])
def test_a_step_is_the_plain_gradient_of_both_losses(devices):
    batch = mixed_batch()
    before, after, told = stepped(make(), batch, devices)

    def whole(params):
        variables = {"params": params, "batch_stats": before.batch_stats}
        outputs, new = TwoHeads(None).apply(variables, batch["image"], train=True, mutable=["batch_stats"])
        classified, drawn = literal_loss(outputs, batch)
        return W_CLASS * classified + W_MASK * drawn, (classified, drawn, new["batch_stats"])

    (value, (classified, drawn, stats)), gradients = jax.value_and_grad(whole, has_aux=True)(before.params)
    got = after.networks["net"]
    scale = max(float(jnp.abs(g).max()) for g in jax.tree.leaves(gradients))
    for new, old, gradient in zip(*map(jax.tree.leaves, (got.params, before.params, gradients)), strict=True):
        assert_allclose(new, old - RATE * gradient, rtol=1e-4, atol=1e-4 * RATE * scale)
    for a, b in zip(*map(jax.tree.leaves, (got.batch_stats, stats)), strict=True):
        assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    expected = {"net_loss": value, "classification_loss": classified, "segmentation_loss": drawn}
    for name, number in expected.items():
        assert_allclose(told[name], number, rtol=1e-5)
    assert int(after.step) == 1
    assert int(told["first_non_finite"]) == np.iinfo(np.int32).max


def gradient_free(before, after, part):
    pairs = zip(jax.tree.leaves(before.params[part]), jax.tree.leaves(after.networks["net"].params[part]), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


def test_a_batch_without_masks_moves_the_class_alone_and_the_other_way_round():
    before, after, told = stepped(make(), mixed_batch(has_mask=[0] * 8), 4)
    assert gradient_free(before, after, "mask")
    assert not gradient_free(before, after, "classifier")
    assert np.isnan(told["segmentation_loss"])  # told of no batch, rather than 0 of a batch without masks
    assert told["net_loss"] == pytest.approx(W_CLASS * float(told["classification_loss"]))
    before, after, told = stepped(make(), mixed_batch(label=[-1] * 8), 4)
    assert gradient_free(before, after, "classifier")
    assert not gradient_free(before, after, "mask")
    assert np.isnan(told["classification_loss"])
    assert told["net_loss"] == pytest.approx(W_MASK * float(told["segmentation_loss"]))


def test_pixels_of_an_image_without_mask_do_not_matter():
    batch = mixed_batch()
    other = batch | {"mask": batch["mask"].at[1].set(1.0).at[7].set(1.0)}  # no mask, and padding
    one, two = (stepped(make(), b, 1)[1].networks["net"].params for b in (batch, other))
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(two), strict=True):
        assert np.array_equal(a, b)


@pytest.mark.parametrize(("devices", "classes"), [(1, 1), (4, 1), (4, 2)])
def test_predictions(devices, classes):
    """Probabilities of class and pixels, and the terms of the validation loss of each image by itself."""
    method, batch = make(classes=classes), mixed_batch()
    mesh = parallel.make_mesh(jax.devices()[:devices])
    state = parallel.initialise(method.init, jax.random.PRNGKey(0), SIZE, mesh)
    net = jax.device_get(state.networks["net"])
    views = batch | {"image": batch["image"][:, None], "mask": batch["mask"][:, None]}
    told = parallel.map_predict(method.predict, mesh)(state, jax.device_put(views, parallel.divided(mesh)))
    variables = {"params": net.params, "batch_stats": net.batch_stats}
    outputs = TwoHeads(None, classes).apply(variables, batch["image"])
    logit = outputs.logits[:, 0] if classes == 1 else outputs.logits[:, 1] - outputs.logits[:, 0]
    p, q = 1 / (1 + np.exp(-logit)), 1 / (1 + np.exp(-outputs.mask_logits[..., 0]))
    assert_allclose(told["scores"]["net"], np.stack([1 - p, p], axis=1), rtol=1e-5)
    assert told["masks"]["net"].shape == (8, 1, SIZE, SIZE)
    assert told["masks"]["net"].dtype == jnp.float32
    assert_allclose(told["masks"]["net"][:, 0], q, rtol=1e-5)
    assert told["cams"] == {}
    t, y = np.asarray(batch["label"]) == 2, np.asarray(batch["mask"])[..., 0]
    wbce = -(2.5 * t * np.log(p) + (1 - t) * np.log(1 - p))
    sums = (q * y).sum((1, 2)), q.sum((1, 2)) + y.sum((1, 2))
    dice = 1 - (2 * sums[0] + 1) / (sums[1] + 1)
    assert_allclose(told["losses"]["net"], np.stack([W_CLASS * wbce, W_MASK * dice], 1), rtol=1e-4)
    weights = [[1, 1], [1, 0], [0, 1], [1, 1], [1, 0], [0, 1], [1, 0], [0, 0]]
    assert_allclose(told["loss_weights"]["net"], weights)


@pytest.mark.parametrize("devices", [1, 4])
def test_three_classes(devices):
    """Cross-entropy with soft IoU over the batch, and predictions of three scores, by numpy."""
    method, batch = make(classes=3, task="tumour", name="cross_entropy", segmentation="soft_iou"), mixed_batch()
    before, after, told = stepped(method, batch, devices)
    label, weight = np.asarray(batch["label"]), np.asarray(batch["weight"])
    known, drawn = (label >= 0) * weight, np.asarray(batch["has_mask"]) * weight
    y, shown = np.asarray(batch["mask"]), drawn[:, None, None, None]

    def whole(params):
        variables = {"params": params, "batch_stats": before.batch_stats}
        outputs, _ = TwoHeads(None, 3).apply(variables, batch["image"], train=True, mutable=["batch_stats"])
        p = jnp.exp(outputs.logits) / jnp.exp(outputs.logits).sum(axis=1, keepdims=True)
        each = -jnp.log(p[jnp.arange(8), jnp.maximum(label, 0)])
        q = 1 / (1 + jnp.exp(-outputs.mask_logits))
        both, either = (q * y * shown).sum(), ((q + y - q * y) * shown).sum()
        iou_loss = 1 - (both + 1) / (either + 1)
        classified = (each * known).sum() / known.sum()
        return W_CLASS * classified + W_MASK * iou_loss, (classified, iou_loss, outputs.logits)

    (value, (classified, iou_loss, logits)), gradients = jax.value_and_grad(whole, has_aux=True)(before.params)
    expected = {"net_loss": value, "classification_loss": classified, "segmentation_loss": iou_loss}
    for name, number in expected.items():
        assert_allclose(told[name], number, rtol=1e-5)
    right = np.asarray(logits).argmax(axis=1) == label
    assert_allclose(told["net_accuracy"], (right * known).sum() / known.sum())
    scale = max(float(jnp.abs(g).max()) for g in jax.tree.leaves(gradients))
    got = after.networks["net"].params
    for new, old, gradient in zip(*map(jax.tree.leaves, (got, before.params, gradients)), strict=True):
        assert_allclose(new, old - RATE * gradient, rtol=1e-4, atol=1e-4 * RATE * scale)

    mesh = parallel.make_mesh(jax.devices()[:devices])
    state = parallel.initialise(method.init, jax.random.PRNGKey(0), SIZE, mesh)
    views = batch | {"image": batch["image"][:, None], "mask": batch["mask"][:, None]}
    answer = parallel.map_predict(method.predict, mesh)(state, jax.device_put(views, parallel.divided(mesh)))
    variables = {"params": before.params, "batch_stats": before.batch_stats}
    logits = np.asarray(TwoHeads(None, 3).apply(variables, batch["image"]).logits, np.float64)
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert_allclose(answer["scores"]["net"], p, rtol=1e-5)
    cross = -np.log(p[np.arange(8), np.maximum(label, 0)])
    assert_allclose(answer["losses"]["net"][:, 0], W_CLASS * cross, rtol=1e-5)
    assert_allclose(answer["loss_weights"]["net"], np.stack([known, drawn], axis=1))


def test_unknown_losses_are_refused():
    with pytest.raises(ValueError, match=r"loss\.segmentation: unknown name 'dise'; did you mean 'dice'"):
        make(segmentation="dise")


class OneHead(TwoHeads):
    """The same without a mask."""

    segmentation: bool = False

    @nn.compact
    def __call__(self, image, dropout_keys=None, *, train=False):
        x = nn.relu(nn.Conv(6, (3, 3), name="conv")(image))
        return Answers(nn.Dense(1, name="classifier")(x.mean(axis=(1, 2))), None, x)


def test_a_network_that_draws_nothing_learns_the_class_alone():
    loss = make_multitask_loss(ConfigDict(LOSS))
    method = multitask("net", OneHead("batch"), TASKS["malignant"], optax.sgd(RATE), False, loss)
    assert not method.draws
    assert make().draws
    batch = mixed_batch()
    before, _, told = stepped(method, batch, 4)
    outputs = OneHead(None).apply({"params": jax.tree.map(jnp.asarray, before.params)}, batch["image"])
    logit, t = np.asarray(outputs.logits[:, 0]), np.asarray(batch["label"]) == 2
    wbce = -(2.5 * t * np.log(1 / (1 + np.exp(-logit))) + (1 - t) * np.log(1 / (1 + np.exp(logit))))
    known = (np.asarray(batch["label"]) >= 0) * np.asarray(batch["weight"])
    assert told["net_loss"] == pytest.approx(W_CLASS * (wbce * known).sum() / known.sum(), rel=1e-5)
    assert np.isnan(told["segmentation_loss"])
    state = method.init(jax.random.PRNGKey(0), SIZE)
    views = batch | {"image": batch["image"][:, None], "mask": batch["mask"][:, None]}
    told = method.predict(state, views)
    assert "masks" not in told
    assert told["losses"]["net"].shape == (8, 1)
