"""Turns a file of released weights into the variables of a network."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict
from jaxtyping import Array, PRNGKeyArray, UInt32

from busjax.models import RegionEnhancedNetwork, make_network
from busjax.models.initialisation import initialise
from busjax.pretrained.errors import PretrainedError
from busjax.pretrained.files import read_tensors
from busjax.pretrained.matching import Match, array_for, has_all_layers, match, new_parts
from busjax.pretrained.matching import Path as VariablePath
from busjax.pretrained.release import Release
from busjax.pretrained.table import RELEASES

STEMS = ("sum", "mean")
"""How a kernel on three channels becomes one on a single channel."""


def make_release_network(release: Release, classes: int | None = None, **arguments: Any) -> RegionEnhancedNetwork:
    """The network that a release fits.

    Args:
      release: the weights.
      classes: number of outputs; by default the release's.
      **arguments: of `models.make_network`. They come before the release's own; by default there is no map tower, and
        there are hidden layers where the release has such.
    """
    own: dict[str, Any] = {
        "has_map_tower": False,
        "hidden_layers": release.hidden_layers,
        "options": release.options,
        "classes": release.classes if classes is None else classes,
        **release.settings,
    }
    return make_network(release.backbone, **(own | arguments))


def variable_shapes(network: nn.Module, size: int, channels: int = 3) -> dict[VariablePath, tuple[int, ...]]:
    """Shapes of all parameters and running statistics by path, for square images of `size` pixels."""
    image = jax.ShapeDtypeStruct((1, size, size, channels), jnp.float32)
    variables = jax.eval_shape(network.init, jax.random.key(0), image)
    kept = {name: variables.get(name, {}) for name in ("params", "batch_stats")}
    return {path: leaf.shape for path, leaf in flatten_dict(kept).items()}


def fitting_releases(tensors: Mapping[str, np.ndarray]) -> list[str]:
    """Names of all releases that the tensors of a file fit exactly."""
    names = []
    for release in RELEASES.values():
        # The names of layers rule out nearly all releases; for shapes, a network must be traced.
        if has_all_layers(release, tensors):
            shapes = variable_shapes(make_release_network(release), release.input_size)
            if match(release, shapes, tensors).fits:
                names.append(release.name)
    return names


def fit(
    release: Release,
    path: str | Path,
    network: nn.Module,
    *,
    channels: int = 3,
    size: int | None = None,
) -> tuple[dict[str, np.ndarray], Match]:
    """Reads a file and finds the place of every tensor; the arguments are those of `load_variables`.

    Returns:
      The tensors, and where they go.

    Raises:
      PretrainedError: as in `load_variables`.
    """
    tensors = read_tensors(path)
    shapes = variable_shapes(network, size or release.input_size, channels)
    found = match(release, shapes, tensors, new_parts(release, shapes))
    if not found.fits:
        others = fitting_releases(tensors)
        hint = f"; it fits {', '.join(others)}" if others else ""
        raise PretrainedError(f"{path} does not fit {release.name}: {found.summary()}{hint}\n{found.details()}")
    return tensors, found


def fill(
    release: Release,
    tensors: Mapping[str, np.ndarray],
    found: Match,
    *,
    new: Mapping[VariablePath, Array] | None = None,
    stem: str = "sum",
) -> dict[str, Any]:
    """The variables that tensors make whose places are found, and `new` for those that no tensor fills; other arguments
    and result as in `load_variables`."""
    variables: dict[VariablePath, Array] = {}
    for place in found.places:
        array = array_for(place, tensors, release.layout)
        if array.shape != place.shape:
            array = (np.sum if stem == "sum" else np.mean)(array, axis=2, keepdims=True)
        variables[place.path] = jnp.asarray(array, jnp.float32)
    return {"params": {}, "batch_stats": {}} | unflatten_dict(variables | dict(new or {}))


def draw_new(
    found: Match, network: nn.Module, key: PRNGKeyArray | UInt32[Array, "2"], size: int, channels: int = 3
) -> dict[VariablePath, Array]:
    """Values for what a file does not fill.

    A new last layer alone, on features that the file's layers give, is Flax's linear layer. With any other part, all
    are as `initialise` has them.
    """
    kernel = ("params", "classifier", "kernel")
    if {path[1] for path in found.new} == {"classifier"}:
        features, outputs = found.new[kernel]
        values = nn.Dense(outputs).init(key, jnp.zeros((1, features)))["params"]
        return {("params", "classifier", leaf): value for leaf, value in values.items()}
    image = jax.ShapeDtypeStruct((1, size, size, channels), jnp.float32)
    drawn = flatten_dict(initialise(network, key, image))
    return {path: drawn[path] for path in found.new}


def load_variables(
    release: Release,
    path: str | Path,
    *,
    network: nn.Module | None = None,
    classes: int | None = None,
    channels: int = 3,
    size: int | None = None,
    key: PRNGKeyArray | UInt32[Array, "2"] | None = None,
    stem: str = "sum",
) -> dict[str, Any]:
    """Reads a file of released weights as the variables of a network.

    Every tensor of the file is used and every parameter filled, but for what a release declares as ignored. A map
    tower starts from the weights of the image tower. What a release cannot have is new (`matching.new_parts`): the last
    layer where the number of classes is not the release's, or where the hidden layers before it are not; hidden layers
    that the release has none of; the decoder of a network that segments, and any encoder beside its image tower.

    Args:
      release: what the file is.
      path: the file.
      network: made by `make_release_network` or alike, or of `models.MULTITASK`; by default
        `make_release_network(release, classes)`.
      classes: number of outputs; by default the network's, or else the release's.
      channels: of the images: 3, or 1 for grey images.
      size: height and width of the images in pixels, by default the release's. No parameter depends on it where the
        features are averaged.
      key: what is new is drawn from it; needed only then. A new last layer by itself is Flax's linear layer; other
        parts, and the last layer with them, are those that `models.initialisation` makes of the same key.
      stem: how the first kernel becomes one on a single channel. 'sum' adds its three channels: a grey image then
        gives the same activations as the same image in all three channels, where preprocessing treats these alike.
        'mean' gives a third of them.

    Returns:
      {"params", "batch_stats"}: nested dictionaries of float32 arrays; "batch_stats" is empty for a network without
      normalisation.

    Raises:
      PretrainedError: for a file that cannot be read, or does not fit: then with the tensors without a place, the
        parameters without a tensor and the shapes that differ, and the name of a release that does fit.
      ValueError: for arguments that contradict each other.
    """
    network = network or make_release_network(release, classes)
    if classes not in (None, network.classes):
        raise ValueError(f"{classes} classes are asked for, but the network has {network.classes}")
    if channels not in (1, 3):
        raise ValueError(f"images have 1 or 3 channels, not {channels}")
    if stem not in STEMS:
        raise ValueError(f"stem must be one of {STEMS}, not {stem!r}")
    tensors, found = fit(release, path, network, channels=channels, size=size)
    new = {}
    if found.new:
        if key is None:
            parts = ", ".join(dict.fromkeys(path[1] for path in found.new))
            raise ValueError(f"{parts}: not of {release.name}, but new: a key to draw it from is needed")
        new = draw_new(found, network, key, size or release.input_size, channels)
    return fill(release, tensors, found, new=new, stem=stem)
