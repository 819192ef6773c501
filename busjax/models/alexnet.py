"""AlexNet in its form for one GPU (Krizhevsky 2014, "One weird trick", after Krizhevsky et al. 2012), in two parts.

torchvision's network: no local response normalisation, no groups, 64 channels in the first convolution. All
convolutions have a bias; their padding is written out, being asymmetric under 'SAME' where there is a stride.
"""

import functools

import flax.linen as nn
from jaxtyping import Array, Float

from busjax.models.backbone import Backbone, tap
from busjax.models.convolution import Conv
from busjax.models.hidden_layers import HiddenLayers
from busjax.models.layers import Settings
from busjax.models.pooling import halve_overlapping


class Lower(nn.Module):
    """Two convolutions, each with its pooling, [224, 224, 3] to [13, 13, 192].

    Attributes:
      settings: what the network's layers share.
    """

    settings: Settings

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch height width channels"], train: bool
    ) -> Float[Array, "batch h w features"]:
        """Runs the layers; nothing here depends on `train`."""
        s = self.settings
        form = {"use_bias": True, "dtype": s.dtype}
        x = nn.relu(Conv(s.channels(64), (11, 11), (4, 4), ((2, 2), (2, 2)), name="conv1", **form)(x))
        tap(self, 4, x)
        x = halve_overlapping(x)
        x = nn.relu(Conv(s.channels(192), (5, 5), name="conv2", **form)(x))
        tap(self, 8, x)
        return halve_overlapping(x)


class Upper(nn.Module):
    """Three convolutions and a pooling, [13, 13, 192] to [6, 6, 256].

    Attributes:
      settings: what the network's layers share.
    """

    settings: Settings

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch height width channels"], train: bool
    ) -> Float[Array, "batch h w features"]:
        """Runs the layers; nothing here depends on `train`."""
        s = self.settings
        for name, features in (("conv3", 384), ("conv4", 256), ("conv5", 256)):
            x = nn.relu(Conv(s.channels(features), (3, 3), use_bias=True, dtype=s.dtype, name=name)(x))
        tap(self, 16, x)
        x = halve_overlapping(x)
        tap(self, 32, x)
        return x


def alexnet(settings: Settings, hidden_dropout_rate: float = 0.5) -> Backbone:
    """AlexNet.

    Args:
      settings: what the network's layers share.
      hidden_dropout_rate: share dropped before each hidden layer.
    """
    return Backbone(
        functools.partial(Lower, settings),
        functools.partial(Upper, settings),
        minimum_size=63,
        hidden=functools.partial(HiddenLayers, settings, size=6, dropout_first=True, dropout_rate=hidden_dropout_rate),
    )
