"""Which checkpoints stay, and what does not fit."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from busjax.methods.state import NetworkState, TrainState
from busjax.training.checkpoints import CheckpointError, Checkpoints


def state(value: float = 0.0, width: int = 3) -> TrainState:
    kernel = {"layer": {"kernel": jnp.full((2, width), value)}}
    return TrainState(jnp.asarray(7, jnp.int32), jax.random.PRNGKey(3), {"mt": NetworkState(kernel, {}, ())})


def abstract(like: TrainState) -> TrainState:
    placed = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    return jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype, sharding=placed), like)


@pytest.fixture
def checkpoints(tmp_path):
    opened = Checkpoints(tmp_path / "checkpoints", ("mt", "sn"))
    yield opened
    opened.close()


def test_latest_and_each_best_are_kept(checkpoints):
    metrics = [(0.5, 0.9), (0.8, 0.2), (0.8, 0.1), (0.3, None)]
    for step, (mt, sn) in enumerate(metrics, start=1):
        checkpoints.save(step, state(float(step)), {"step": step}, {"mt": mt, "sn": sn})
    checkpoints.save(9, state(9.0), {"step": 9}, None)
    assert checkpoints.latest() == 9
    assert checkpoints.best("mt") == (3, 0.8)
    assert checkpoints.best("sn") == (1, 0.9)
    kept = sorted(int(p.name) for p in checkpoints.folder.iterdir() if p.name.isdigit())
    assert kept == [1, 3, 9]
    restored = checkpoints.restore(3, abstract(state()))
    assert float(restored.networks["mt"].params["layer"]["kernel"][0, 0]) == 3
    assert checkpoints.facts(9) == {"step": 9}


def test_the_smallest_is_best_where_the_mode_says_so(tmp_path):
    opened = Checkpoints(tmp_path / "c", ("mt",), mode="min")
    for step, value in enumerate((0.5, 0.2, 0.4), start=1):
        opened.save(step, state(), {}, {"mt": value})
    assert opened.best("mt") == (2, 0.2)
    opened.close()


def test_a_reopened_folder_is_the_same_to_the_bit(checkpoints, tmp_path):
    value = state(np.float32(1 / 3))
    checkpoints.save(1, value, {"history": [{"epoch": 1, "val/mt_auc": None}]}, {"mt": 0.1, "sn": 0.2})
    again = Checkpoints(tmp_path / "checkpoints", ("mt", "sn"))
    restored = again.restore(1, abstract(value))
    assert jax.tree.structure(restored) == jax.tree.structure(value)
    assert all((a == b).all() for a, b in zip(jax.tree.leaves(restored), jax.tree.leaves(value), strict=True))
    assert again.facts(1)["history"] == [{"epoch": 1, "val/mt_auc": None}]
    assert again.best("sn") == (1, 0.2)
    again.close()


def test_a_checkpoint_of_another_model_is_refused(checkpoints):
    checkpoints.save(1, state(width=3), {}, {"mt": 0.1, "sn": 0.1})
    with pytest.raises(CheckpointError) as error:
        checkpoints.restore(1, abstract(state(width=4)))
    message = str(error.value)
    assert "checkpoints/1: made by a differently shaped model: 1 arrays differ" in message
    assert "networks.mt.params.layer.kernel: found float32[2, 3], expected float32[2, 4]" in message


def test_another_type_is_refused_not_cast(checkpoints):
    checkpoints.save(1, state(), {}, {"mt": 0.1, "sn": 0.1})
    wanted = jax.tree.map(lambda a: a.astype(jnp.bfloat16) if a.dtype == jnp.float32 else a, state())
    with pytest.raises(CheckpointError, match=r"found float32\[2, 3\], expected bfloat16\[2, 3\]"):
        checkpoints.restore(1, abstract(wanted))


def test_no_checkpoint_yet(checkpoints):
    assert checkpoints.latest() is None
    with pytest.raises(CheckpointError, match="no checkpoint of an epoch that 'mt' could be chosen at"):
        checkpoints.best("mt")
