"""The questions that are asked of an image, and where their answers stand in a batch."""

import dataclasses
from collections.abc import Callable, Mapping

import jax.numpy as jnp
from jaxtyping import Array, Int

from busjax.methods.batch import Batch
from tfds_builders.record import LABELS, MALIGNANT


@dataclasses.dataclass(frozen=True)
class Task:
    """A question with two answers or more.

    Attributes:
      name: what configs call it.
      classes: names of the answers; of two, the second is the positive one.
      target: from a batch to the answers: a position in `classes`, or -1 where the answer is not known.
    """

    name: str
    classes: tuple[str, ...]
    target: Callable[[Mapping[str, Array]], Int[Array, " batch"]]


def _malignant(batch: Batch) -> Int[Array, " batch"]:
    label = batch["label"]
    return jnp.where(label < 0, -1, (label == MALIGNANT).astype(jnp.int32))


def _solid(batch: Batch) -> Int[Array, " batch"]:
    return batch["solid"]


def _label(batch: Batch) -> Int[Array, " batch"]:
    return batch["label"]


# Qi et al. 2019, section 4.1: the Mt-Set and the Sn-Set; the three classes of Dizaj and Valizadeh 2021, Table 2.
TASKS = {
    "malignant": Task("malignant", ("not_malignant", "malignant"), _malignant),
    "solid": Task("solid", ("no_solid_nodule", "solid_nodule"), _solid),
    "tumour": Task("tumour", tuple(LABELS), _label),
}
