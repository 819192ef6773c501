"""Hidden layers on averaged features, the classification head of Shareef et al.'s benchmark and multi-task networks.

In the benchmark (methods section, and the code of all its networks): average over positions, 512 with ReLU, dropout
0.3, 64 with ReLU, and one output with a sigmoid, which is the network's last layer and not part of this one. Keras
draws the hidden kernels by He's rule, as `models/initialisation.py` does. It draws the last one by Glorot's, of
variance 2 / (64 + 1); ours has 2 / 64.
"""

import flax.linen as nn
import jax
from jaxtyping import Array, Float, PRNGKeyArray, UInt32

from busjax.models.layers import ExampleDropout, at_least_float32


class DenseHead(nn.Module):
    """The mean over positions, and layers with ReLU on it, in float32.

    A width multiplier does not act here: `widths` are what they say.

    Attributes:
      widths: features of each layer.
      dropout_rate: share that a dropout drops.
      dropouts: how many of the layers, counted from the first, have a dropout after them.
    """

    widths: tuple[int, ...] = (512, 64)
    dropout_rate: float = 0.3
    dropouts: int = 1

    @nn.compact
    def __call__(
        self,
        x: Float[Array, "batch height width channels"],
        dropout_keys: PRNGKeyArray | UInt32[Array, "batch 2"] | None = None,
    ) -> Float[Array, "batch features"]:
        """The last layer's output, or the mean where there is none; dropout acts where there is a key for each
        example."""
        y = at_least_float32(x).mean(axis=(1, 2))
        init = nn.initializers.he_normal()
        for i, width in enumerate(self.widths):
            y = nn.relu(nn.Dense(width, kernel_init=init, name=f"dense{i + 1}")(y))
            if i < self.dropouts:
                # A key of its own for each layer: with one key they would drop the same features.
                keys = None if dropout_keys is None else jax.vmap(jax.random.fold_in, (0, None))(dropout_keys, i)
                y = ExampleDropout(self.dropout_rate)(y, keys)
        return y
