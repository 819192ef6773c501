"""The shared cross-training step beside the literal Algorithm 1: XLA's operation counts and times.

    python -m benchmarks.cross_training_step           counts, and times of the reduced networks
    python -m benchmarks.cross_training_step --full    two shared steps at full size: minutes on a CPU, 16 GB of memory

Operations are counted at full size (299 pixels, batch 10), before optimisation, with the coin forced either way; the
coin is fair, so the means over both ways are compared. Times are medians of several steps of the reduced networks
(`small`), both kinds of step in turn.
"""

import functools
import statistics
import sys
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from busjax.methods import make_method
from busjax.training import parallel
from busjax.training.describe import GIGA, abstract_batch
from busjax.training.optimizers import make_optimizer
from configs import rem
from tests.methods import naive_cross_training

REPEATS = 5
WAYS = (False, True)


def steps(variant: str, unroll_blocks: bool | None = None) -> tuple[dict[str, dict[bool, Any]], Any, Any]:
    """Compilable steps by kind and by coin, shapes of the state, and the config."""
    config = rem.get_config(variant).unlock()
    mesh = parallel.make_mesh(jax.devices()[:1])
    method = make_method(config, make_optimizer(config.optimizer, 1), unroll_blocks=unroll_blocks)
    config.model.sync_batch_norm = False  # no mapped axis: the literal step runs on one device
    plain = make_method(config, make_optimizer(config.optimizer, 1), unroll_blocks=unroll_blocks).networks
    kinds: dict[str, dict[bool, Any]] = {"naive": {}, "shared": {}}
    for way in WAYS:
        kinds["shared"][way] = parallel.map_train_step(functools.partial(method.train_step, with_map=way), mesh)
        kinds["naive"][way] = jax.jit(
            lambda state, batch, way=way: naive_cross_training.step(plain, state, batch, way, train=True),
            donate_argnums=0,
        )
    state = functools.partial(parallel.initialise, method.init, jax.random.PRNGKey(0), config.data.image_size, mesh)
    return kinds, state, config


def count() -> None:
    """Prints operations at full size."""
    # Unrolled, for XLA counts the operations of a loop once, however often it turns.
    kinds, state, config = steps("full", unroll_blocks=True)
    shapes = jax.eval_shape(state)
    batch = abstract_batch(config.train.batch_size, config.data.image_size)
    means = {}
    for kind, ways in kinds.items():
        flops = {way: step.lower(shapes, batch).cost_analysis()["flops"] for way, step in ways.items()}
        means[kind] = statistics.mean(flops.values())
        print(f"{kind}: {flops[False] / GIGA:.0f} GFLOP without map, {flops[True] / GIGA:.0f} with, mean ", end="")
        print(
            f"{means[kind] / GIGA:.0f}, at {config.data.image_size} pixels, batch {config.train.batch_size}", flush=True
        )
    print(f"ratio: {means['shared'] / means['naive']:.2f}", flush=True)


def random_batch(count: int, size: int) -> dict[str, jax.Array]:
    """Noise with random answers."""
    rng = np.random.default_rng(0)
    return {
        "image": jnp.asarray(rng.uniform(-1, 1, (count, size, size, 3)), jnp.float32),
        "label": jnp.asarray(rng.integers(0, 3, count), jnp.int32),
        "solid": jnp.asarray(rng.integers(-1, 2, count), jnp.int32),
        "index": jnp.arange(count, dtype=jnp.int32),
        "weight": jnp.ones(count),
    }


def measure() -> None:
    """Prints times of the reduced networks."""
    kinds, state, config = steps("small")
    size, count = config.data.image_size, config.train.batch_size
    batch = random_batch(count, size)
    times: dict[tuple[str, bool], list[float]] = {(kind, way): [] for kind in kinds for way in WAYS}
    for repeat in range(REPEATS + 1):
        for kind, way in times:
            fresh = state()
            jax.block_until_ready(fresh)
            started = time.perf_counter()
            jax.block_until_ready(kinds[kind][way](fresh, batch))
            if repeat:  # the first one compiles
                times[kind, way].append(time.perf_counter() - started)
    medians = {key: statistics.median(values) for key, values in times.items()}
    for kind in kinds:
        print(
            f"{kind}: {medians[kind, False]:.2f} s without map, {medians[kind, True]:.2f} s with, median of {REPEATS}"
        )
    shared, naive = (statistics.mean(medians[kind, way] for way in WAYS) for kind in ("shared", "naive"))
    print(f"time ratio: {shared / naive:.2f} ({size} pixels, batch {count}, {jax.devices()[0].device_kind})")


def run_full() -> None:
    """Takes two steps of the full networks, as the coin falls, and prints their losses and times."""
    config = rem.get_config("full")
    method = make_method(config, make_optimizer(config.optimizer, 1))
    mesh = parallel.make_mesh(jax.devices()[:1])
    step = parallel.map_train_step(method.train_step, mesh)
    state = parallel.initialise(method.init, jax.random.PRNGKey(0), config.data.image_size, mesh)
    batch = random_batch(config.train.batch_size, config.data.image_size)
    for name in ("compiling and the first step", "the second step"):
        started = time.perf_counter()
        state, metrics = jax.block_until_ready(step(state, batch))
        values = {key: round(float(value), 4) for key, value in metrics.compute().items() if "loss" in key}
        print(f"{name}: {time.perf_counter() - started:.0f} s, {values}", flush=True)


if __name__ == "__main__":
    if "--full" in sys.argv[1:]:
        run_full()
    else:
        count()
        measure()
