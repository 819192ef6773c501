"""What each task asks of a batch."""

import jax.numpy as jnp
import pytest

from busjax.data.splits import TASKS as SPLIT_TASKS
from busjax.methods.tasks import TASKS

BATCH = {"label": jnp.asarray([0, 1, 2, -1, 1], jnp.int32), "solid": jnp.asarray([0, 1, 1, -1, -1], jnp.int32)}


@pytest.mark.parametrize(
    ("name", "classes", "target"),
    [
        ("malignant", ("not_malignant", "malignant"), [0, 0, 1, -1, 0]),
        ("solid", ("no_solid_nodule", "solid_nodule"), [0, 1, 1, -1, -1]),
        ("tumour", ("normal", "benign", "malignant"), [0, 1, 2, -1, 1]),
    ],
)
def test_answers(name, classes, target):
    task = TASKS[name]
    assert (task.name, task.classes) == (name, classes)
    assert task.target(BATCH).tolist() == target


def test_splits_know_every_task():
    assert set(SPLIT_TASKS) == set(TASKS)
