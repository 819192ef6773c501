"""Checkpoints of a run: the latest, and for each selector the best. The only file that knows Orbax."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from orbax.checkpoint import v1 as ocp


class CheckpointError(ValueError):
    """A checkpoint that is missing or does not fit; the message says which and how."""


class Checkpoints:
    """Checkpoints in a folder, one sub-folder per step, each written whole or not at all.

    With each go the JSON facts that a run needs to go on (position in the data, history), and, where it was taken at a
    validation, the selectors' metrics. The latest is kept and, for each selector, the one with the best metric; of two
    that are equally good the later.
    """

    def __init__(self, folder: Path, selectors: Sequence[str], mode: str = "max", *, clear: bool = False):
        """Opens the folder, or makes it.

        Args:
          folder: of the checkpoints.
          selectors: names of the metrics by which a best one is kept.
          mode: 'max' or 'min', whether a high metric is a good one.
          clear: whether to remove what a killed run has half written. Not while another process writes.
        """
        self.folder, self.selectors = folder, tuple(selectors)
        self._sign = 1.0 if mode == "max" else -1.0
        policies = ocp.training.preservation_policies
        best = [
            policies.BestN(get_metric_fn=lambda m, s=s: self._rank(m, s), n=1, keep_checkpoints_without_metrics=False)
            for s in self.selectors
        ]
        self._orbax = ocp.training.Checkpointer(
            folder,
            preservation_policy=policies.AnyPreservationPolicy([policies.LatestN(1), *best]),
            cleanup_tmp_directories=clear,
        )

    def _rank(self, metrics: Mapping[str, Any], selector: str) -> float:
        """What is to be largest. A metric that is not defined is the worst."""
        value = metrics.get(selector)
        return -np.inf if value is None else self._sign * value

    def save(self, step: int, state: Any, facts: Mapping[str, Any], metrics: Mapping[str, float | None] | None) -> None:
        """Writes a checkpoint and waits until it is whole.

        Args:
          step: number of steps taken; a checkpoint of the same step is replaced.
          state: the run's state.
          facts: JSON values.
          metrics: each selector's metric, None where it is not defined; None between validations.
        """
        told = None if metrics is None else dict(metrics)
        self._orbax.save_checkpointables(
            step, {"state": state}, force=True, overwrite=True, metrics=told, custom_metadata=dict(facts)
        )

    def latest(self) -> int | None:
        """The step of the latest checkpoint, None where there is none."""
        return None if self._orbax.latest is None else self._orbax.latest.step

    def best(self, selector: str) -> tuple[int, float]:
        """The step of the best checkpoint of a selector, and its metric.

        Raises:
          CheckpointError: there is no checkpoint with a metric of this selector.
        """
        known = [c for c in self._orbax.checkpoints if c.metrics is not None]
        chosen = max(known, key=lambda c: (self._rank(c.metrics, selector), c.step), default=None)
        if chosen is None or chosen.metrics.get(selector) is None:
            raise CheckpointError(
                f"{self.folder}: no checkpoint of an epoch that {selector!r} could be chosen at, expected at least "
                "one: train longer"
            )
        return chosen.step, chosen.metrics[selector]

    def facts(self, step: int) -> dict[str, Any]:
        """The JSON facts saved with a checkpoint."""
        return self._orbax.metadata(step).custom_metadata

    def restore(self, step: int, abstract: Any) -> Any:
        """The state of a checkpoint.

        Args:
          step: of the checkpoint.
          abstract: the state's shapes, types and placement (jax.ShapeDtypeStruct with shardings).

        Raises:
          CheckpointError: a parameter is missing, unknown, or of another shape or type.
        """
        stored = self._orbax.checkpointables_metadata(step).metadata["state"]
        found = {_path(path): (tuple(leaf.shape), np.dtype(leaf.dtype)) for path, leaf in _leaves(stored)}
        expected = {_path(path): (tuple(leaf.shape), np.dtype(leaf.dtype)) for path, leaf in _leaves(abstract)}
        different = sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))
        if different:
            shown = "; ".join(
                f"{name}: found {_shown(found.get(name))}, expected {_shown(expected.get(name))}"
                for name in different[:3]
            )
            raise CheckpointError(
                f"{self.folder / str(step)}: made by a differently shaped model: {len(different)} arrays differ, "
                f"{shown}"
            )
        return self._orbax.load_checkpointables(step, {"state": abstract})["state"]

    def close(self) -> None:
        """Ends Orbax's threads."""
        self._orbax.close()


def _leaves(tree: Any) -> list:
    return jax.tree_util.tree_flatten_with_path(tree)[0]


def _path(path: Sequence[Any]) -> str:
    """A dotted name that is the same for a dataclass, a named tuple, a list and the dicts they are stored as."""
    return ".".join(str(getattr(k, "key", getattr(k, "name", getattr(k, "idx", k)))) for k in path)


def _shown(described: tuple[tuple[int, ...], np.dtype] | None) -> str:
    return "nothing" if described is None else f"{described[1]}{list(described[0])}"
