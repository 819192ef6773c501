"""What training and evaluation of one run share."""

import dataclasses
import functools
import json
from typing import Any

import jax
from ml_collections import ConfigDict

from busjax.atomic import write_atomic
from busjax.methods import Method, make_method
from busjax.training import parallel
from busjax.training.checkpoints import Checkpoints
from busjax.training.optimizers import make_optimizer
from busjax.training.releases import load_releases, refuse_unmatched, settle_releases
from busjax.training.run_data import RunData, evaluation_stream, open_data, settle_split
from busjax.training.scoring import Scored, score
from busjax.training.workdir import Workdir


@dataclasses.dataclass(frozen=True)
class Run:
    """A run that is open: everything but its state.

    Attributes:
      config, workdir, method, data, checkpoints: of the run.
      mesh: its devices.
      predict: compiled prediction.
    """

    config: ConfigDict
    workdir: Workdir
    method: Method
    data: RunData
    mesh: jax.sharding.Mesh
    predict: Any
    checkpoints: Checkpoints

    def new_state(self) -> Any:
        """The state before the first step, on the devices; released weights are loaded where the config names some.

        Which files they came from is written to the work directory.

        Raises:
          PretrainedError: they cannot be had, or do not fit.
        """
        key = jax.random.PRNGKey(self.config.seed)
        state = parallel.initialise(self.method.init, key, self.config.data.image_size, self.mesh)
        state, loaded = load_releases(state, self.method, self.config)
        if loaded and jax.process_index() == 0:
            write_atomic(self.workdir.pretrained, json.dumps(loaded, indent=2) + "\n")
        return state

    def restore(self, step: int) -> Any:
        """The state of a checkpoint, on the devices.

        Raises:
          CheckpointError: it was made by a differently shaped model.
        """
        placed = parallel.replicated(self.mesh)
        abstract = jax.tree.map(
            lambda s: jax.ShapeDtypeStruct(s.shape, s.dtype, sharding=placed),
            jax.eval_shape(lambda key: self.method.init(key, self.config.data.image_size), jax.random.PRNGKey(0)),
        )
        return self.checkpoints.restore(step, abstract)

    @functools.cached_property
    def _parts(self) -> dict[str, Any]:
        """Batches of each evaluated part; they hold their images in memory from one pass to the next."""
        sharding = parallel.divided(self.mesh)
        return {
            part: evaluation_stream(self.config, self.data, getattr(self.data.split, part), sharding)
            for part in ("val", "test")
        }

    def score(self, state: Any, part: str) -> Scored:
        """Predictions for the 'val' or the 'test' part."""
        threshold = self.config.eval.mask_threshold
        return score(self.method, self.predict, state, self._parts[part], self.data.dataset.table, threshold)


def open_run(config: ConfigDict, workdir: Workdir, *, training: bool = False) -> Run:
    """Opens everything of a run but its state.

    Args:
      config: of the run.
      workdir: of the run.
      training: whether checkpoints will be written; half-written ones of a killed run are then cleared away.

    Raises:
      DatasetError, SplitError: the data cannot be had or split.
      ConfigError: a pattern of `pretrained.freeze` matches nothing.
    """
    data = open_data(config, workdir)
    optimizer = make_optimizer(config.optimizer, data.steps_per_epoch * config.train.epochs)
    method = make_method(settle_releases(config), optimizer)
    refuse_unmatched(method, config)
    tasks = [task.name for task in method.outputs.values()]
    settle_split(data, workdir, tasks, config.data.groups, masks=method.draws)
    mesh = parallel.make_mesh()
    return Run(
        config=config,
        workdir=workdir,
        method=method,
        data=data,
        mesh=mesh,
        predict=parallel.map_predict(method.predict, mesh),
        checkpoints=Checkpoints(workdir.checkpoints, method.selectors, config.selection.mode, clear=training),
    )
