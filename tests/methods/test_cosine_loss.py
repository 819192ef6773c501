"""The large-margin cosine loss: by hand, against the formula in numpy, its gradient, its limits, and in a method."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.test_util import check_grads
from ml_collections import ConfigDict
from numpy.testing import assert_allclose

from busjax.methods import make_method
from busjax.methods.cosine_loss import large_margin_cosine
from busjax.methods.losses import make_loss, probabilities, softmax_cross_entropy
from busjax.models.cosine_head import CosineHead
from busjax.training.config import validate
from busjax.training.errors import ConfigError
from configs import basic, multitask, rem


def literal(cosines: np.ndarray, target: np.ndarray, s: float, m: float) -> np.ndarray:
    """Eq. 4 as it is printed, in float64, for scales that do not overflow."""
    found = []
    for row, y in zip(np.asarray(cosines, np.float64), target, strict=True):
        right = math.exp(s * (row[y] - m))
        found.append(-math.log(right / (right + sum(math.exp(s * c) for j, c in enumerate(row) if j != y))))
    return np.asarray(found)


def test_by_hand():
    """s = 2, m = 0.5, cosines 0.5 and -0.25: e^0 / (e^0 + e^-0.5) for class 0, e^-1.5 / (e^-1.5 + e^1) for class 1."""
    logits = 2.0 * jnp.asarray([[0.5, -0.25], [0.5, -0.25]])
    found = large_margin_cosine(logits, jnp.asarray([0, 1], jnp.int32), 2.0, 0.5)
    assert_allclose(found, [math.log(1 + math.exp(-0.5)), math.log(1 + math.exp(2.5))], rtol=1e-6)
    assert_allclose(found, [0.474077, 2.578889], rtol=1e-5)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 1000), st.integers(2, 5), st.floats(1.0, 64.0), st.floats(0.0, 1.0))
def test_it_is_equation_4(seed, classes, s, m):
    random = np.random.default_rng(seed)
    cosines, target = random.uniform(-1, 1, (6, classes)), random.integers(0, classes, 6)
    with jax.enable_x64(True):
        found = large_margin_cosine(jnp.asarray(s * cosines), jnp.asarray(target), s, m)
    assert_allclose(found, literal(cosines, target, s, m), rtol=1e-8, atol=1e-12)


def test_without_margin_it_is_the_cosine_softmax():
    logits = 16.0 * jax.random.uniform(jax.random.PRNGKey(0), (8, 3), minval=-1.0)
    target = jnp.asarray([0, 1, 2, 0, 1, 2, 0, 1], jnp.int32)
    plain = softmax_cross_entropy(logits, target)
    assert_allclose(large_margin_cosine(logits, target, 16.0, 0.0), plain, rtol=0)
    assert (large_margin_cosine(logits, target, 16.0, 0.35) > plain).all()


def test_its_gradient_through_the_head_is_right():
    head, target = CosineHead(2, 16.0), jnp.asarray([0, 1, 1, 0])
    with jax.enable_x64(True):
        random = np.random.default_rng(0)
        x, kernel = jnp.asarray(random.normal(size=(4, 5))), jnp.asarray(random.normal(size=(5, 2)))

        def loss(x, kernel):
            logits = head.apply({"params": {"kernel": jnp.asarray(kernel)}}, jnp.asarray(x))
            return large_margin_cosine(logits, target, 16.0, 0.35).sum()

        check_grads(loss, (x, kernel), order=1, modes=["rev", "fwd"], atol=1e-5, rtol=1e-5)


def test_it_is_finite_where_features_are_zero_and_at_the_largest_scale():
    x, kernel = jnp.asarray([[0.0, 0.0], [1.0, 0.0]]), jnp.asarray([[1.0, -1.0], [0.0, 0.0]])
    for s in (16.0, 1e4):
        head = CosineHead(2, s)

        def loss(x, kernel):
            logits = head.apply({"params": {"kernel": kernel}}, x)  # noqa: B023
            return large_margin_cosine(logits, jnp.asarray([0, 1], jnp.int32), s, 0.35)  # noqa: B023

        values, pull = jax.vjp(loss, x, kernel)
        # Of no direction all cosines are 0; the wrong answer at the right one's opposite costs s (2 + m).
        assert_allclose(values, [np.logaddexp(0, 0.35 * s), np.logaddexp(0, 2.35 * s)], rtol=1e-5)
        for gradient in pull(jnp.ones(2)):
            assert np.isfinite(gradient).all()


def test_unknown_answers_and_one_output():
    logits = jnp.asarray([[1.0, 2.0]])
    unknown = large_margin_cosine(logits, jnp.asarray([-1], jnp.int32), 16.0, 0.35)
    assert_allclose(unknown, large_margin_cosine(logits, jnp.asarray([0], jnp.int32), 16.0, 0.35), rtol=0)
    with pytest.raises(ValueError, match="found 1 output, expected one for each class"):
        large_margin_cosine(jnp.zeros((2, 1)), jnp.asarray([0, 1], jnp.int32), 16.0, 0.35)


def with_lmcl(config: ConfigDict, **head: int) -> ConfigDict:
    with config.unlocked():
        config.loss.name = "lmcl"
        config.model[config.model.network].head.update(head)
    return config


@pytest.mark.parametrize("make", [basic, rem])
def test_a_config_with_the_loss_has_networks_that_end_in_cosines(make):
    config = with_lmcl(make.get_config("demo"))
    validate(config)
    assert (config.loss.scale, config.loss.margin) == (16.0, 0.35)
    networks = make_method(config, optax.sgd(1.0)).networks.values()
    assert {network.cosine_scale for network in networks} == {16.0}
    logits = 16.0 * jnp.asarray([[0.5, -0.25]])
    found = make_loss(config.loss)(logits, jnp.asarray([1], jnp.int32))
    assert_allclose(found, [math.log1p(math.exp(16 * (0.75 + 0.35)))], rtol=1e-6)
    # The score has no margin.
    assert_allclose(probabilities(logits)[0, 1], 1 / (1 + math.exp(16 * 0.75)), rtol=1e-5)


def test_other_losses_keep_the_linear_layer():
    (network,) = make_method(basic.get_config("demo"), optax.sgd(1.0)).networks.values()
    assert network.cosine_scale is None


def test_where_the_loss_does_not_fit():
    with pytest.raises(ConfigError, match=r"model.mt.head.outputs: found 1, expected 2: loss.name 'lmcl' needs"):
        validate(with_lmcl(basic.get_config("demo"), outputs=1))
    with pytest.raises(ConfigError, match=r"loss.name: found 'lmcl', expected another of the method 'multitask'"):
        validate(with_lmcl(multitask.get_config("small"), outputs=2))
    for field, value in (("scale", 0.0), ("margin", -0.1), ("margin", 2.5)):
        config = basic.get_config("demo")
        with config.unlocked():
            config.loss[field] = value
        with pytest.raises(ConfigError, match=f"loss.{field}: found {value}"):
            validate(config)
