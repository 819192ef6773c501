"""What a backbone is: two parts, and the features that decoders and heads may take from them on the way."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import flax.linen as nn
from flax.traverse_util import flatten_dict
from jaxtyping import Array

TAPS = "taps"
"""The Flax collection of tapped features."""


def _strides() -> dict[str, str]:
    """The tapped features of strides 1 to 16, wherever they are."""
    names = [f"stride_{2**i}" for i in range(5)]
    return {f"{part}/{name}": name for part in ("image_tower", "trunk") for name in names}


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
      always_hidden: whether the hidden layers belong to the network also where those of others are left out for a class
        activation map.
      skips: what a decoder takes, by name ("stride_16" and so on), from where in a network whose parts are called
        `image_tower` and `trunk`; see `watching`. By default what is tapped.
      stride: of the features that are pooled, in pixels.
    """

    lower: Callable[..., nn.Module]
    upper: Callable[..., nn.Module]
    minimum_size: int
    hidden: Callable[..., nn.Module] | None = None
    always_hidden: bool = False
    skips: Mapping[str, str] = field(default_factory=_strides)
    stride: int = 32


class Tap(nn.Module):
    """Gives back what it gets; its name in the module tree is the features'."""

    def __call__(self, x: Array) -> Array:
        """Leaves `x` for whoever asks for `TAPS`."""
        if not self.is_initializing():  # else it would be part of the variables
            self.sow(TAPS, "features", x, init_fn=lambda: None, reduce_fn=lambda _, new: new)
        return x


def tap(module: nn.Module, stride: int, x: Array) -> None:
    """Names `x`, the last features of a stride, "stride_4" and so on.

    Callers of `apply` find it in the collection `TAPS`; a module that holds this one, by `watching`.
    """
    Tap(name=f"stride_{stride}", parent=module)(x)


def tapped(collection: Any) -> dict[str, Array]:
    """The tapped features of the image tower and the trunk by name, from the collection `TAPS` of one pass.

    Strides are in ascending order. What a map tower leaves is passed over.
    """
    found = {path[-2]: value for path, value in flatten_dict(collection).items() if path[0] != "map_tower"}
    return dict(sorted(found.items(), key=lambda item: int(item[0].removeprefix("stride_"))))


@contextmanager
def watching(network: nn.Module, paths: Mapping[str, str]) -> Iterator[dict[str, Array]]:
    """Collects the outputs of modules inside a network as they are called, for a network that uses them itself.

    Args:
      network: the module whose method is running.
      paths: place of a module below `network`, as in the parameter tree ("image_tower/stage1/block1/conv1/norm", or
        "trunk/stride_16" for what `tap` names) -> the name to give its output. Modules within a scan cannot be watched.

    Yields:
      Name -> output, filled in while the block runs. A place that no module has gives no entry.
    """
    found: dict[str, Array] = {}
    above = len(network.path)

    def watch(function: Callable[..., Any], args: Any, kwargs: Any, context: nn.module.InterceptorContext) -> Any:
        output = function(*args, **kwargs)
        place = "/".join(context.module.path[above:])
        if context.method_name == "__call__" and place in paths:
            found[paths[place]] = output
        return output

    with nn.intercept_methods(watch):
        yield found
