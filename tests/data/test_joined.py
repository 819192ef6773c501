import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from busjax.data.joined import JoinedDataset
from tests.data.memory import MemoryDataset, MemoryTable, memory_table


class Tabled(MemoryDataset):
    """Records that are their names alone, with a table."""

    def __init__(self, table: MemoryTable):
        super().__init__([{"image_id": name, "case_id": "own"} for name in table.image_id.tolist()])
        self.table = table


def two() -> list[Tabled]:
    first = memory_table([[(2, 1), (2, 1)], [(1, 0)], [(0, 0)]], dataset="a")
    return [Tabled(first), Tabled(memory_table([[(1, 1)], [(2, 1), (1, -1)]], dataset="b"))]


def test_rows_follow_each_other() -> None:
    joined = JoinedDataset(two())
    assert len(joined) == 7
    assert joined.table.dataset.tolist() == ["a"] * 4 + ["b"] * 3
    assert joined.table.label.tolist() == [2, 2, 1, 0, 1, 2, 1]
    for row in range(7):
        record = joined[row]
        assert record["image_id"] == joined.table.image_id[row]
        assert record["case_id"] == joined.table.case_id[row]
    assert joined[4]["image_id"] == "b/image0000-0"
    for outside in (-1, 7):
        with pytest.raises(IndexError, match=f"row {outside} is outside 0 .. 6"):
            joined[outside]


def test_groups_join_whole_cases_across_datasets() -> None:
    groups = {"a/image0000-1": "x", "b/image0001-0": "x", "a/image0002-0": "y", "elsewhere": "x"}
    cases = JoinedDataset(two(), [groups]).table.case_id.tolist()
    assert cases == [*["a/case0000"] * 2, "a/case0001", "a/case0002", "b/case0000", *["a/case0000"] * 2]
    assert JoinedDataset(two(), [{}]).table.case_id.tolist() == JoinedDataset(two()).table.case_id.tolist()


def test_groups_of_other_datasets_change_nothing() -> None:
    plain = JoinedDataset(two()).table.case_id.tolist()
    assert JoinedDataset(two(), [{"c/image": "x"}]).table.case_id.tolist() == plain


@given(st.lists(st.integers(0, 9), min_size=1, max_size=25), st.data())
def test_cases_are_joined_as_by_repeated_renaming(cases: list[int], data: st.DataObject) -> None:
    """Against the naive way: give two cases of one group the smaller name until nothing changes."""
    images = [f"i{row}" for row in range(len(cases))]
    chosen = data.draw(st.dictionaries(st.sampled_from(images), st.sampled_from("uvwx"), min_size=1))
    table = memory_table([[(1, 1)]] * len(cases))
    table.image_id, table.case_id = np.array(images), np.array([f"c{case}" for case in cases])
    expected = table.case_id.tolist()
    changed = True
    while changed:
        changed = False
        for one in range(len(cases)):
            for other in range(len(cases)):
                shares_group = images[one] in chosen and chosen.get(images[other]) == chosen[images[one]]
                if (shares_group or cases[one] == cases[other]) and expected[other] < expected[one]:
                    expected[one], changed = expected[other], True
    assert JoinedDataset([Tabled(table)], [chosen]).table.case_id.tolist() == expected
