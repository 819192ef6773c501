"""What a backbone is: two parts, and the features that decoders and heads may take from them on the way."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import flax.linen as nn
from flax.traverse_util import flatten_dict
from jaxtyping import Array

TAPS = "taps"
"""The Flax collection of tapped features."""


@dataclass(frozen=True)
class Backbone:
    """A network without its last linear layer.

    Attributes:
      lower: makes the part before the point where a map may be added; called with (images, train).
      upper: makes the part after it, up to the features that are pooled; called with (features, train).
      minimum_size: smallest input, in pixels, that leaves one position at the end.
      hidden: makes the published hidden layers between features and last linear layer (VGG, AlexNet), called with
        (features [batch, height, width, channels], dropout keys) and giving [batch, hidden]; None where the features
        are averaged.
    """

    lower: Callable[..., nn.Module]
    upper: Callable[..., nn.Module]
    minimum_size: int
    hidden: Callable[..., nn.Module] | None = None


def tap(module: nn.Module, stride: int, x: Array) -> None:
    """Leaves `x`, the last features of a stride ("stride_4" and so on), for whoever asks for `TAPS`."""
    if not module.is_initializing():  # else it would be part of the variables
        module.sow(TAPS, f"stride_{stride}", x, init_fn=lambda: None, reduce_fn=lambda _, new: new)


def tapped(collection: Any) -> dict[str, Array]:
    """The tapped features of the image tower and the trunk by name, from the collection `TAPS` of one pass.

    Strides are in ascending order. What a map tower leaves is passed over.
    """
    found = {path[-1]: value for path, value in flatten_dict(collection).items() if path[0] != "map_tower"}
    return dict(sorted(found.items(), key=lambda item: int(item[0].removeprefix("stride_"))))
