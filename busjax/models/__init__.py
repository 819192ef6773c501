"""Flax networks. They know nothing of datasets, losses or training."""

from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp

from busjax.models.alexnet import alexnet
from busjax.models.backbone import Backbone
from busjax.models.densenet import densenet121, densenet161
from busjax.models.efficientnet import efficientnet_b0
from busjax.models.googlenet import googlenet
from busjax.models.inception_resnet_v2 import inception_resnet_v2
from busjax.models.inception_v3 import inception_v3
from busjax.models.layers import Settings
from busjax.models.mobilenet import mobilenet
from busjax.models.region_enhanced import RegionEnhancedNetwork
from busjax.models.resnet import resnet50
from busjax.models.unet import unet
from busjax.models.vgg import vgg16, vgg19
from busjax.models.xception import xception
from busjax.names import hint

BACKBONES: dict[str, Callable[..., Backbone]] = {
    "alexnet": alexnet,
    "densenet121": densenet121,
    "densenet161": densenet161,
    "efficientnet_b0": efficientnet_b0,
    "googlenet": googlenet,
    "inception_resnet_v2": inception_resnet_v2,
    "inception_v3": inception_v3,
    "mobilenet": mobilenet,
    "resnet50": resnet50,
    "unet": unet,
    "vgg16": vgg16,
    "vgg19": vgg19,
    "xception": xception,
}
"""Name -> function of (settings, **options)."""


def make_network(
    backbone: str,
    *,
    width: float = 1.0,
    norm_scale: bool = True,
    norm_momentum: float = 0.9,
    norm_epsilon: float = 1e-3,
    dtype: str = "float32",
    axis_name: str | None = None,
    unroll_blocks: bool | None = None,
    options: Mapping[str, Any] | None = None,
    hidden_layers: bool = False,
    **network: Any,
) -> RegionEnhancedNetwork:
    """Makes a network from its name and sizes.

    Args:
      backbone: a name of `BACKBONES`.
      width, norm_scale, norm_momentum, norm_epsilon, axis_name, unroll_blocks: see `Settings`.
      dtype: 'float32' or 'bfloat16', the type of the convolutions.
      options: further arguments of the backbone's function.
      hidden_layers: whether the published hidden layers stand before the last linear layer, where a backbone has such;
        else its features are averaged, as class activation maps need it.
      **network: attributes of `RegionEnhancedNetwork`.

    Raises:
      ValueError: for an unknown name, with the nearest one that exists.
    """
    if backbone not in BACKBONES:
        raise ValueError(f"unknown backbone {backbone!r}{hint(backbone, sorted(BACKBONES))}")
    settings = Settings(
        width=width,
        norm_scale=norm_scale,
        norm_momentum=norm_momentum,
        norm_epsilon=norm_epsilon,
        axis_name=axis_name,
        dtype=jnp.dtype(dtype),
        unroll_blocks=unroll_blocks,
    )
    made = BACKBONES[backbone](settings, **(options or {}))
    return RegionEnhancedNetwork(made.lower, made.upper, made.hidden if hidden_layers else None, **network)
