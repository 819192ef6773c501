"""Which tensor of a file goes where in a network's variables; nothing may be left over on either side."""

import fnmatch
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from busjax.pretrained.layout import Namer, convert, layer_of
from busjax.pretrained.release import Layers, Release

Path = tuple[str, ...]
"""Of one of our arrays: ('params', 'image_tower', 'conv1', 'conv', 'kernel')."""
Shape = tuple[int, ...]

# PyTorch counts the batches that a batch normalisation has seen; the count is of no use in evaluation.
IGNORED = {"keras": (), "torch": ("*num_batches_tracked",)}

# Our top-level parts that releases may fill.
TOWERS = ("image_tower", "map_tower", "trunk")
HEAD = ("hidden_layers", "classifier")


@dataclass(frozen=True)
class Place:
    """One of our arrays and the tensors that it is made of.

    Attributes:
      path: ours.
      shape: ours.
      tensors: theirs, by name; several where ours is stacked.
      layers: the layer of each tensor, as the mapping names it.
    """

    path: Path
    shape: Shape
    tensors: tuple[str, ...]
    layers: tuple[str, ...]


@dataclass
class Match:
    """How a file's tensors and a network's variables fit.

    Attributes:
      places: where every tensor that is used goes.
      new: our arrays that are knowingly not filled, as they are in parts that the release does not have.
      unused: tensors that are knowingly not used, with their shapes: ignored ones, a replaced last layer.
      surplus: tensors without a place, with their shapes.
      unfilled: our arrays without a tensor, with their shapes and the names of the tensors that the file has not.
      differing: our arrays whose tensors have another shape: ours, and theirs in our order of axes.
    """

    places: list[Place] = field(default_factory=list)
    new: dict[Path, Shape] = field(default_factory=dict)
    unused: dict[str, Shape] = field(default_factory=dict)
    surplus: dict[str, Shape] = field(default_factory=dict)
    unfilled: dict[Path, tuple[Shape, tuple[str, ...]]] = field(default_factory=dict)
    differing: dict[Path, tuple[Shape, Shape]] = field(default_factory=dict)

    @property
    def fits(self) -> bool:
        """Whether every tensor is used, and every array of ours filled."""
        return not (self.surplus or self.unfilled or self.differing)

    def summary(self) -> str:
        """What does not fit, in one line."""
        counts = {
            "tensors without a place": len(self.surplus),
            "parameters without a tensor": len(self.unfilled),
            "shapes that differ": len(self.differing),
        }
        return ", ".join(f"{what}: {count}" for what, count in counts.items() if count)

    def details(self) -> str:
        """What does not fit, both sides with shapes, one line each."""
        lines = []
        if self.surplus:
            lines += ["tensors of the file without a place:", *(f"  {n} {s}" for n, s in self.surplus.items())]
        if self.unfilled:
            lines.append("parameters without a tensor:")
            for path, (ours, missing) in self.unfilled.items():
                lines.append(f"  {'/'.join(path)} {ours}: the file has no {' and no '.join(missing) or 'layer for it'}")
        if self.differing:
            lines.append("shapes that differ:")
            lines += [f"  {'/'.join(path)} {ours}: the file has {s}" for path, (ours, s) in self.differing.items()]
        return "\n".join(lines)


def _listed(layers: str | tuple[str, ...]) -> tuple[str, ...]:
    return (layers,) if isinstance(layers, str) else layers


def _theirs(path: Path, layers: Layers) -> tuple[str, ...]:
    """The release's layers for one of our arrays. The map tower starts from the image tower's weights."""
    _, top, *rest, _ = path
    return _listed(layers.get("/".join(["image_tower" if top == "map_tower" else top, *rest]), ()))


def _places(shapes: Mapping[Path, Shape], namer: Namer, layers: Layers) -> Iterator[Place]:
    """For every array of ours its tensors, whether or not the file has them."""
    norms = {path[1:-1] for path in shapes if path[0] == "batch_stats"}
    for path, shape in shapes.items():
        theirs = tuple(namer.choose(layer) for layer in _theirs(path, layers))
        tensors = tuple(namer.tensor(layer, path[-1], path[1:-1] in norms) for layer in theirs)
        yield Place(path, shape, tensors, theirs)


def array_for(place: Place, tensors: Mapping[str, np.ndarray], layout: str) -> np.ndarray:
    """The array that the tensors give, in our order of axes.

    Its shape is not the place's where the tensors do not fit, and where a stem's kernel still has three input channels.
    """
    shape = place.shape if len(place.tensors) == 1 else place.shape[1:]
    parts = [
        convert(tensors[tensor], layer, place.path[-1], layout, shape)
        for tensor, layer in zip(place.tensors, place.layers, strict=True)
    ]
    if len(place.tensors) == 1:
        return parts[0]
    odd = [part for part in parts if part.shape != shape]
    return odd[0] if odd else np.stack(parts)


def is_grey_stem(path: Path, ours: Shape, theirs: Shape) -> bool:
    """Whether ours is a kernel on one input channel where theirs is the same on three."""
    return path[1] == "image_tower" and len(ours) == 4 and ours[2] == 1 and theirs == (*ours[:2], 3, ours[3])


def has_all_layers(release: Release, tensors: Iterable[str]) -> bool:
    """Whether a file has all layers of a release, by name."""
    namer = Namer(tensors, release.layout)
    return all(namer.has(layer) for theirs in release.layers().values() for layer in _listed(theirs))


def new_parts(release: Release, shapes: Mapping[Path, Shape]) -> frozenset[str]:
    """The top-level parts of a network that a release does not fill.

    These are the last layer where it cannot be the release's (it has other classes, or other hidden layers before it),
    hidden layers of which the release has none, and whatever stands beside towers, trunk and head: decoders, further
    encoders.
    """
    theirs, parts = release.layers(), {path[1] for path in shapes}
    hidden = {"/".join(path[1:-1]) for path in shapes if path[1] == "hidden_layers"}
    new = {part for part in parts if part not in (*TOWERS, *HEAD)}
    if hidden.isdisjoint(theirs):
        new |= parts & {"hidden_layers"}
    has_hidden = bool(hidden) and "hidden_layers" not in new
    *_, outputs = shapes["params", "classifier", "kernel"]
    if outputs != release.classes or has_hidden != release.hidden_layers or "hidden_layers" in new:
        new.add("classifier")
    return frozenset(new)


def match(
    release: Release,
    shapes: Mapping[Path, Shape],
    tensors: Mapping[str, np.ndarray],
    new: frozenset[str] = frozenset(),
) -> Match:
    """Finds the place of every tensor.

    Args:
      release: what the file is said to be.
      shapes: of our variables, by path.
      tensors: of the file.
      new: top-level parts that are not taken from the file. The file's hidden layers are left out, too, where its last
        layer is, and the network has none or new ones.
    """
    result = Match()
    layers = release.layers()
    namer = Namer(tensors, release.layout)
    used: set[str] = set()
    for place in _places(shapes, namer, layers):
        if place.path[1] in new:
            result.new[place.path] = place.shape
            continue
        used.update(place.tensors)
        missing = tuple(t for t in place.tensors if t not in tensors)
        if missing or not place.tensors:
            result.unfilled[place.path] = (place.shape, missing)
            continue
        found = array_for(place, tensors, release.layout).shape
        if found == place.shape or is_grey_stem(place.path, place.shape, found):
            result.places.append(place)
        else:
            result.differing[place.path] = (place.shape, found)
    replaced: set[str] = set()
    if "classifier" in new:
        keeps_hidden = "hidden_layers" not in new and any(path[1] == "hidden_layers" for path in shapes)
        tops = ("classifier",) if keeps_hidden else ("classifier", "hidden_layers")
        for ours, theirs in layers.items():
            if ours.split("/")[0] in tops:
                replaced |= {namer.layer(namer.choose(layer)) for layer in _listed(theirs)}
    patterns = (*IGNORED[release.layout], *release.ignored)
    for name, tensor in tensors.items():
        if name in used:
            continue
        known = layer_of(name, release.layout) in replaced or any(fnmatch.fnmatchcase(name, p) for p in patterns)
        (result.unused if known else result.surplus)[name] = tensor.shape
    return result
