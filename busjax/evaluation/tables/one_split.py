"""Whether the rows of a table were measured on the same images."""

from collections.abc import Sequence

from busjax.evaluation.tables.groups import FOLD, Group
from busjax.evaluation.tables.summaries import Summary

# By fold, the sets of images that the runs of a row (one for each seed) were measured on.
_Images = dict[object, set[frozenset[str]]]


def not_on_one_split(summaries: Sequence[Summary]) -> str:
    """A note that names the rows' runs by the images they were measured on; '' where those of a fold are the same."""
    found: list[tuple[_Images, list[Group]]] = []
    for summary in summaries:
        group = summary.group
        if not group.runs or any(group in members for _, members in found):
            continue
        images = _images(group)
        for known, members in found:
            shared = known.keys() & images.keys()
            if shared and all(known[fold] == images[fold] for fold in shared):
                known |= images
                members.append(group)
                break
        else:
            found.append((images, [group]))
    if len(found) < 2:
        return ""
    part = summaries[0].part
    told = "; ".join(", ".join(_name(group) for group in members) for _, members in found)
    return f"Not on one split: {told} have different {part} images, and cannot be compared with each other."


def _images(group: Group) -> _Images:
    images: _Images = {}
    for run in group.runs:
        images.setdefault(run.config.get(FOLD, 0), set()).add(frozenset(run.cases[run.part]))
    return images


def _name(group: Group) -> str:
    """The folders of a row's runs."""
    names = [run.name for run in group.runs]
    return " and ".join(names) if len(names) < 4 else f"{names[0]} to {names[-1]}"
