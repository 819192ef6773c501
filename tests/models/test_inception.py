"""The two Inception networks: published parameter counts and shapes, reductions, and what scanning must not change."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from busjax.models import make_network
from busjax.models.initialisation import initialise
from tests.models.anatomy import count, images, shapes, without_gradient

IMAGE = images(299)


# Without the classifier. With gamma: timm's and torchvision's trainable parameters; without: Keras's. Running
# statistics: Keras's totals (54,336,736 and 21,802,784) less its trainable parameters.
@pytest.mark.parametrize(
    ("backbone", "norm_scale", "parameters", "statistics"),
    [
        ("inception_resnet_v2", True, 54_306_464, 60_544),
        ("inception_resnet_v2", False, 54_276_192, 60_544),
        ("inception_v3", True, 21_785_568, 34_432),
        ("inception_v3", False, 21_768_352, 34_432),
    ],
)
def test_parameter_counts_are_the_published_ones(backbone, norm_scale, parameters, statistics):
    variables = shapes(make_network(backbone, norm_scale=norm_scale, has_map_tower=False), IMAGE)
    classifier = variables["params"].pop("classifier")
    assert count(variables["params"]) == parameters
    assert count(variables["batch_stats"]) == statistics
    assert count(classifier) == {"inception_resnet_v2": 3_074, "inception_v3": 4_098}[backbone]


@pytest.mark.parametrize(
    ("backbone", "tower", "merge", "features"),
    [
        ("inception_resnet_v2", 26_873_312, (17, 17, 1088), (8, 8, 1536)),
        ("inception_v3", 2_144_480, (17, 17, 768), (8, 8, 2048)),
    ],
)
def test_full_size_maps(backbone, tower, merge, features):
    network = make_network(backbone)
    variables = shapes(network, IMAGE)
    assert count(variables["params"]["image_tower"]) == tower
    assert jax.tree.map(jnp.shape, variables["params"]["map_tower"]) == jax.tree.map(
        jnp.shape, variables["params"]["image_tower"]
    )

    def parts(v, x):
        image = network.apply(v, x, train=False, method="image_features")
        region = network.apply(v, x[..., 0], train=False, method="map_features")
        return image, region, network.apply(v, image + region, train=False, method="classify")

    image, region, outputs = jax.eval_shape(parts, variables, IMAGE)
    assert image.shape == region.shape == (1, *merge)
    assert outputs.features.shape == (1, *features)
    assert outputs.logits.shape == (1, 2)


# Table 1 of the paper, stage by stage: the parameters that methods tables give for each row.
def test_stages_of_inception_resnet_v2():
    tower = shapes(make_network("inception_resnet_v2", has_map_tower=False), IMAGE)["params"]
    lower, upper = tower["image_tower"], tower["trunk"]
    stem = {name: count(tree) for name, tree in lower["stem"].items()}
    assert stem == {"conv1a": 928, "conv2a": 9_280, "conv2b": 18_560, "conv3b": 5_280, "conv4a": 138_624}
    assert sum(count(t) for n, t in lower.items() if n.startswith("mixed5b")) == 268_320
    assert count(lower["block35"]) == 1_231_680
    assert sum(count(t) for n, t in lower.items() if n.startswith("mixed6a")) == 2_664_960
    assert count(lower["block17"]) == 22_535_680
    assert sum(count(t) for n, t in upper.items() if n.startswith("mixed7a")) == 3_880_960
    assert count(upper["block8"]) == 18_318_816
    assert count(upper["block8_last"]) == 2_035_424
    assert count(upper["conv7b"]) == 3_197_952


@pytest.mark.parametrize("backbone", ["inception_resnet_v2", "inception_v3"])
def test_the_smallest_input_leaves_one_position(backbone):
    image = jax.ShapeDtypeStruct((1, 75, 75, 3), jnp.float32)
    network = make_network(backbone, width=0.25, has_map_tower=False)
    variables = shapes(network, image)
    outputs = jax.eval_shape(lambda v, x: network.apply(v, x), variables, image)
    assert outputs.features.shape[1:3] == (1, 1)
    assert count(variables) < 6e6


def test_scanned_and_unrolled_blocks_are_the_same_function():
    image = jax.random.normal(jax.random.PRNGKey(1), (2, 75, 75, 3))
    outputs = {}
    for unroll in (False, True):
        network = make_network(
            "inception_resnet_v2", width=0.05, options={"blocks": (2, 3, 2)}, has_map_tower=False, unroll_blocks=unroll
        )
        variables = initialise(network, jax.random.PRNGKey(0), image)
        outputs[unroll] = jax.jit(network.apply)(variables, image)
    assert_allclose(outputs[True].logits, outputs[False].logits, rtol=1e-4, atol=1e-5)


def test_stacked_blocks_have_parameters_of_their_own():
    network = make_network("inception_resnet_v2", width=0.05, options={"blocks": (3, 1, 1)}, has_map_tower=False)
    params = initialise(network, jax.random.PRNGKey(0), jnp.zeros((1, 75, 75, 3)))["params"]
    kernel = params["image_tower"]["block35"]["projection"]["kernel"]
    assert kernel.shape[0] == 3
    assert not np.allclose(kernel[0], kernel[1])


def test_initial_kernels_have_the_variance_of_he():
    network = make_network("inception_v3", has_map_tower=False, options={"early_blocks": 1, "middle_blocks": ()})
    variables = initialise(network, jax.random.PRNGKey(0), IMAGE)
    trunk = variables["params"]["trunk"]
    kernel = trunk["mixed5b"]["branch2"]["conv1"]["conv"]["kernel"]
    assert kernel.shape == (3, 3, 448, 384)
    assert_allclose(kernel.std(), np.sqrt(2 / (9 * 448)), rtol=0.01)
    dense = variables["params"]["classifier"]["kernel"]
    assert_allclose(dense.std(), np.sqrt(2 / 2048), rtol=0.05)
    for path, leaf in jax.tree_util.tree_flatten_with_path(variables)[0]:
        if path[-1].key != "kernel":
            assert (leaf == (1 if path[-1].key in ("var", "scale") else 0)).all()


def test_initial_variables_have_flax_shapes():
    network = make_network("inception_resnet_v2", width=0.05, options={"blocks": (2, 1, 1)})
    image = jnp.zeros((1, 75, 75, 3))
    ours, flax = initialise(network, jax.random.PRNGKey(0), image), shapes(network, image)
    assert jax.tree.map(lambda a: (a.shape, a.dtype), ours) == jax.tree.map(lambda a: (a.shape, a.dtype), flax)


def test_unknown_backbone_names_the_nearest():
    with pytest.raises(ValueError, match=r"inception_v4.*did you mean 'inception_v3'"):
        make_network("inception_v4")


def test_bfloat16_keeps_float32_logits():
    network = make_network("inception_v3", width=0.05, dtype="bfloat16", has_map_tower=False)
    image = jax.ShapeDtypeStruct((1, 75, 75, 3), jnp.float32)
    outputs = jax.eval_shape(lambda v, x: network.apply(v, x), shapes(network, image), image)
    assert outputs.features.dtype == jnp.bfloat16
    assert outputs.logits.dtype == jnp.float32


@pytest.mark.parametrize("backbone", ["inception_resnet_v2", "inception_v3"])
def test_every_parameter_of_both_towers_receives_a_gradient(backbone):
    options = {"blocks": (1, 1, 1)} if backbone == "inception_resnet_v2" else {}
    assert without_gradient(make_network(backbone, width=0.1, options=options), images(107, 91)) == []
