"""What training and evaluation of one run share."""

import dataclasses
import functools
import json
from typing import Any

import grain
import jax
from ml_collections import ConfigDict
from rich.console import Console

from busjax.atomic import write_atomic
from busjax.data.pipeline import EvaluationBatches
from busjax.data.splits import PARTS
from busjax.methods import Method, make_method, pretraining_epochs, stores_descriptors
from busjax.training import parallel
from busjax.training.checkpoints import Checkpoints
from busjax.training.descriptors import descriptor_stream
from busjax.training.features import (
    RunFeatures,
    evaluation_feature_stream,
    refuse_trained_features,
    training_feature_stream,
)
from busjax.training.head_from import take_head
from busjax.training.optimizers import make_optimizer
from busjax.training.programs import Programs, make_programs
from busjax.training.releases import check_freeze, load_releases, settle_releases
from busjax.training.run_data import RunData, evaluation_stream, open_data, settle_split, training_stream
from busjax.training.scoring import Scored, score
from busjax.training.workdir import Workdir


@dataclasses.dataclass(frozen=True)
class Run:
    """A run that is open: everything but its state.

    Attributes:
      config, workdir, method, data, checkpoints: of the run.
      programs: what is compiled of the method, and where.
    """

    config: ConfigDict
    workdir: Workdir
    method: Method
    data: RunData
    programs: Programs
    checkpoints: Checkpoints

    @property
    def mesh(self) -> jax.sharding.Mesh:
        """Its devices."""
        return self.programs.mesh

    @property
    def predict(self) -> Any:
        """Compiled prediction."""
        return self.programs.predict

    def new_state(self) -> Any:
        """The state before the first step, on the devices; released weights are loaded where the config names some.

        Which files they came from is written to the work directory. With `pretrained.head_from`, the head is that of
        another run.

        Raises:
          PretrainedError: they cannot be had, or do not fit.
          ConfigError, CheckpointError: the head of the other run cannot be had, or does not fit.
        """
        key = jax.random.PRNGKey(self.config.seed)
        state = parallel.initialise(self.method.init, key, self.config.data.image_size, self.mesh)
        state, loaded = load_releases(state, self.method, self.config)
        if self.config.pretrained.head_from:
            own = loaded[self.config.model.network]
            state, taken = take_head(state, self.config, self.data, self.mesh, own["checksum"])
            own |= taken
        if loaded and jax.process_index() == 0:
            write_atomic(self.workdir.pretrained, json.dumps(loaded, indent=2) + "\n")
        return self.programs.first(state)

    def restore(self, step: int) -> Any:
        """The state of a checkpoint, on the devices.

        Raises:
          CheckpointError: it was made by a differently shaped model.
        """
        return self.checkpoints.restore(step, self.programs.abstract(self.config.data.image_size))

    @property
    def first_step(self) -> int:
        """The steps of pre-training, which come before those of `train.epochs`."""
        return pretraining_epochs(self.config) * self.data.steps_per_epoch

    @functools.cached_property
    def _parts(self) -> dict[str, EvaluationBatches]:
        """Batches of each evaluated part; they hold their images in memory from one pass to the next."""
        return {}

    @functools.cached_property
    def _features(self) -> RunFeatures:
        """The stored features, of a run that has such."""
        return RunFeatures(self.config, self.workdir, self.data, self.method, self.mesh)

    def training_stream(self, state: Any, console: Console) -> grain.IterDataset:
        """Endless training batches on the devices, for the stage of training that the state has come to.

        With stored features, those of all parts are computed first, where they are missing.
        """
        sharding = self.programs.batches
        if stores_descriptors(self.config) and int(state.step) >= self.first_step:
            return descriptor_stream(self.config, self.data, self.programs, state, console)
        if not self.config.train.stored_features:
            return training_stream(self.config, self.data, sharding)
        store = self._features.store(state, PARTS, console)
        return training_feature_stream(self.config, self.data, store, sharding)

    def score(self, state: Any, part: str) -> Scored:
        """Predictions for the 'val' or the 'test' part."""
        if part not in self._parts:
            sharding = self.programs.batches
            if self.config.train.stored_features:
                store = self._features.store(state, (part,))
                self._parts[part] = evaluation_feature_stream(self.config, self.data, store, part, sharding)
            else:
                rows = self.data.split.parts()[part]
                self._parts[part] = evaluation_stream(self.config, self.data, rows, sharding)
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
      ConfigError: a pattern of `pretrained.freeze` matches nothing, or not all that stored features need.
    """
    data = open_data(config, workdir)
    optimizer = make_optimizer(config.optimizer, data.steps_per_epoch * config.train.epochs)
    method = make_method(settle_releases(config), optimizer, steps_per_epoch=data.steps_per_epoch)
    check_freeze(method, config)
    refuse_trained_features(method, config)
    tasks = [task.name for task in method.outputs.values()]
    settle_split(data, workdir, tasks, config.data.groups, masks=method.draws, by_case=config.eval.unit == "case")
    return Run(
        config=config,
        workdir=workdir,
        method=method,
        data=data,
        programs=make_programs(method, data.folds, config.train.folds_at_once),
        checkpoints=Checkpoints(workdir.checkpoints, method.selectors, config.selection.mode, clear=training),
    )
