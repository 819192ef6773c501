"""Losses against values by hand, numpy and Keras; masked means on one device and on four."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec
from jax.test_util import check_grads
from ml_collections import ConfigDict
from numpy.testing import assert_allclose

from busjax.methods.losses import (
    LMCL,
    LOSSES,
    cross_entropy,
    decided,
    known,
    make_loss,
    mean_over_devices,
    positive_logit,
    probabilities,
    softmax_cross_entropy,
)
from busjax.training.parallel import make_mesh

TARGET = jnp.asarray([0, 1, 1, 0, 1, 0], jnp.int32)
LOGIT = jnp.asarray([[-2.0], [-0.5], [3.0], [1.25], [0.0], [0.4]])


# The other one has tests of its own, in test_cosine_loss.py.
OF_ONE_LOGIT = sorted(LOSSES.keys() - {LMCL})


def loss(name: str, **fields: float):
    return make_loss(ConfigDict({"name": name, "positive_weight": 1.0, "gamma": 2.0, "alpha": 0.5, **fields}))


def two(logit: jax.Array) -> jax.Array:
    """Two logits of the same probability, with a common part that must not matter."""
    other = jnp.linspace(-1.0, 1.0, len(logit))[:, None]
    return jnp.concatenate([other, other + logit], axis=1)


def test_cross_entropy_is_minus_the_log_of_the_softmax():
    logits = np.asarray([[2.0, -1.0], [0.5, 0.5], [-3.0, 4.0]], np.float32)
    target = np.asarray([0, 1, 0])
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    got = softmax_cross_entropy(jnp.asarray(logits), jnp.asarray(target, jnp.int32))
    assert_allclose(got, -np.log(p[np.arange(3), target]), rtol=1e-5)


def test_the_answer_decided_on():
    """That of highest probability, of equals the first: one logit of 0 is a negative answer, as two equal ones are."""
    assert decided(LOGIT).tolist() == [0, 0, 1, 1, 0, 1]
    assert decided(two(LOGIT)).tolist() == [0, 0, 1, 1, 0, 1]
    three = jnp.asarray([[2.0, 1.0, 3.0], [0.5, 0.5, -1.0], [-2.0, 4.0, 4.0]])
    assert decided(three).tolist() == [2, 0, 1]
    assert np.array_equal(decided(three), np.argmax(np.asarray(probabilities(three)), axis=1))
    assert decided(three).dtype == jnp.int32


def test_cross_entropy_of_three_classes():
    logits = np.asarray([[2.0, -1.0, 0.3], [0.5, 0.5, 9.0], [-3.0, 4.0, 1.0]], np.float32)
    target = np.asarray([0, 1, 2])
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    assert_allclose(
        loss("cross_entropy")(jnp.asarray(logits), jnp.asarray(target)), -np.log(p[[0, 1, 2], target]), 1e-5
    )


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


def test_values_by_hand():
    """Of p = 3/4 and p = 1/5: logits log 3 and -log 4."""
    logits, target = jnp.log(jnp.asarray([[3.0], [0.25]])), jnp.asarray([1, 0], jnp.int32)
    hit, miss = math.log(4 / 3), math.log(5 / 4)  # -log p of a positive, -log(1 - p) of a negative
    assert_allclose(loss("bce")(logits, target), [hit, miss], rtol=1e-6)
    assert_allclose(loss("weighted_bce", positive_weight=3.0)(logits, target), [3 * hit, miss], rtol=1e-6)
    focal = loss("focal", gamma=2.0, alpha=0.8)(logits, target)
    assert_allclose(focal, [0.8 * hit / 16, 0.2 * miss / 25], rtol=1e-6)
    # The other answers: -log(1 - p) = log 4 and -log p = log 5.
    turned = 1 - target
    assert_allclose(loss("bce")(logits, turned), [math.log(4), math.log(5)], rtol=1e-6)
    assert_allclose(
        loss("weighted_bce", positive_weight=3.0)(logits, turned), [math.log(4), 3 * math.log(5)], rtol=1e-6
    )
    focal = loss("focal", gamma=3.0, alpha=0.25)(logits, turned)
    assert_allclose(focal, [0.75 * 27 / 64 * math.log(4), 0.25 * 64 / 125 * math.log(5)], rtol=1e-6)


def test_against_keras():
    import keras

    truth, p = np.asarray(TARGET, np.float32)[:, None], jax.nn.sigmoid(LOGIT)
    each = {"reduction": "none"}
    assert_allclose(loss("bce")(LOGIT, TARGET), keras.losses.BinaryCrossentropy(**each)(truth, p), rtol=1e-5)
    for gamma, alpha in ((2.0, 0.25), (3.0, 0.8), (4.0, 0.5)):
        keras_focal = keras.losses.BinaryFocalCrossentropy(True, alpha, gamma, **each)
        assert_allclose(loss("focal", gamma=gamma, alpha=alpha)(LOGIT, TARGET), keras_focal(truth, p), rtol=1e-5)
    weights = np.where(TARGET == 1, 3.0, 1.0).astype(np.float32)
    weighted = keras.losses.BinaryCrossentropy(from_logits=True, **each)(truth, LOGIT, sample_weight=weights)
    for name in ("weighted_bce", "weighted_bce_clipped"):
        assert_allclose(loss(name, positive_weight=3.0)(LOGIT, TARGET), weighted, rtol=1e-5)
    sparse = keras.losses.SparseCategoricalCrossentropy(from_logits=True, **each)(np.asarray(TARGET), two(LOGIT))
    assert_allclose(loss("cross_entropy")(two(LOGIT), TARGET), sparse, rtol=1e-5)


def test_weighted_and_focal_against_torch():
    """NS-WBCE is TensorFlow's and PyTorch's weighted cross-entropy with a weight on positives."""
    torch = pytest.importorskip("torch")
    logit, truth = torch.tensor(np.asarray(LOGIT[:, 0])), torch.tensor(np.asarray(TARGET, np.float32))
    expected = torch.nn.BCEWithLogitsLoss(reduction="none", pos_weight=torch.tensor(4.0))(logit, truth)
    assert_allclose(loss("weighted_bce", positive_weight=4.0)(LOGIT, TARGET), expected, rtol=1e-5)


@pytest.mark.parametrize("name", OF_ONE_LOGIT)
@pytest.mark.parametrize("outputs", [1, 2])
def test_one_logit_and_two_are_the_same_loss_with_right_gradients(name, outputs):
    chosen = loss(name, positive_weight=3.0, gamma=2.0, alpha=0.8)
    logits = LOGIT if outputs == 1 else two(LOGIT)
    assert_allclose(chosen(logits, TARGET), chosen(LOGIT, TARGET), rtol=1e-5, atol=1e-6)
    with jax.enable_x64(True):
        precise = jnp.asarray(np.asarray(logits, np.float64))
        check_grads(
            lambda x: chosen(jnp.asarray(x), TARGET).sum(),
            (precise,),
            order=1,
            modes=["rev", "fwd"],
            atol=1e-6,
            rtol=1e-6,
        )


@pytest.mark.parametrize("name", OF_ONE_LOGIT)
@pytest.mark.parametrize("size", [100.0, 1e4])
def test_large_logits_are_finite_and_so_are_their_gradients(name, size):
    logits = jnp.asarray([[size], [-size], [size], [-size]])
    target = jnp.asarray([1, 1, 0, 0], jnp.int32)
    for gamma in (0.0, 0.5, 2.0):
        chosen = loss(name, positive_weight=3.0, gamma=gamma, alpha=0.8)
        for both in (logits, jnp.concatenate([-logits / 2, logits / 2], axis=1)):
            values, pull = jax.vjp(lambda x: chosen(x, target), both)  # noqa: B023
            gradients = pull(jnp.ones(4))[0]
            assert np.isfinite(values).all()
            assert np.isfinite(gradients).all()
            assert_allclose(values[jnp.asarray([0, 3])], 0.0, atol=1e-6)
            assert (values[jnp.asarray([1, 2])] > 3.0).all()
            if name != "weighted_bce_clipped":  # which knows no more beyond its bounds
                assert (jnp.abs(gradients[jnp.asarray([1, 2])]).max(axis=1) > 0.05).all()


def test_special_cases_are_other_losses():
    bce = loss("bce")(LOGIT, TARGET)
    assert_allclose(loss("focal", gamma=0.0, alpha=0.5)(LOGIT, TARGET), bce / 2, rtol=1e-6)
    assert_allclose(loss("weighted_bce", positive_weight=1.0)(LOGIT, TARGET), bce, rtol=1e-6)
    assert_allclose(loss("cross_entropy")(LOGIT, TARGET), bce, rtol=1e-6)
    assert_allclose(cross_entropy(two(LOGIT), TARGET), softmax_cross_entropy(two(LOGIT), TARGET), rtol=0)


def test_clipping_stops_the_loss_at_sixteen():
    logits, target = jnp.asarray([[-12.0], [-20.0], [-30.0]]), jnp.ones(3, jnp.int32)
    clipped = loss("weighted_bce_clipped", positive_weight=2.0)
    values, pull = jax.vjp(lambda x: clipped(x, target), logits)
    assert_allclose(values, [24.0, 2 * math.log(1e7), 2 * math.log(1e7)], rtol=1e-5)
    assert_allclose(pull(jnp.ones(3))[0][:, 0], [-2.0, 0.0, 0.0], atol=1e-4)
    assert_allclose(loss("weighted_bce", positive_weight=2.0)(logits, target), [24.0, 40.0, 60.0], rtol=1e-5)


def test_probabilities_and_logits_of_one_output_and_of_two():
    p = probabilities(LOGIT)
    assert_allclose(p, probabilities(two(LOGIT)), rtol=1e-5)
    assert_allclose(p.sum(axis=1), 1.0, rtol=1e-6)
    assert_allclose(p[:, 1], 1 / (1 + np.exp(-np.asarray(LOGIT[:, 0], np.float64))), rtol=1e-6)
    assert_allclose(positive_logit(two(LOGIT)), LOGIT[:, 0], rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="found 3 outputs, expected 1 or 2"):
        positive_logit(jnp.zeros((2, 3)))


def test_an_unknown_loss():
    with pytest.raises(ValueError, match=r"loss.name: unknown name 'wbce'; did you mean 'bce'"):
        loss("wbce")
