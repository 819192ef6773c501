"""What tests of a backbone look at: counts, shapes, taps, gradients."""

import jax
import jax.numpy as jnp

from busjax.models.backbone import TAPS, tapped
from busjax.models.initialisation import initialise


def images(height, width=None):
    return jax.ShapeDtypeStruct((1, height, width or height, 3), jnp.float32)


def shapes(network, image):
    return jax.eval_shape(network.init, jax.random.PRNGKey(0), image)


def count(tree) -> int:
    return sum(leaf.size for leaf in jax.tree.leaves(tree))


def anatomy(network, image):
    """Shapes of the image tower's features, of the outputs, and of the taps by name."""

    def run(variables, image):
        tower = network.apply(variables, image, train=False, method="image_features")
        outputs, state = network.apply(variables, image, mutable=[TAPS])
        return tower, outputs, tapped(state[TAPS])

    variables = shapes(network, image)
    return jax.tree.map(lambda leaf: leaf.shape, jax.eval_shape(run, variables, image))


def without_gradient(network, image) -> list[str]:
    """Names of the parameters, of all towers, that one logit of random images gives no gradient.

    In evaluation mode: a bias that batch statistics take out again would have none.
    """
    variables = initialise(network, jax.random.PRNGKey(0), image)
    statistics = {name: tree for name, tree in variables.items() if name == "batch_stats"}
    image = jax.random.normal(jax.random.PRNGKey(1), image.shape)

    def loss(params):
        everything = {"params": params} | statistics
        merged = network.apply(everything, image, train=False, method="image_features")
        if network.has_map_tower:
            map_part = network.apply(everything, image[..., 0], train=False, method="map_features")
            merged = network.aggregate(merged, map_part)
        return network.apply(everything, merged, train=False, method="classify").logits[:, 0].sum()

    gradients = jax.tree_util.tree_leaves_with_path(jax.jit(jax.grad(loss))(variables["params"]))
    return [jax.tree_util.keystr(path) for path, leaf in gradients if not (leaf != 0).any()]
