"""Of a dataset with several modalities a run sees one."""

import dataclasses

import numpy as np
import pytest

from busjax.data.joined import JoinedDataset
from busjax.data.modality import of_modality
from busjax.data.splits import make_split
from tests.data.memory import memory_table
from tests.data.test_joined import Tabled
from tfds_builders.record import MODALITIES, DatasetError


def paired() -> Tabled:
    """Forty cases, benign and malignant in turn, each of one mammogram, two ultrasound images and one mammogram."""
    table = memory_table([[(1 + case % 2, 1)] * 4 for case in range(40)], dataset="p")
    table.modality = np.array(["mammography", "ultrasound", "ultrasound", "mammography"] * 40)
    return Tabled(table)


@pytest.mark.parametrize("modality", MODALITIES)
def test_rows_of_one_modality(modality: str) -> None:
    whole, views = paired(), {"ultrasound": (1, 2), "mammography": (0, 3)}
    chosen = of_modality(whole, modality)
    expected = [f"p/image{case:04d}-{view}" for case in range(40) for view in views[modality]]
    assert len(chosen) == len(expected) == 80
    assert chosen.table.image_id.tolist() == expected
    assert [chosen[row]["image_id"] for row in range(80)] == expected
    for field in dataclasses.fields(whole.table):
        assert len(getattr(chosen.table, field.name)) == 80, field.name
    for outside in (-1, 80):
        with pytest.raises(IndexError, match=f"row {outside} is outside 0"):
            chosen[outside]


def test_a_split_has_no_other_modality() -> None:
    other = Tabled(memory_table([[(2, 1)], [(1, 1)], [(0, 0)]], dataset="u"))
    joined = JoinedDataset([of_modality(one, "ultrasound") for one in (paired(), other)])
    assert joined.table.dataset.tolist() == ["p"] * 80 + ["u"] * 3
    split = make_split(joined.table, "holdout", seed=0, train=["p"], test=["p"])
    rows = np.concatenate(list(split.parts().values()))
    assert len(rows) == 80
    assert {joined[int(row)]["image_id"][-1] for row in rows} == {"1", "2"}


def test_dataset_of_one_modality_is_left_as_it_is() -> None:
    other = Tabled(memory_table([[(2, 1)], [(1, 1)]]))
    assert of_modality(other, "ultrasound") is other


def test_modality_that_is_not_there() -> None:
    with pytest.raises(DatasetError, match=r"p: has no pictures of data\.modality 'mammography', found ultrasound"):
        of_modality(Tabled(memory_table([[(2, 1)], [(1, 1)]], dataset="p")), "mammography")
