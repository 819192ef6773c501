"""Fixtures of the data tests."""

import socket

import numpy as np
import pytest

from .memory import MemoryTable, memory_table


@pytest.fixture
def table() -> MemoryTable:
    """120 cases of one to three images in four strata."""
    rng = np.random.default_rng(0)
    kinds = [(2, 1), (1, 1), (1, 0), (1, -1), (0, 0)]
    picks = rng.choice(5, size=120, p=[0.3, 0.3, 0.15, 0.1, 0.15])
    return memory_table([[kinds[k]] * int(rng.integers(1, 4)) for k in picks], folds=[i % 5 for i in range(120)])


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return int(probe.getsockname()[1])
