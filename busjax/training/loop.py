"""The training loop, the same for every method."""

import functools
import math
import time
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils
from rich.console import Console

from busjax.fields import flatten
from busjax.methods import stores_descriptors, trained_at
from busjax.methods.metrics import NEVER
from busjax.methods.state import TrainState
from busjax.training.optimizers import learning_rate
from busjax.training.plateau import after_validation, scale_of
from busjax.training.progress import make_progress
from busjax.training.run import Run
from busjax.training.signals import Signals, noted_signals
from busjax.training.validation import (
    History,
    best_epochs,
    selected,
    stopped_early,
    validation_metrics,
    write_pictures,
)
from busjax.training.writer import make_writer

ADVICE = "A smaller optimizer.learning_rate or dtype 'float32' may help"


class NonFiniteLoss(ArithmeticError):
    """The loss or a parameter became infinite or not a number; the message names the step."""


class Pace:
    """How fast training goes, counted from a step that is done."""

    EVERY = 60.0  # seconds between two lines where there is no terminal to draw a bar on

    def __init__(self, step: int):
        self._step, self._since = step, time.monotonic()
        self._told = self._since

    def images_per_second(self, step: int, images: int) -> float | None:
        """Images a second since the start; None at the start itself."""
        return None if step == self._step else (step - self._step) * images / (time.monotonic() - self._since)

    def due(self) -> bool:
        """Whether it is time for a line; if so, the next is due after a while."""
        if time.monotonic() - self._told < self.EVERY:
            return False
        self._told = time.monotonic()
        return True


class Epoch:
    """Training metrics since the last validation, fetched from the devices now and then."""

    def __init__(self, metrics: Any):
        self._kind = metrics
        self._waiting: list[Any] = []
        self._whole = metrics.empty()

    def add(self, metrics: Any) -> None:
        """Keeps a step's metrics, without waiting for the step."""
        self._waiting.append(metrics)

    def fetch(self) -> dict[str, float]:
        """Metrics of the steps since the last fetch.

        Raises:
          NonFiniteLoss: one of them had no finite loss.
        """
        if not self._waiting:
            return {}
        merged = functools.reduce(lambda a, b: a.merge(b), jax.device_get(self._waiting))
        self._waiting.clear()
        self._whole = self._whole.merge(merged)
        return _computed(merged)

    def end(self) -> dict[str, float]:
        """Metrics of the whole epoch; the next one starts empty. Raises what `fetch` does."""
        self.fetch()
        values = _computed(self._whole)
        self._whole = self._kind.empty()
        return values


def train(run: Run, console: Console) -> bool:
    """Trains to the end, from the latest checkpoint where there is one.

    A checkpoint is written after every validation, which ends an epoch, and when a signal asks the run to end.

    The parameters do not depend on where a run was interrupted; the averages of training metrics of an epoch that was
    interrupted are over the steps since.

    Args:
      run: what to train.
      console: for progress.

    Returns:
      Whether training is finished; False where a signal ended it after a checkpoint.

    Raises:
      NonFiniteLoss: the loss is no longer a number; the latest checkpoint is from before.
    """
    config, method = run.config, run.method
    steps_per_epoch = run.data.steps_per_epoch
    first_step = run.first_step  # of the optimizer
    last_step = first_step + config.train.epochs * steps_per_epoch
    latest = run.checkpoints.latest()
    facts: Mapping[str, Any] = {"data": None, "history": []} if latest is None else run.checkpoints.facts(latest)
    history: History = facts["history"]
    step = latest or 0
    if step >= last_step or stopped_early(history, method.selectors, config):
        return True

    state = run.new_state() if latest is None else run.restore(latest)
    stream = iter(run.training_stream(state, console))
    if facts["data"] is not None:
        stream.set_state(facts["data"])
    train_step = run.programs.train_step()
    writer = None
    epoch_metrics = Epoch(method.metrics)
    console.print(f"training from step {step} to {last_step}, {steps_per_epoch} steps an epoch; compiling ...")
    started = time.monotonic()

    with make_progress(console) as bar, noted_signals() as signals:
        task = bar.add_task("training", total=last_step, completed=step, images=config.train.batch_size, told="")
        try:
            while step < last_step:
                state, metrics = train_step(state, next(stream))
                epoch_metrics.add(metrics)
                step += 1
                if writer is None:  # after the first step is on its way: the import of TensorFlow takes seconds
                    writer = _writer(run, new=latest is None)
                ended = step % steps_per_epoch == 0
                fetched = ended or step % config.train.log_every == 0 or step == (latest or 0) + 1
                asked = _asked(signals, agree=fetched)
                bar.update(task, completed=step)
                if fetched or asked:
                    values = epoch_metrics.fetch()
                    writer.write_scalars(step, {f"train/{name}": value for name, value in values.items()})
                    if step == (latest or 0) + 1:
                        console.print(f"compiled; the first step was done after {time.monotonic() - started:.0f} s")
                        pace = Pace(step)
                    rate = pace.images_per_second(step, config.train.batch_size)
                    bar.update(task, told=_line(values))
                    if rate is not None:
                        writer.write_scalars(step, {"train/images_per_second": rate})
                        if not console.is_terminal and pace.due():
                            left = (last_step - step) * config.train.batch_size / rate
                            console.print(f"step {step} of {last_step}, {rate:.1f} images/s, {left / 60:.0f} min left")
                if ended or asked:
                    require_finite(state, step)
                row: dict[str, Any] | None = None
                if ended:
                    scored = run.score(state, "val")
                    row = {"epoch": step // steps_per_epoch, "step": step}
                    row |= {f"train/{name}": value for name, value in epoch_metrics.end().items()}
                    row |= (rates := _learning_rates(state, run))
                    row |= validation_metrics(scored, run)
                    history.append(row)
                    told = {n: v for n, v in row.items() if n.startswith("val/") and v is not None}
                    writer.write_scalars(step, rates | told)
                    if step > first_step:
                        state = after_validation(state, scored.losses, config.optimizer)
                    if row["epoch"] in best_epochs(history, method.selectors, config).values():
                        write_pictures(writer, run, scored, state, step)
                    writer.flush()
                    console.print(f"epoch {row['epoch']}: {_line(row)}", soft_wrap=True)
                if row is not None or asked:
                    chosen_by = None if row is None else selected(row, method.selectors, config)
                    run.checkpoints.save(step, state, {"data": stream.get_state(), "history": history}, chosen_by)
                if asked:
                    reason = signals.received or "another host was asked to end"
                    console.print(f"{reason}: saved step {step}; the same command goes on from here")
                    return False
                if step == first_step and stores_descriptors(config):
                    position = stream.get_state()
                    stream.close()
                    stream = iter(run.training_stream(state, console))
                    stream.set_state(position)  # a batch is a function of the step, in every stage
                if ended and stopped_early(history, method.selectors, config):
                    console.print(f"no network came to a new best in {config.train.patience} epochs: training ends")
                    break
        finally:
            stream.close()
            if writer is not None:
                writer.close()
    return True


def _writer(run: Run, *, new: bool) -> Any:
    """The run's writer; that of a new run has told the hyper-parameters."""
    writer = make_writer(run.workdir.path, jax.process_index() == 0)
    if new:
        writer.write_hparams({name: _hparam(value) for name, value in flatten(run.config).items()})
    return writer


def _learning_rates(state: TrainState, run: Run) -> dict[str, float]:
    """By tag, the learning rate of each network's latest step; none in pre-training."""
    config, taken = run.config, int(state.step) - run.first_step
    if taken <= 0:
        return {}
    rate = float(learning_rate(config.optimizer, config.train.epochs * run.data.steps_per_epoch)(taken - 1))
    return {
        f"train/{name}_learning_rate": rate * factor * scale_of(state.networks[name].opt_state)
        for name, factor in trained_at(config).items()
    }


def _asked(signals: Signals, *, agree: bool) -> bool:
    """Whether the run was asked to end.

    Several hosts must say the same, for they save together: they ask each other where all of them wait for the devices
    anyway (`agree`).
    """
    if jax.process_count() == 1:
        return bool(signals.received)
    return agree and bool(multihost_utils.process_allgather(np.asarray(bool(signals.received))).any())


def require_finite(state: TrainState, step: int) -> None:
    """Checks a state that is to be validated or saved: a finite loss may have had a gradient that was not.

    Raises:
      NonFiniteLoss: a parameter is not a finite number.
    """
    for name, network in state.networks.items():
        for path, leaf in jax.tree_util.tree_flatten_with_path(network.params)[0]:
            if not np.isfinite(np.asarray(leaf)).all():
                raise NonFiniteLoss(
                    f"after step {step}, {name}{jax.tree_util.keystr(path)} is not finite; it was not saved. {ADVICE}"
                )


def _computed(metrics: Any) -> dict[str, float]:
    """Numbers of a collection; what no example had an answer for is left out.

    Raises:
      NonFiniteLoss: a step had no finite loss.
    """
    with np.errstate(invalid="ignore"):  # 0 / 0
        values = {name: float(value) for name, value in jax.device_get(metrics.compute()).items()}
    first = values.pop("first_non_finite")
    if first != NEVER:
        raise NonFiniteLoss(
            f"the loss of step {int(first) + 1} is not finite; no checkpoint was written since. {ADVICE}"
        )
    return {name: value for name, value in values.items() if not math.isnan(value)}


def _line(values: Mapping[str, Any]) -> str:
    """The few numbers worth a line: losses, and AUC, F-beta and Dice of a validation."""
    kept = {n: v for n, v in values.items() if n.endswith(("loss", "auc", "f_beta", "dice")) and v is not None}
    return "  ".join(f"{name} {value:.3f}" for name, value in kept.items())


def _hparam(value: Any) -> bool | float | str:
    """What TensorBoard can hold."""
    return value if isinstance(value, bool | int | float | str) else str(value)
