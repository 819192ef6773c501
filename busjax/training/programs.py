"""The compiled programs of a run and the placement of its state: of one network of each kind, or of one a fold."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
from jax.sharding import Mesh, NamedSharding

from busjax.data.folds import Folds
from busjax.methods import Method, folds
from busjax.methods.state import TrainState
from busjax.training import parallel


@dataclasses.dataclass(frozen=True)
class Programs:
    """How a method runs on the devices of a run.

    Attributes:
      method: of the run.
      mesh: its devices.
      count: the folds that are trained at a time; 0 where the run has one network of each kind.
      at_once: of these, how many a device computes together; 0 for all that it has.
      predict: (state, batch) -> predictions, compiled.
    """

    method: Method
    mesh: Mesh
    count: int
    at_once: int
    predict: Callable[[Any, Any], Any]

    def train_step(self) -> Callable[[Any, Any], Any]:
        """(state, batch) -> (state, metrics), compiled; the old state is donated."""
        if self.count:
            return parallel.map_folds_step(self.method, self.at_once, self.mesh)
        return parallel.map_train_step(self.method.train_step, self.mesh)

    def features(self) -> Callable[[Any, Any], Any]:
        """(state, batch with views) -> features, [batch, views, ...]; of folds [batch, folds, views, ...]. Compiled."""
        assert self.method.features is not None
        if self.count:
            return parallel.map_folds(folds.features(self.method, self.at_once), self.mesh)
        return parallel.map_predict(self.method.features, self.mesh)

    def first(self, state: TrainState) -> TrainState:
        """The first state of the run, of that of one network of each kind."""
        return parallel.stacked(state, self.count, self.mesh) if self.count else state

    def abstract(self, size: int) -> Any:
        """Shapes, types and placement of the state, for images of `size` pixels."""
        one = parallel.abstract_state(self.method.init, size, self.mesh)
        return parallel.abstract_stacked(one, self.count, self.mesh) if self.count else one

    @property
    def batches(self) -> NamedSharding:
        """The placement of batches: rows divided, or whole on every device where these divide the folds."""
        return parallel.replicated(self.mesh) if self.count else parallel.divided(self.mesh)


def make_programs(method: Method, data_folds: Folds | None, at_once: int) -> Programs:
    """The programs of a run on all devices.

    Args:
      method: of one fold.
      data_folds: of the run's split; None of one without.
      at_once: see `Programs`.
    """
    mesh = parallel.make_mesh(jax.devices())
    if data_folds is None or not data_folds.together:
        return Programs(method, mesh, 0, 0, parallel.map_predict(method.predict, mesh))
    predict = parallel.map_folds(folds.predict(method, at_once), mesh)
    return Programs(method, mesh, data_folds.count, at_once, predict)
