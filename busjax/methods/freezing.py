"""Parameters that training does not move."""

import fnmatch
from collections.abc import Sequence
from typing import Any

import jax
import optax


def path_name(path: Any) -> str:
    """A leaf's place in a tree as text: 'image_tower/conv1/conv/kernel'."""
    return "/".join(str(part.key) for part in path)


def is_frozen(path: Any, patterns: Sequence[str]) -> bool:
    """Whether a leaf's place matches one of the patterns, as shells have them ('image_tower/*')."""
    return any(fnmatch.fnmatchcase(path_name(path), pattern) for pattern in patterns)


def unmatched(trees: Sequence[Any], patterns: Sequence[str]) -> list[str]:
    """The patterns that match no leaf of any tree."""
    names = [path_name(path) for tree in trees for path, _ in jax.tree_util.tree_leaves_with_path(tree)]
    return [pattern for pattern in patterns if not fnmatch.filter(names, pattern)]


def freeze_parameters(optimizer: optax.GradientTransformation, patterns: Sequence[str]) -> optax.GradientTransformation:
    """The optimizer, which leaves matching parameters as they are; the compiler then drops their gradients.

    Running statistics are no parameters: they follow the images unless batch normalisation is frozen as a whole, so
    that training and evaluation normalise alike.
    """

    def labels(params: Any) -> Any:
        return jax.tree_util.tree_map_with_path(
            lambda path, _: "frozen" if is_frozen(path, patterns) else "trained", params
        )

    return optax.partition({"frozen": optax.set_to_zero(), "trained": optimizer}, labels)
