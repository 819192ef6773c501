"""Parameters that training does not move."""

import dataclasses
import fnmatch
from collections.abc import Sequence
from typing import Any

import jax
import optax

from busjax.methods.method import Method
from busjax.methods.state import NetworkState, TrainState


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
    """The optimizer, which leaves matching parameters as they are; the compiler then drops their gradients."""

    def labels(params: Any) -> Any:
        return jax.tree_util.tree_map_with_path(
            lambda path, _: "frozen" if is_frozen(path, patterns) else "trained", params
        )

    return optax.partition({"frozen": optax.set_to_zero(), "trained": optimizer}, labels)


def freeze_statistics(method: Method, patterns: Sequence[str]) -> Method:
    """The method, whose steps leave matching running statistics as they are."""

    def keep(old: NetworkState, new: NetworkState) -> NetworkState:
        stats = jax.tree_util.tree_map_with_path(
            lambda path, before, after: before if is_frozen(path, patterns) else after,
            old.batch_stats,
            new.batch_stats,
        )
        return new.replace(batch_stats=stats)  # type: ignore[attr-defined]

    def train_step(state: TrainState, batch: Any, **fixed: Any) -> Any:
        new, told = method.train_step(state, batch, **fixed)
        networks = {name: keep(state.networks[name], net) for name, net in new.networks.items()}
        return TrainState(new.step, new.key, networks), told

    return dataclasses.replace(method, train_step=train_step)
