"""Images per second of training MobileNet, beside PyTorch on the same images in the same run.

    python -m benchmarks.mobilenet_step

Both train MobileNet 0.75 at 160 pixels on batches of 16 with Adam, two classes, batch normalisation in training mode,
float32. Passes alternate; medians are printed, and the ratio. Needs PyTorch (pip install torch==2.13.0).
"""

import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from benchmarks.cross_training_step import random_batch
from busjax.methods import make_method
from busjax.models.mobilenet import EARLY_PAIRS, LATE_PAIRS, MIDDLE_PAIRS
from busjax.training import parallel
from busjax.training.optimizers import make_optimizer
from configs import transfer

PASSES = 7
STEPS = 5
"""In a timed pass."""


def ours() -> Callable[[], None]:
    """A function that trains for `STEPS` batches."""
    config = transfer.get_config("scratch")
    method = make_method(config, make_optimizer(config.optimizer, 1000))
    mesh = parallel.make_mesh(jax.devices()[:1])
    step = parallel.map_train_step(method.train_step, mesh)
    state = parallel.initialise(method.init, jax.random.PRNGKey(0), config.data.image_size, mesh)
    batch = random_batch(config.train.batch_size, config.data.image_size)

    def run() -> None:
        nonlocal state
        for _ in range(STEPS):
            state, _ = step(state, batch)
        jax.block_until_ready(state)

    return run


def peer() -> Callable[[], None]:
    """The same by PyTorch."""
    import torch

    config = transfer.get_config("scratch")
    torch.set_num_threads(os.cpu_count() or 1)
    layers: list[Any] = []

    def add(inputs: int, outputs: int, kernel: int, stride: int, groups: int = 1) -> None:
        convolution = torch.nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
        layers.extend([convolution, torch.nn.BatchNorm2d(outputs, eps=1e-3), torch.nn.ReLU6(inplace=True)])

    def width(published: int) -> int:
        return int(published * config.model.net.width)

    add(3, width(32), 3, 2)
    inputs = width(32)
    for features, stride in (*EARLY_PAIRS, *[(EARLY_PAIRS[-1][0], 1)] * MIDDLE_PAIRS, *LATE_PAIRS):
        add(inputs, inputs, 3, stride, groups=inputs)
        add(inputs, width(features), 1, 1)
        inputs = width(features)
    pooling = [torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Dropout(0.2)]
    network = torch.nn.Sequential(*layers, *pooling, torch.nn.Linear(inputs, 2))
    optimizer = torch.optim.Adam(network.parameters(), lr=config.optimizer.learning_rate)
    batch = random_batch(config.train.batch_size, config.data.image_size)
    image = torch.from_numpy(np.ascontiguousarray(np.asarray(batch["image"]).transpose(0, 3, 1, 2)))
    target = torch.from_numpy((np.asarray(batch["label"]) == 2).astype(np.int64))

    def run() -> None:
        for _ in range(STEPS):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(network(image), target).backward()
            optimizer.step()

    return run


def main() -> None:
    """Alternates passes and prints medians and their ratio."""
    config = transfer.get_config("scratch")
    kinds = {"busjax": ours(), "PyTorch": peer()}
    rates: dict[str, list[float]] = {kind: [] for kind in kinds}
    for repeat in range(PASSES + 1):
        for kind, run in kinds.items():
            started = time.perf_counter()
            run()
            if repeat:  # the first one compiles
                rates[kind].append(STEPS * config.train.batch_size / (time.perf_counter() - started))
    medians = {kind: statistics.median(values) for kind, values in rates.items()}
    for kind, values in rates.items():
        spread = f"{min(values):.0f} to {max(values):.0f}"
        print(f"{kind}: {medians[kind]:.0f} images per second, median of {PASSES} passes ({spread})")
    print(
        f"ratio: {medians['busjax'] / medians['PyTorch']:.2f} (load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores)"
    )


if __name__ == "__main__":
    main()
