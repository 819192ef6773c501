"""What a file of released weights holds and becomes, in words for a person."""

import math
from collections.abc import Iterable, Iterator
from pathlib import Path

from busjax.pretrained.download import Checksum, checksum_of
from busjax.pretrained.fixed_input import Figures, check_sums
from busjax.pretrained.load import fill, fit, make_release_network, variable_shapes
from busjax.pretrained.matching import Match, Shape
from busjax.pretrained.matching import Path as VariablePath
from busjax.pretrained.release import Release


def count_values(release: Release, shapes: dict[VariablePath, Shape]) -> int:
    """Number of values as the release's publisher counts: PyTorch without running statistics, Keras with them."""
    counted = ("params", "batch_stats") if release.layout == "keras" else ("params",)
    return sum(math.prod(shape) for path, shape in shapes.items() if path[0] in counted)


def _checksum(found: Checksum) -> str:
    if not found.published:
        return f"{found.found} (none known to compare with)"
    verdict = f"NOT {found.published} as published" if found.differs else "as published"
    return f"{found.found} ({verdict})"


def _table(found: Match, tensors: dict) -> Iterator[str]:
    """One line for each tensor: its name and shape, and our array and shape."""
    rows = []
    for place in found.places:
        ours = "/".join(place.path)
        stacked = len(place.tensors) > 1
        ending = str(place.shape[1:] if stacked else place.shape)
        for i, tensor in enumerate(place.tensors):
            rows.append((tensor, str(tensors[tensor].shape), f"{ours}[{i}]" if stacked else ours, ending))
    order = {tensor: i for i, tensor in enumerate(tensors)}
    rows.sort(key=lambda row: order[row[0]])
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for tensor, theirs, ours, ending in rows:
        yield f"  {tensor:{widths[0]}}  {theirs:{widths[1]}}  ->  {ours:{widths[2]}}  {ending}"


def _figures(name: str, values: Figures) -> str:
    first = " ".join(f"{value:.6g}" for value in values.first)
    return f"  {name:8}  mean {values.mean:.6g}  standard deviation {values.deviation:.6g}  first {first}"


def describe(release: Release, path: Path) -> Iterator[str]:
    """The lines of a report on a file: where its tensors go, its number of values, and figures to compare by.

    Raises:
      PretrainedError: if the file cannot be read or does not fit; at the end, if its checksum is not the published one.
    """
    network = make_release_network(release)
    tensors, found = fit(release, path, network)
    checksum = checksum_of(path, release.checksum)
    yield f"release   {release.name}, licence {release.licence}"
    yield f"file      {path}"
    yield f"checksum  {_checksum(checksum)}"
    yield "tensors   (theirs -> ours)"
    yield from _table(found, tensors)
    if found.unused:
        yield "not used"
        yield from (f"  {name}  {shape}" for name, shape in found.unused.items())
    count = count_values(release, variable_shapes(network, release.input_size))
    unused = sum(math.prod(shape) for shape in found.unused.values())
    yield f"values    {count:,} in the network, {unused:,} not used; {release.parameters:,} published"
    yield f"for the fixed image (37 i + 91 j + 53 c) mod 256 of {release.input_size} x {release.input_size} pixels"
    for name, values in check_sums(release, network, fill(release, tensors, found)).items():
        yield _figures(name, values)
    checksum.require(f"{path} holds other weights than {release.name}, or was written anew")


def list_releases(releases: Iterable[Release]) -> str:
    """One line for each release: name, input size, number of values, licence."""
    rows = sorted(releases, key=lambda release: release.name)
    width = max(len(release.name) for release in rows)
    return "\n".join(f"{r.name:{width}}  {r.input_size} pixels  {r.parameters:>11,} values  {r.licence}" for r in rows)
