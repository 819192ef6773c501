"""Networks small enough for tests, and batches for them."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from busjax.models import make_network

SIZE = 107
BLOCKS = {"inception_resnet_v2": {"blocks": (1, 2, 1)}, "inception_v3": {"early_blocks": 1, "middle_blocks": ()}}


def tiny_network(backbone: str, *, axis_name: str | None, has_map_tower: bool = True, **fields: Any):
    return make_network(
        backbone,
        width=0.05,
        options=BLOCKS[backbone],
        axis_name=axis_name,
        has_map_tower=has_map_tower,
        unroll_blocks=False,
        **fields,
    )


def tiny_networks(axis_name: str | None, **fields: Any):
    return {
        "mt": tiny_network("inception_resnet_v2", axis_name=axis_name, **fields),
        "sn": tiny_network("inception_v3", axis_name=axis_name, **fields),
    }


def random_batch(count: int, seed: int = 0, size: int = SIZE) -> dict[str, jax.Array]:
    """Smooth random images; a normal, benign and malignant label each; known and unknown solidity; one padded row."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(-1, 1, (count, 8, 8, 3))
    image = jax.image.resize(jnp.asarray(coarse, jnp.float32), (count, size, size, 3), "bilinear")
    weight = np.ones(count, np.float32)
    weight[-1] = 0
    return {
        "image": image,
        "label": jnp.asarray(np.arange(count) % 3, jnp.int32),
        "solid": jnp.asarray(np.arange(count) % 3 - 1, jnp.int32),
        "weight": jnp.asarray(weight),
        "index": jnp.asarray(rng.permutation(1000)[:count], jnp.int32),
    }


@pytest.fixture(scope="session")
def batch() -> dict[str, jax.Array]:
    return random_batch(8)
