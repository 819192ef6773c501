"""The benchmark's head against numpy, and its counts on the benchmark's networks."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from busjax.models import make_network
from busjax.models.dense_head import DenseHead
from tests.models.anatomy import count, images, shapes

FEATURES = jax.random.normal(jax.random.PRNGKey(0), (3, 4, 5, 20))


@pytest.mark.parametrize("widths", [(), (7,), (12, 5)])
def test_it_is_an_average_and_layers_with_relu(widths):
    head = DenseHead(widths)
    variables = head.init(jax.random.PRNGKey(1), FEATURES)
    expected = np.asarray(FEATURES).mean((1, 2))
    for i in range(len(widths)):
        layer = jax.tree.map(np.asarray, variables["params"][f"dense{i + 1}"])
        expected = np.maximum(expected @ layer["kernel"] + layer["bias"], 0)
    found = head.apply(variables, FEATURES)
    assert found.shape == (3, (20, *widths)[-1])
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_flattened_features_keep_their_places():
    """By row, column, channel, against numpy; moved features give another answer, whose average would not."""
    head = DenseHead((7,), pool="flatten")
    variables = head.init(jax.random.PRNGKey(1), FEATURES)
    layer = jax.tree.map(np.asarray, variables["params"]["dense1"])
    assert layer["kernel"].shape == (4 * 5 * 20, 7)
    flat = np.stack([np.concatenate([np.concatenate(list(row)) for row in one]) for one in np.asarray(FEATURES)])
    expected = np.maximum(flat @ layer["kernel"] + layer["bias"], 0)
    np.testing.assert_allclose(head.apply(variables, FEATURES), expected, rtol=1e-4, atol=1e-5)
    moved = head.apply(variables, jnp.roll(FEATURES, 1, axis=2))
    assert np.abs(moved - expected).max() > 0.1


def test_half_precision_features_are_averaged_in_float32():
    x = jnp.concatenate([jnp.full((1, 1, 1, 2), 256.0), jnp.ones((1, 1, 255, 2))], axis=2).astype(jnp.bfloat16)
    mean = DenseHead(()).apply({}, x)
    assert mean.dtype == jnp.float32
    np.testing.assert_allclose(mean, 511 / 256)


@pytest.mark.parametrize("dropouts", [1, 2])
def test_dropout_follows_the_first_layers(dropouts):
    """Layers that only add 1 and hand on: a dropped feature of the first is 1 at the end, if the second is not."""
    identity = {"kernel": jnp.eye(20), "bias": jnp.ones(20)}
    variables = {"params": {"dense1": identity, "dense2": identity}}
    keys = jax.random.split(jax.random.PRNGKey(2), 200)
    head = DenseHead((20, 20), 0.25, dropouts)
    found = head.apply(variables, jnp.zeros((200, 1, 1, 20)), keys)
    kept, last = 1 / 0.75, 1 if dropouts == 1 else 1 / 0.75
    shares = (
        {last: 0.25, (kept + 1) * last: 0.75} if dropouts == 1 else {0: 0.25, last: 0.1875, (kept + 1) * last: 0.5625}
    )
    values, counts = np.unique(np.asarray(found).round(4), return_counts=True)
    np.testing.assert_allclose(values, sorted(shares), atol=1e-3)
    np.testing.assert_allclose(counts / counts.sum(), [shares[key] for key in sorted(shares)], atol=0.03)
    np.testing.assert_allclose(head.apply(variables, jnp.zeros((1, 1, 1, 20)), keys[7:8])[0], found[7], rtol=1e-6)
    np.testing.assert_allclose(head.apply(variables, jnp.zeros((1, 1, 1, 20))), 2.0)


# Running statistics counted, as Keras counts them. It has 7 more of EfficientNet-B0, 2 x 3 + 1 that scale the pixels,
# and none of the scales of Inception-v3's batch normalisation, nor have we.
@pytest.mark.parametrize(
    ("backbone", "arguments", "published"),
    [
        ("mobilenet", {}, 3_786_561),
        ("efficientnet_b0", {}, 4_738_340 - 7),
        ("densenet121", {}, 7_595_201),
        ("xception", {}, 21_943_465),
        ("inception_v3", {"norm_scale": False}, 22_884_769),
        ("resnet50", {"options": {"stride_first": True, "use_bias": True}}, 24_669_697),
        ("vgg16", {}, 15_010_241),
    ],
)
def test_the_benchmarks_networks_have_the_published_counts(backbone, arguments, published):
    network = make_network(backbone, has_map_tower=False, classes=1, **arguments)
    network = network.clone(hidden=functools.partial(DenseHead, (512, 64), 0.3))
    assert count(shapes(network, images(224))) == published
