"""The fully connected hidden layers of AlexNet and VGG, between the feature map and the last linear layer."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, UInt32

from busjax.models.layers import ExampleDropout, Settings, at_least_float32


def _averaging(length: int, size: int) -> np.ndarray:
    """[size, length]: row i averages positions floor(i * length / size) to ceil((i + 1) * length / size) - 1."""
    weights = np.zeros((size, length), np.float32)
    for i in range(size):
        start, end = i * length // size, -(-(i + 1) * length // size)
        weights[i, start:end] = 1.0 / (end - start)
    return weights


def adaptive_average_pool(
    x: Float[Array, "batch height width channels"], size: int
) -> Float[Array, "batch {size} {size} channels"]:
    """PyTorch's adaptive average pooling to `size` positions a side, where windows may overlap and repeat.

    Args:
      x: a map of any size; one that has `size` positions a side is returned as it is.
      size: height and width of the result.
    """
    height, width = x.shape[1:3]
    if (height, width) == (size, size):
        return x
    rows, columns = jnp.asarray(_averaging(height, size)), jnp.asarray(_averaging(width, size))
    pooled = jnp.einsum("bhwc,ih,jw->bijc", at_least_float32(x), rows, columns, precision=jax.lax.Precision.HIGHEST)
    return pooled.astype(x.dtype)


class HiddenLayers(nn.Module):
    """Two layers of 4096 with ReLU and dropout (Krizhevsky et al. 2012, section 3.5).

    The map is averaged to the size that the first layer was made for, which changes nothing at the standard input
    size, and flattened by row, column, channel. PyTorch flattens by channel, row, column: weights from there have
    their rows in another order.

    Attributes:
      settings: what the network's layers share.
      size: positions a side that the first layer takes: 7 in VGG, 6 in AlexNet.
      dropout_first: whether dropout stands before each layer (AlexNet) or after it (VGG).
      dropout_rate: share that each of the two dropouts drops.
    """

    settings: Settings
    size: int
    dropout_first: bool = False
    dropout_rate: float = 0.5

    @nn.compact
    def __call__(
        self,
        x: Float[Array, "batch height width channels"],
        dropout_keys: PRNGKeyArray | UInt32[Array, "batch 2"] | None = None,
    ) -> Float[Array, "batch features"]:
        """The second layer's output, in float32; dropout acts where there is a key for each example."""
        s = self.settings
        x = adaptive_average_pool(x, self.size).reshape(x.shape[0], -1)
        for i, name in enumerate(("fc6", "fc7")):
            # A key of its own for each layer: with one key they would drop the same features.
            keys = None if dropout_keys is None else jax.vmap(jax.random.fold_in, (0, None))(dropout_keys, i)
            dropout = ExampleDropout(self.dropout_rate)
            if self.dropout_first:
                x = dropout(x, keys)
            init = nn.initializers.variance_scaling(2.0, "fan_in", "truncated_normal")
            x = nn.relu(nn.Dense(s.channels(4096), dtype=s.dtype, kernel_init=init, name=name)(x))
            if not self.dropout_first:
                x = dropout(x, keys)
        return at_least_float32(x)
