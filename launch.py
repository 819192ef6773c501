"""The one entry point: train, evaluate, describe and compare runs. `python launch.py --helpfull` lists every flag."""

import ast
import os
import re
import shlex
import sys
from pathlib import Path

from absl import app, flags, logging
from ml_collections import config_flags
from rich.console import Console

CONFIG = config_flags.DEFINE_config_file(
    "config", None, "File of the experiment, with its variants after a colon: configs/rem.py:small", lock_config=True
)
WORKDIR = flags.DEFINE_string("workdir", None, "Folder of the run; the same folder continues it")
MODE = flags.DEFINE_enum("mode", "train", ["train", "evaluate", "describe", "table"], "What to do")
COMPILATION_CACHE = flags.DEFINE_string(
    "compilation_cache", "~/.cache/busjax/xla", "Folder that keeps compiled programs between runs; '' for none"
)
COORDINATOR = flags.DEFINE_string("coordinator", "", "host:port of the first of several processes; '' for one process")
PROCESSES = flags.DEFINE_integer("processes", 1, "How many processes --coordinator joins")
PROCESS = flags.DEFINE_integer("process", 0, "Which of them this one is, from 0")
SWEEP = flags.DEFINE_string("sweep", "", "File with sweep(add), its variant after a colon; --workdir is its folder")
EXECUTOR = flags.DEFINE_enum("executor", "local", ["local", "slurm"], "Where the runs of --sweep go")
JOBS = flags.DEFINE_integer(
    "jobs", 0, "Runs of --sweep at a time; 0 for one on each device, or with Slurm for all", lower_bound=0
)
SLURM_PARTITION = flags.DEFINE_string("slurm_partition", "", "Partition; '' for the cluster's default")
SLURM_TIME = flags.DEFINE_integer(
    "slurm_time", 1440, "Minutes of a job; a longer run is queued again and goes on", lower_bound=5
)
SLURM_MEMORY = flags.DEFINE_string("slurm_memory", "", "Memory of a run, such as 16G; '' for the cluster's default")
SLURM_GPUS = flags.DEFINE_integer("slurm_gpus", 0, "GPUs of a run, which uses all of them", lower_bound=0)
SLURM_CPUS = flags.DEFINE_integer("slurm_cpus", 0, "Cores of a run; 0 for the cluster's default", lower_bound=0)
OF_SLURM = (SLURM_PARTITION, SLURM_TIME, SLURM_MEMORY, SLURM_GPUS, SLURM_CPUS)
OF_SWEEPS = (EXECUTOR, JOBS, *OF_SLURM)
TABLE = flags.DEFINE_string(
    "table", "", "Of --mode table: a published table (shareef_4) to put the runs in; shown alone without --workdir"
)
SEEDS_TOGETHER = flags.DEFINE_bool(
    "seeds_together", False, "Of --mode table: runs that differ in config.seed, too, are one row"
)
READERS = flags.DEFINE_string(
    "readers", "", "Of --mode table: CSV of readers' scores (lesion_id, reader, score 0 to 10), to compare with a run"
)
OF_TABLES = (TABLE, SEEDS_TOGETHER, READERS)

# Columns of tables in a file or a pipe, which have no width of their own.
LOG_WIDTH = 140


def main(arguments: list[str]) -> int:
    """Runs the mode; returns the exit code.

    0 done, 1 where runs of a sweep failed, 2 for an error of the user's, 75 where a signal ended training.
    """
    if len(arguments) > 1:
        return _refuse(f"unexpected argument {arguments[1]!r}: every option starts with --")
    if message := _misused():
        return _refuse(message)
    if MODE.value == "table":
        console = Console(width=None if sys.stdout.isatty() else LOG_WIDTH)
        return _readers(console) if READERS.present else _table(console)

    logging.set_verbosity(logging.WARNING)
    # After the flags are checked: these take seconds to import.
    import jax

    from busjax.data.splits import SplitError
    from busjax.pretrained.errors import PretrainedError
    from busjax.sweeps.errors import SweepError
    from busjax.training.checkpoints import CheckpointError
    from busjax.training.errors import ConfigError
    from busjax.training.loop import NonFiniteLoss
    from busjax.training.workdir import WorkdirError
    from tfds_builders.record import DatasetError

    if COMPILATION_CACHE.value:
        jax.config.update("jax_compilation_cache_dir", os.path.expanduser(COMPILATION_CACHE.value))
    if COORDINATOR.value:
        jax.distributed.initialize(COORDINATOR.value, PROCESSES.value, PROCESS.value)
    elif not SWEEP.value and int(os.environ.get("SLURM_NTASKS", "1")) > 1 and "SLURM_STEP_NODELIST" in os.environ:
        jax.distributed.initialize()  # as one task of several started by srun
    known: tuple[type[Exception], ...] = (ConfigError, DatasetError, SplitError, CheckpointError, PretrainedError)
    known += (SweepError, WorkdirError, NonFiniteLoss)
    try:
        console = Console(width=None if sys.stdout.isatty() else LOG_WIDTH)
        if SWEEP.value:
            return _sweep(console)
        return {"train": _train, "evaluate": _evaluate, "describe": _describe}[MODE.value](console)
    except known as error:
        return _refuse(str(error))


def _misused() -> str:
    """What is wrong with the flags together; '' for nothing."""
    mode = MODE.value
    if SWEEP.value:
        if mode not in ("train", "describe"):
            return f"--mode {mode} is for a run or its tables, expected train or describe with --sweep"
        if COORDINATOR.value:
            return "--coordinator is for the processes of one run, expected none with --sweep"
    elif given := [flag.name for flag in OF_SWEEPS if flag.present]:
        return f"--{given[0]} needs --sweep, for example --sweep configs/sweeps/rem_lambda.py"
    if EXECUTOR.value != "slurm" and (given := [flag.name for flag in OF_SLURM if flag.present]):
        return f"--{given[0]} needs --executor slurm, found --executor {EXECUTOR.value}"
    if mode == "table":
        return _misused_readers()
    if given := [flag.name for flag in OF_TABLES if flag.present]:
        return f"--{given[0]} needs --mode table, found --mode {mode}"
    if not SWEEP.value and mode != "evaluate" and CONFIG.value is None:
        return f"--mode {mode} needs --config, for example --config configs/rem.py:demo"
    if mode != "describe" and not WORKDIR.value:
        return f"--mode {mode} needs --workdir, the folder of the run"
    if not COORDINATOR.value and (PROCESSES.value > 1 or PROCESS.value > 0):
        return "--processes and --process need --coordinator, the host:port of the first process"
    return ""


def _misused_readers() -> str:
    if not READERS.present:
        return ""
    if not WORKDIR.value or not READERS.value:
        return "--readers needs the name of a CSV file, and --workdir, the folder of the run beside it"
    if given := [flag.name for flag in (TABLE, SEEDS_TOGETHER) if flag.present]:
        return f"--{given[0]} is for tables of many runs, expected none with --readers"
    return ""


def _refuse(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return 2


def _train(console: Console) -> int:
    import jax

    from busjax.training.config import validate, validate_devices
    from busjax.training.loop import train
    from busjax.training.run import open_run
    from busjax.training.unused import refuse_unused
    from busjax.training.workdir import Workdir, open_workdir

    config = CONFIG.value
    validate(config)
    if not Workdir(WORKDIR.value).begun():
        refuse_unused(config)
    validate_devices(config, jax.device_count(), jax.process_count())
    workdir = open_workdir(WORKDIR.value, config, "python " + shlex.join(sys.argv))
    run = open_run(config, workdir, training=True)
    try:
        finished = train(run, console)
    finally:
        run.checkpoints.close()
    return _evaluate(console) if finished else 75


def _evaluate(console: Console) -> int:
    import jax

    from busjax.training.config import validate
    from busjax.training.evaluate import evaluate
    from busjax.training.fold_rules import check_fold_devices
    from busjax.training.run import open_run
    from busjax.training.workdir import read_workdir

    workdir, config, facts = read_workdir(WORKDIR.value)
    validate(config)
    check_fold_devices(config, jax.device_count(), jax.process_count())
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
    from busjax.training.unused import refuse_unused

    validate(CONFIG.value)
    refuse_unused(CONFIG.value)
    describe(CONFIG.value, console)
    return 0


def _sweep(console: Console) -> int:
    from busjax.sweeps.command import Settings, describe_sweep, run_sweep
    from busjax.sweeps.plan import Base
    from busjax.sweeps.process import Launcher
    from busjax.sweeps.slurm import SlurmOptions

    base = Base()
    if CONFIG.value is not None:
        flag = flags.FLAGS["config"]
        reference = config_flags.get_config_filename(flag)
        overrides = config_flags.get_override_values(flag)
        # A config that was only taken to read the overrides by is the base of no run.
        given = _given(sys.argv, "config") is not None
        base = Base(CONFIG.value, reference, overrides) if given else Base(overrides=overrides)
    options = SlurmOptions(
        SLURM_PARTITION.value, SLURM_TIME.value, SLURM_MEMORY.value, SLURM_GPUS.value, SLURM_CPUS.value, JOBS.value
    )
    settings = Settings(
        sweep=SWEEP.value,
        base=base,
        workdir=Path(WORKDIR.value).expanduser().absolute() if WORKDIR.value else None,
        executor=EXECUTOR.value,
        jobs=JOBS.value,
        slurm=options,
        launcher=Launcher(Path(__file__).absolute(), COMPILATION_CACHE.value),
    )
    return describe_sweep(settings, console) if MODE.value == "describe" else run_sweep(settings, console)


def _table(console: Console) -> int:
    from busjax.evaluation.tables.command import make_tables, show_published
    from busjax.evaluation.tables.errors import TableError

    if not WORKDIR.value and not TABLE.value:
        return _refuse("--mode table needs --workdir, a folder of runs, or --table, the name of a published table")
    try:
        if WORKDIR.value:
            make_tables(WORKDIR.value, console, table=TABLE.value, seeds_together=SEEDS_TOGETHER.value)
        else:
            show_published(TABLE.value, console)
    except (TableError, OSError) as error:
        return _refuse(str(error))
    return 0


def _readers(console: Console) -> int:
    from busjax.evaluation.readers import ReadersError
    from busjax.evaluation.readers_page import make_study

    try:
        make_study(WORKDIR.value, READERS.value, console)
    except (ReadersError, OSError) as error:
        return _refuse(str(error))
    return 0


def _given(arguments: list[str], flag: str) -> str | None:
    """The value of a flag on a command line; None where it is not given."""
    arguments = flags.FLAGS.read_flags_from_files(arguments, force_gnu=False)
    for index, argument in enumerate(arguments):
        if found := re.fullmatch(rf"--?{flag}(?:=(.*))?", argument, re.DOTALL):
            return found[1] if found[1] is not None else "".join(arguments[index + 1 : index + 2])
    return None


def _with_config(arguments: list[str]) -> list[str]:
    """Fields that are given without --config, and with a sweep, are read by the config of its first run."""
    fields = [argument.partition("=")[0] for argument in arguments if re.match(r"--?(no)?config\.", argument)]
    if not fields or _given(arguments, "config") is not None:
        return arguments
    reference, why = "", "the config whose fields are changed"
    if sweep := _given(arguments, "sweep"):
        from busjax.sweeps.definition import first_config
        from busjax.sweeps.errors import SweepError

        try:
            reference = first_config(sweep, Path(__file__).absolute().parent)
        except SweepError as error:
            sys.exit(_refuse(str(error)))
        why = "since the first run of the sweep names none"
    if not reference:
        sys.exit(_refuse(f"{fields[0]} needs --config, {why}, for example --config configs/rem.py:demo"))
    return [arguments[0], f"--config={reference}", *arguments[1:]]


def parse(arguments: list[str]) -> list[str]:
    """Parses flags and config; what is wrong with them is told in one line."""
    app.define_help_flags()
    try:
        rest = flags.FLAGS(_with_config(arguments))
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
