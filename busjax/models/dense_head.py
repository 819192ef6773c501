"""Hidden layers on averaged or flattened features: the classification head of Shareef et al.'s benchmark, of
multi-task networks and of Hijab et al. 2019.

In the benchmark (methods section, and the code of all its networks): average over positions, 512 with ReLU, dropout
0.3, 64 with ReLU, and one output with a sigmoid, which is the network's last layer and not part of this one. Keras
draws the hidden kernels by He's rule, as `models/initialisation.py` does. It draws the last one by Glorot's, of
variance 2 / (64 + 1); ours has 2 / 64.

Hijab et al. 2019 flatten the features (as Keras's tutorials of that time do, which the paper follows): the first hidden
layer then sees where something is, has a weight for every position, and fits one size of images alone.
"""

import flax.linen as nn
import jax
from jaxtyping import Array, Float, PRNGKeyArray, UInt32

from busjax.models.layers import ExampleDropout, at_least_float32

POOLS = ("average", "flatten")
"""How positions become one vector: their mean, or all of them by row, column, channel."""

FIRST = 2**8
"""Folded into the keys of a dropout before the first layer; those after the layers have their numbers, from 0."""


class DenseHead(nn.Module):
    """The mean over positions, or all of them, and layers with ReLU on it, in float32.

    A width multiplier does not act here: `widths` are what they say.

    Attributes:
      widths: features of each layer.
      dropout_rate: share that a dropout drops.
      dropouts: how many of the layers, counted from the first, have a dropout after them.
      dropout_first: whether there is one before the first layer, too, or before the last where there is no hidden one.
      pool: one of `POOLS`.
    """

    widths: tuple[int, ...] = (512, 64)
    dropout_rate: float = 0.3
    dropouts: int = 1
    dropout_first: bool = False
    pool: str = "average"

    @nn.compact
    def __call__(
        self,
        x: Float[Array, "batch height width channels"],
        dropout_keys: PRNGKeyArray | UInt32[Array, "batch 2"] | None = None,
    ) -> Float[Array, "batch features"]:
        """The last layer's output, or the pooled features where there is none; dropout acts where there is a key for
        each example."""
        y = at_least_float32(x)
        y = y.reshape(len(y), -1) if self.pool == "flatten" else y.mean(axis=(1, 2))
        if self.dropout_first:
            keys = None if dropout_keys is None else jax.vmap(jax.random.fold_in, (0, None))(dropout_keys, FIRST)
            y = ExampleDropout(self.dropout_rate)(y, keys)
        init = nn.initializers.he_normal()
        for i, width in enumerate(self.widths):
            y = nn.relu(nn.Dense(width, kernel_init=init, name=f"dense{i + 1}")(y))
            if i < self.dropouts:
                # A key of its own for each layer: with one key they would drop the same features.
                keys = None if dropout_keys is None else jax.vmap(jax.random.fold_in, (0, None))(dropout_keys, i)
                y = ExampleDropout(self.dropout_rate)(y, keys)
        return y
