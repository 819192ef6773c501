"""Flax networks. They know nothing of datasets, losses or training."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp

from busjax.models import inception_resnet_v2, inception_v3
from busjax.models.layers import Settings
from busjax.models.region_enhanced import RegionEnhancedNetwork
from busjax.names import hint

# Smallest input, in pixels, that leaves one position at the end of both Inception networks.
MINIMUM_SIZE = 75


def _inception_resnet_v2(
    settings: Settings, blocks: tuple[int, int, int] = (10, 20, 10), last_block_scale: float = 1.0
):
    return (
        functools.partial(inception_resnet_v2.Lower, settings, blocks),
        functools.partial(inception_resnet_v2.Upper, settings, blocks, last_block_scale),
    )


def _inception_v3(
    settings: Settings,
    early_blocks: int = 3,
    middle_blocks: tuple[int, ...] = (128, 160, 160, 192),
    count_padding: bool = False,
    last_max_pooling: bool = False,
):
    return (
        functools.partial(inception_v3.Lower, settings, early_blocks, count_padding),
        functools.partial(inception_v3.Upper, settings, count_padding, last_max_pooling, middle_blocks),
    )


# Each gives the part before the aggregation point and the part after it.
BACKBONES: dict[str, Callable[..., tuple[Callable, Callable]]] = {
    "inception_resnet_v2": _inception_resnet_v2,
    "inception_v3": _inception_v3,
}


def make_network(
    backbone: str,
    *,
    width: float = 1.0,
    norm_scale: bool = True,
    norm_momentum: float = 0.9,
    dtype: str = "float32",
    axis_name: str | None = None,
    unroll_blocks: bool | None = None,
    options: Mapping[str, Any] | None = None,
    **network: Any,
) -> RegionEnhancedNetwork:
    """Makes a network from its name and sizes.

    Args:
      backbone: a name of `BACKBONES`.
      width, norm_scale, norm_momentum, axis_name, unroll_blocks: see `Settings`.
      dtype: 'float32' or 'bfloat16', the type of the convolutions.
      options: further arguments of the backbone's function.
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
        axis_name=axis_name,
        dtype=jnp.dtype(dtype),
        unroll_blocks=unroll_blocks,
    )
    lower, upper = BACKBONES[backbone](settings, **(options or {}))
    return RegionEnhancedNetwork(lower, upper, **network)
