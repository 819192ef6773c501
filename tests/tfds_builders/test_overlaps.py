import pytest

from tfds_builders.overlaps import overlapping, refuse_overlap
from tfds_builders.record import DatasetError


def test_datasets_that_hold_the_same_pictures() -> None:
    assert overlapping(["bus_bra", "busi"]) == []
    assert overlapping(["curated_busi", "bus_bra", "busi"]) == [("curated_busi", "busi")]
    assert overlapping(["hmss/whole", "hmss/cropped"]) == [("hmss/whole", "hmss/cropped")]
    assert overlapping(["manifest/one", "manifest/other"]) == []
    assert overlapping(["bus_benchmark/multitask", "busis"]) == [("bus_benchmark/multitask", "busis")]


def test_they_need_a_file_of_groups() -> None:
    refuse_overlap(["busi", "curated_busi"], "groups.csv")
    refuse_overlap(["busi", "bus_bra"], "")
    with pytest.raises(DatasetError, match=r"^busi and curated_busi hold some of the same pictures, .*check busi cur"):
        refuse_overlap(["busi", "curated_busi"], "")
    with pytest.raises(DatasetError, match="unknown dataset 'bussi'; nearest is 'busi'"):
        refuse_overlap(["bussi"], "")
