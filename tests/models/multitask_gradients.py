"""Which parameters of a multi-task network neither of its losses reaches."""

import jax

from busjax.models.initialisation import initialise


def gradients(network, image, of=lambda outputs: outputs.logits[:, 0].sum() + (outputs.mask_logits**2).sum()):
    """Gradients of a function of the outputs for random images of a shape, in evaluation mode: a bias that batch
    statistics take out again would have none."""
    variables = initialise(network, jax.random.PRNGKey(0), image)
    pixels = jax.random.normal(jax.random.PRNGKey(1), (2, *image.shape[1:]))
    return jax.jit(jax.grad(lambda params: of(network.apply({**variables, "params": params}, pixels))))(
        variables["params"]
    )


def without_gradient(network, image, **options) -> list[str]:
    found = jax.tree_util.tree_leaves_with_path(gradients(network, image, **options))
    return [jax.tree_util.keystr(path) for path, leaf in found if not (leaf != 0).any()]
