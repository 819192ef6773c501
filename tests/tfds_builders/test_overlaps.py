import numpy as np
import pytest

from tfds_builders import BUILDERS
from tfds_builders.overlaps import refuse_overlap, same_pictures
from tfds_builders.reading import builder_class
from tfds_builders.record import DatasetError


@pytest.mark.parametrize(
    "names",
    [
        ["bus_bra", "busi"],
        ["busi", "curated_busi"],
        ["bus_benchmark/multitask", "busis", "curated_busi", "hmss/whole"],
        ["manifest/one", "manifest/other", "manifest"],
    ],
)
def test_what_may_be_used_together(names: list[str]) -> None:
    refuse_overlap(names)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["busi", "hmss", "bus_uc"], "^hmss and bus_uc hold some of the same pictures under other names"),
        (["bus_cot", "busi"], "^bus_cot and busi hold some of the same pictures"),
        (["bus_uc", "bus_benchmark"], "^bus_uc and bus_benchmark hold some"),
        (["hmss/whole", "hmss/cropped"], "^hmss/whole and hmss/cropped are one dataset in two forms"),
        (["bussi"], "unknown dataset 'bussi'; did you mean 'busi'"),
    ],
)
def test_what_may_not(names: list[str], message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        refuse_overlap(names)


def test_overlaps_name_datasets() -> None:
    for name in BUILDERS:
        builder = builder_class(name)
        assert {*builder.FACTS.overlaps, *builder.NAMED_AFTER} <= set(BUILDERS) - {name}


def test_pictures_are_told_by_name() -> None:
    for name, image in (
        ("busi", "busi/benign (20)"),
        ("curated_busi", "curated_busi/benign_id_20"),
        ("bus_benchmark/grouped", "bus_benchmark/busi/benign (20)"),
    ):
        assert same_pictures(name, np.array([image])) == {image: "busi/benign (20)"}
    alone = "bus_bra/bus_0001-l"
    assert same_pictures("bus_bra", np.array([alone])) == {alone: alone}
