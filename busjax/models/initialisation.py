"""Random parameters for any network of this package."""

import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array

# Standard deviation of a unit normal cut at +-2.
TRUNCATED_DEVIATION = 0.87962566103423978
KERNELS = ("kernel", "transposed_kernel")


def initialise(network: nn.Module, key: Array, *inputs: Any) -> dict[str, Any]:
    """Variables of a network: kernels from a truncated normal of variance 2 / fan-in (He et al. 2015), of transposed
    convolutions as `TransposedConv` has it, scales and running variances 1, everything else 0.

    All kernels are cut from one draw. Flax's own `init` draws each by itself, which takes
    XLA tens of seconds to compile for networks of hundreds of layers.

    Args:
      network: the module.
      key: random key.
      *inputs: arguments of its `__call__`; their values play no part.
    """
    shapes = jax.eval_shape(network.init, key, *inputs)
    leaves, tree = jax.tree_util.tree_flatten_with_path(shapes)
    kernels = [leaf.size if path[-1].key in KERNELS else 0 for path, leaf in leaves]
    draw = jax.random.truncated_normal(key, -2.0, 2.0, (sum(kernels),)) / TRUNCATED_DEVIATION
    values, start = [], 0
    for (path, leaf), size in zip(leaves, kernels, strict=True):
        name = path[-1].key
        if name in KERNELS:
            # Blocks that are stacked by a scan have one more dimension, which is not part of the fan-in.
            *window, channels, features = leaf.shape[-4:] if leaf.ndim >= 4 else leaf.shape[-2:]
            variance = 2.0 / (math.prod(window) * channels)
            if name == "transposed_kernel":  # stored the other way round; see `TransposedConv`
                variance = 4.0 / (math.prod(window) * features)
            values.append(draw[start : start + size].reshape(leaf.shape).astype(leaf.dtype) * math.sqrt(variance))
            start += size
        else:
            values.append((jnp.ones if name in ("scale", "var") else jnp.zeros)(leaf.shape, leaf.dtype))
    return jax.tree_util.tree_unflatten(tree, values)
