"""The one entry point: train, evaluate and describe runs. `python launch.py --helpfull` lists every flag."""

import ast
import os
import shlex
import sys

from absl import app, flags, logging
from ml_collections import config_flags
from rich.console import Console

CONFIG = config_flags.DEFINE_config_file(
    "config", None, "File of the experiment, with its variants after a colon: configs/rem.py:small", lock_config=True
)
WORKDIR = flags.DEFINE_string("workdir", None, "Folder of the run; the same folder continues it")
MODE = flags.DEFINE_enum("mode", "train", ["train", "evaluate", "describe"], "What to do")
COMPILATION_CACHE = flags.DEFINE_string(
    "compilation_cache", "~/.cache/busjax/xla", "Folder that keeps compiled programs between runs; '' for none"
)
COORDINATOR = flags.DEFINE_string("coordinator", "", "host:port of the first of several processes; '' for one process")
PROCESSES = flags.DEFINE_integer("processes", 1, "How many processes --coordinator joins")
PROCESS = flags.DEFINE_integer("process", 0, "Which of them this one is, from 0")

# Columns of tables in a file or a pipe, which have no width of their own.
LOG_WIDTH = 140


def main(arguments: list[str]) -> int:
    """Runs the mode; returns the exit code: 0 done, 2 for an error of the user's, 75 where a signal ended training."""
    if len(arguments) > 1:
        return _refuse(f"unexpected argument {arguments[1]!r}: every option starts with --")
    if MODE.value != "evaluate" and CONFIG.value is None:
        return _refuse(f"--mode {MODE.value} needs --config, for example --config configs/rem.py:demo")
    if MODE.value != "describe" and not WORKDIR.value:
        return _refuse(f"--mode {MODE.value} needs --workdir, the folder of the run")

    logging.set_verbosity(logging.WARNING)
    if not COORDINATOR.value and (PROCESSES.value > 1 or PROCESS.value > 0):
        return _refuse("--processes and --process need --coordinator, the host:port of the first process")
    # After the flags are checked: these take seconds to import.
    import jax

    from busjax.data.splits import SplitError
    from busjax.pretrained.errors import PretrainedError
    from busjax.training.checkpoints import CheckpointError
    from busjax.training.errors import ConfigError
    from busjax.training.loop import NonFiniteLoss
    from busjax.training.workdir import WorkdirError
    from tfds_builders.record import DatasetError

    if COMPILATION_CACHE.value:
        jax.config.update("jax_compilation_cache_dir", os.path.expanduser(COMPILATION_CACHE.value))
    if COORDINATOR.value:
        jax.distributed.initialize(COORDINATOR.value, PROCESSES.value, PROCESS.value)
    elif int(os.environ.get("SLURM_NTASKS", "1")) > 1 and "SLURM_STEP_NODELIST" in os.environ:
        jax.distributed.initialize()  # as one task of several started by srun
    known = (ConfigError, DatasetError, SplitError, CheckpointError, PretrainedError, WorkdirError, NonFiniteLoss)
    try:
        return {"train": _train, "evaluate": _evaluate, "describe": _describe}[MODE.value](
            Console(width=None if sys.stdout.isatty() else LOG_WIDTH)
        )
    except known as error:
        return _refuse(str(error))


def _refuse(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return 2


def _train(console: Console) -> int:
    import jax

    from busjax.training.config import validate, validate_devices
    from busjax.training.loop import train
    from busjax.training.run import open_run
    from busjax.training.workdir import open_workdir

    config = CONFIG.value
    validate(config)
    validate_devices(config, jax.device_count(), jax.process_count())
    workdir = open_workdir(WORKDIR.value, config, "python " + shlex.join(sys.argv))
    run = open_run(config, workdir, training=True)
    try:
        finished = train(run, console)
    finally:
        run.checkpoints.close()
    return _evaluate(console) if finished else 75


def _evaluate(console: Console) -> int:
    from busjax.training.config import validate
    from busjax.training.evaluate import evaluate
    from busjax.training.run import open_run
    from busjax.training.workdir import read_workdir

    workdir, config, facts = read_workdir(WORKDIR.value)
    validate(config)
    run = open_run(config, workdir)
    try:
        evaluate(run, facts, console)
    finally:
        run.checkpoints.close()
    console.print(f"results: {workdir.results}\nreport:  {workdir.report}", soft_wrap=True)
    return 0


def _describe(console: Console) -> int:
    from busjax.training.config import validate
    from busjax.training.describe import describe

    validate(CONFIG.value)
    describe(CONFIG.value, console)
    return 0


def parse(arguments: list[str]) -> list[str]:
    """Parses flags and config; what is wrong with them is told in one line."""
    app.define_help_flags()
    try:
        rest = flags.FLAGS(arguments)
    except (flags.Error, AttributeError, KeyError, TypeError, ValueError) as error:
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        text = str(cause.args[0] if cause.args else cause).strip()
        # ml_collections tells of an unknown field by the printed form of a text.
        lines = str(ast.literal_eval(text) if text[:2] == "'\\" else text).splitlines()
        # An error inside a config file comes as the text of its traceback, which ends in 'SomeError: message'.
        inside = any(line.startswith("Traceback") or "Traceback (most" in line for line in lines)
        message = lines[-1].split(": ", 1)[-1] if inside else " ".join(line.strip() for line in lines)
        sys.exit(_refuse(f"command line: {message}"))
    if CONFIG.present:
        file = config_flags.get_config_filename(flags.FLAGS["config"]).partition(":")[0]
        if not os.path.exists(file):
            sys.exit(_refuse(f"--config {file}: no such file"))
    return rest


if __name__ == "__main__":
    app.run(main, flags_parser=parse)
