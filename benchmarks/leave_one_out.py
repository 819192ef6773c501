"""All lesions left out in one run beside a run for each: whole trainings, in one process, as many steps in both.

    python -m benchmarks.leave_one_out                      8 of the paired phantom's lesions, the small network
    python -m benchmarks.leave_one_out --network googlenet --folds 4

Programs are compiled before, for both ways. What a run for each lesion costs beyond its steps (opening data, reading
and augmenting images, checkpoints) is counted; what its process costs (starting Python, imports) is not, so that a
sweep of separate processes is slower still.
"""

import argparse
import io
import statistics
import tempfile
import time
from pathlib import Path

import jax
from ml_collections import ConfigDict
from rich.console import Console

from busjax.training.config import validate
from busjax.training.loop import train
from busjax.training.run import open_run
from busjax.training.workdir import open_workdir
from configs.habib import get_config


def configured(network: str, folds: int, epochs: int, fold: int) -> ConfigDict:
    """The small experiment with fewer lesions and epochs."""
    config = get_config(f"separate,bce,{network},small")
    config.data.name = "phantom/paired"
    config.data.folds, config.data.fold = folds, fold
    config.train.epochs = config.train.patience = config.model.combined.single_epochs = epochs
    validate(config)
    return config


def seconds(config: ConfigDict) -> float:
    """Of one training, from opening its data to its last checkpoint."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        run = open_run(config, open_workdir(Path(folder) / "run", config, "a benchmark"), training=True)
        train(run, Console(file=io.StringIO()))
        run.checkpoints.close()
        return time.perf_counter() - started


def main() -> None:
    """Prints the median times and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", choices=("cnn", "googlenet"), default="cnn")
    parser.add_argument("--folds", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=3, help="of each stage")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    given = (options.network, options.folds, options.epochs)
    with tempfile.TemporaryDirectory() as cache:
        jax.config.update("jax_compilation_cache_dir", cache)
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
        seconds(configured(*given, -1))
        seconds(configured(*given, 0))
        together, apart = [], []
        for _ in range(options.repeats):
            together.append(seconds(configured(*given, -1)))
            apart.append(sum(seconds(configured(*given, fold)) for fold in range(options.folds)))
    one, each = statistics.median(together), statistics.median(apart)
    print(f"{options.network}, {options.folds} lesions, {options.epochs} epochs of each stage, on {jax.devices()}")
    print(f"one run: {one:.1f} s; a run for each: {each:.1f} s; ratio {each / one:.2f} (medians of {options.repeats})")


if __name__ == "__main__":
    main()
