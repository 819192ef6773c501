"""The training loop, the same for every method."""

import dataclasses
import functools
import math
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict
from rich.console import Console

from busjax.evaluation.metrics import binary_metrics
from busjax.methods import Method, make_method
from busjax.methods.metrics import NEVER
from busjax.training import parallel
from busjax.training.checkpoints import Checkpoints
from busjax.training.config import flatten
from busjax.training.optimizers import make_optimizer
from busjax.training.picked import cam_examples, varied
from busjax.training.progress import make_progress
from busjax.training.run_data import RunData, evaluation_stream, open_data, task_names, training_stream
from busjax.training.scoring import Scored, score
from busjax.training.summaries import validation_images
from busjax.training.workdir import Workdir
from busjax.training.writer import Writer, make_writer


class NonFiniteLoss(ArithmeticError):
    """The loss became infinite or not a number; the message names the step."""


@dataclasses.dataclass
class Signals:
    """Whether the run was asked to end (SIGTERM, as clusters send it, or Ctrl-C)."""

    received: str = ""


@contextmanager
def catch_signals() -> Iterator[Signals]:
    """Notes SIGTERM and SIGINT while training; a second one ends the process at once."""
    told = Signals()

    def note(number: int, _: Any) -> None:
        if told.received:
            raise KeyboardInterrupt
        told.received = signal.Signals(number).name

    old = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield told
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


@dataclasses.dataclass(frozen=True)
class Run:
    """What training and evaluation of one run share.

    Attributes:
      config, workdir, method, data: of the run.
      mesh: its devices.
      predict: compiled prediction.
      checkpoints: its checkpoints.
    """

    config: ConfigDict
    workdir: Workdir
    method: Method
    data: RunData
    mesh: jax.sharding.Mesh
    predict: Any
    checkpoints: Checkpoints

    def abstract_state(self) -> Any:
        """Shapes, types and placement of the state."""
        shapes = jax.eval_shape(
            functools.partial(self.method.init, size=self.config.data.image_size), jax.random.PRNGKey(0)
        )
        placed = parallel.replicated(self.mesh)
        return jax.tree.map(lambda s: jax.ShapeDtypeStruct(s.shape, s.dtype, sharding=placed), shapes)

    def restore(self, step: int) -> Any:
        """The state of a checkpoint, on the devices."""
        return self.checkpoints.restore(step, self.abstract_state())

    def score(self, state: Any, rows: np.ndarray) -> Scored:
        """Predictions for rows of the dataset."""
        batches = evaluation_stream(self.config, self.data, rows, parallel.divided(self.mesh))
        return score(self.method, self.predict, state, batches, self.data.dataset.table)


def open_run(config: ConfigDict, workdir: Workdir) -> Run:
    """Everything of a run but its state.

    Raises:
      DatasetError, SplitError: the data cannot be had or split.
    """
    method = make_method(config, make_optimizer(config.optimizer))
    mesh = parallel.make_mesh()
    return Run(
        config,
        workdir,
        method,
        open_data(config, workdir, task_names(method)),
        mesh,
        parallel.map_predict(method.predict, mesh),
        Checkpoints(workdir.checkpoints, method.selectors, config.selection.mode),
    )


def train(run: Run, console: Console) -> bool:
    """Trains to the end, from the latest checkpoint where there is one.

    Returns:
      Whether training is finished; False where a signal ended it after a checkpoint.

    Raises:
      NonFiniteLoss: the loss is no longer a number; the latest checkpoint is from before.
    """
    config, method, mesh = run.config, run.method, run.mesh
    batch_size = config.train.batch_size
    steps_per_epoch = max(1, round(len(run.data.split.train) / batch_size))
    latest = run.checkpoints.latest()
    if latest is None:
        state = parallel.initialise(method.init, jax.random.PRNGKey(config.seed), config.data.image_size, mesh)
        facts: dict[str, Any] = {"data": None, "history": []}
    else:
        state, facts = run.restore(latest), run.checkpoints.facts(latest)
        console.print(f"going on from step {latest}")
    history: list[dict[str, Any]] = facts["history"]
    last_step = config.train.epochs * steps_per_epoch
    step = int(state.step)
    if step >= last_step or stopped_early(history, method.selectors, config):
        return True

    stream = iter(training_stream(config, run.data, parallel.divided(mesh)))
    if facts["data"] is not None:
        stream.set_state(facts["data"])
    train_step = parallel.map_train_step(method.train_step, mesh)
    writer = make_writer(run.workdir.path, jax.process_index() == 0)
    writer.write_hparams({name: _hparam(value) for name, value in flatten(config).items()})
    told: list[Any] = []
    epoch_metrics = method.metrics.empty()
    console.print(f"training to step {last_step} ({steps_per_epoch} steps an epoch); compiling the first step ...")

    with make_progress(console) as bar, catch_signals() as signals:
        task = bar.add_task("training", total=last_step, completed=step, images=batch_size, told="")
        try:
            while step < last_step:
                state, metrics = train_step(state, next(stream))
                told.append(metrics)
                step += 1
                if step == int(facts["data"] is not None) * 0 + 1 or len(told) == 1 and not bar.tasks[0].completed:
                    bar.update(task)
                validated = step % steps_per_epoch == 0
                if validated or signals.received or step % config.train.log_every == 0:
                    merged = functools.reduce(lambda a, b: a.merge(b), jax.device_get(told))
                    told.clear()
                    values = _checked(merged, step)
                    epoch_metrics = epoch_metrics.merge(merged)
                    writer.write_scalars(step, {f"train/{name}": value for name, value in values.items()})
                    bar.update(task, completed=step, told=_short(values))
                if validated:
                    epoch = step // steps_per_epoch
                    row = {"epoch": epoch, "step": step, **_prefixed("train", _checked(epoch_metrics, step))}
                    epoch_metrics = method.metrics.empty()
                    scored = run.score(state, run.data.split.val)
                    values = validation_metrics(scored, config)
                    history.append({**row, **_prefixed("val", values)})
                    _write_validation(writer, run, scored, step, values, history)
                    console.print(f"epoch {epoch}: " + _short({k: v for k, v in history[-1].items() if "/" in k}))
                if validated or signals.received:
                    selected = _selected(history[-1], method.selectors, config) if validated else None
                    run.checkpoints.save(step, state, {"data": stream.get_state(), "history": history}, selected)
                if signals.received:
                    console.print(f"{signals.received}: saved step {step}; the same command goes on from here")
                    return False
                if validated and stopped_early(history, method.selectors, config):
                    console.print(f"no network got better in {config.train.patience} epochs: stopping")
                    break
        finally:
            stream.close()
            writer.close()
    return True


def validation_metrics(scored: Scored, config: ConfigDict) -> dict[str, float]:
    """`<output>_<metric>` of a validation, without intervals."""
    values = {}
    for predictions in scored.predictions:
        metrics = binary_metrics(
            predictions, threshold=config.eval.threshold, beta=config.eval.beta, resamples=0
        ).to_json()
        for name in ("auc", "f_beta", "accuracy", "sensitivity", "specificity", "balanced_accuracy"):
            values[f"{predictions.name}_{name}"] = metrics[name]
    return values


def stopped_early(history: list[dict[str, Any]], selectors: tuple[str, ...], config: ConfigDict) -> bool:
    """Whether no selector's metric has reached a new best in the last `train.patience` epochs."""
    sign = 1.0 if config.selection.mode == "max" else -1.0
    last_best = 0
    for selector in selectors:
        best = -math.inf
        for row in history:
            value = row.get(f"val/{selector}_{config.selection.metric}")
            if value is not None and sign * value > best:
                best, last_best = sign * value, max(last_best, row["epoch"])
    return bool(history) and history[-1]["epoch"] - last_best >= config.train.patience


def _selected(row: dict[str, Any], selectors: tuple[str, ...], config: ConfigDict) -> dict[str, float | None]:
    return {name: row[f"val/{name}_{config.selection.metric}"] for name in selectors}


def _checked(metrics: Any, step: int) -> dict[str, float]:
    """Computed metrics.

    Raises:
      NonFiniteLoss: one of the steps they stand for had no finite loss.
    """
    values = {name: float(value) for name, value in jax.device_get(metrics.compute()).items()}
    first = values.pop("first_non_finite")
    if first != NEVER:
        raise NonFiniteLoss(
            f"the loss of step {int(first) + 1} is not finite (noticed at step {step}); nothing was saved since. A "
            "smaller optimizer.learning_rate or dtype 'float32' may help"
        )
    return {name: value for name, value in values.items() if not math.isnan(value)}


def _write_validation(
    writer: Writer, run: Run, scored: Scored, step: int, values: dict[str, float], history: list[dict[str, Any]]
) -> None:
    """Scalars of every validation; pictures where a network got to a new best."""
    writer.write_scalars(step, {f"val/{name}": value for name, value in values.items() if value is not None})
    sign = 1.0 if run.config.selection.mode == "max" else -1.0
    improved = False
    for selector in run.method.selectors:
        name = f"val/{selector}_{run.config.selection.metric}"
        earlier = [sign * row[name] for row in history[:-1] if row[name] is not None]
        improved |= history[-1][name] is not None and sign * history[-1][name] > max(earlier, default=-math.inf)
    if improved:
        examples = {
            name: cam_examples(run.config, run.data, scored, name, varied(scored, name, 2))
            for name in run.method.selectors
        }
        writer.write_images(step, validation_images(scored.predictions, examples, run.config.eval.threshold))
    writer.flush()


def _prefixed(part: str, values: dict[str, float]) -> dict[str, float]:
    return {f"{part}/{name}": value for name, value in values.items()}


def _short(values: dict[str, Any]) -> str:
    """The few numbers worth a line: losses, and validation AUC and F-beta."""
    kept = {n: v for n, v in values.items() if n.endswith(("loss", "auc", "f_beta")) and v is not None}
    return "  ".join(f"{name} {value:.3f}" for name, value in kept.items())


def _hparam(value: Any) -> bool | float | str:
    return value if isinstance(value, bool | int | float | str) else str(value)
