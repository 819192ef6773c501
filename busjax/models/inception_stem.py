"""The first layers, which Inception-v3 and Inception-ResNet-v2 have in common."""

import flax.linen as nn
from jaxtyping import Array, Float

from busjax.models.backbone import tap
from busjax.models.layers import ConvNorm, Settings
from busjax.models.pooling import halve_overlapping


class Stem(nn.Module):
    """conv1a to the second pool: [299, 299, 3] to [35, 35, 192] (Qi et al. 2019, Tables 1 and 2).

    Attributes:
      settings: what the network's layers share.
    """

    settings: Settings

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch height width channels"], train: bool
    ) -> Float[Array, "batch h w features"]:
        """Runs the stem on images of at least 75x75 pixels."""
        s = self.settings
        x = ConvNorm(s, 32, (3, 3), (2, 2), "VALID", name="conv1a")(x, train)
        x = ConvNorm(s, 32, (3, 3), (1, 1), "VALID", name="conv2a")(x, train)
        x = ConvNorm(s, 64, (3, 3), name="conv2b")(x, train)
        tap(self, 2, x)
        x = halve_overlapping(x)
        x = ConvNorm(s, 80, (1, 1), name="conv3b")(x, train)
        x = ConvNorm(s, 192, (3, 3), (1, 1), "VALID", name="conv4a")(x, train)
        tap(self, 4, x)
        return halve_overlapping(x)
