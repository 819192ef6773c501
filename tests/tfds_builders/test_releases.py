"""Every dataset, from a release with the oddities of the real one: what is read is what was written, case by case."""

import importlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from busjax.data.splits import BY_IMAGE, PROTOCOLS, SplitError, make_split
from busjax.names import LEAVE_ONE_OUT
from tests.tfds_builders.expected import Expected
from tfds_builders import BUILDERS
from tfds_builders.reading import BUSDataset, make_builder, prepare
from tfds_builders.record import MALIGNANT, DatasetError

# The phantom is made, not released.
RELEASED = sorted(set(BUILDERS) - {"phantom"})
SEEDS = range(6)

Built = tuple[BUSDataset, list[Expected]]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Built]:
    """Builds a dataset from its fixture, once."""
    kept: dict[str, Built] = {}

    def build(name: str) -> Built:
        if name not in kept:
            folder = tmp_path_factory.mktemp(name)
            write_release = importlib.import_module(f"tests.tfds_builders.releases.{name}").write_release
            expected = write_release(folder / "release")
            kept[name] = (prepare(name, folder / "data", folder / "release"), expected)
        return kept[name]

    return build


@pytest.mark.parametrize("name", RELEASED)
def test_what_is_read_is_what_was_released(name: str, built: Callable[[str], Built]) -> None:
    dataset, expected = built(name)
    table = dataset.table
    assert table.image_id.tolist() == [f"{name}/{e.image_id}" for e in expected]
    assert table.case_id.tolist() == [f"{name}/{e.case_id}" for e in expected]
    for field in ("label", "solid", "birads", "histology", "device", "fold", "modality", "view"):
        assert getattr(table, field).tolist() == [getattr(e, field) for e in expected], field
    assert table.has_mask.tolist() == [e.mask is not None for e in expected]
    sizes = [(0, 0) if e.mask is None else e.mask_size or e.mask.shape for e in expected]
    assert list(zip(table.mask_height.tolist(), table.mask_width.tolist(), strict=True)) == sizes
    for index, record in enumerate(expected):
        example = dataset[index]
        np.testing.assert_array_equal(example["image"], record.image, err_msg=record.image_id)
        mask = record.mask if record.mask is not None else np.zeros(record.image.shape[:2], dtype=bool)
        np.testing.assert_array_equal(example["mask"][..., 0], np.where(mask, 255, 0), err_msg=record.image_id)


@pytest.mark.parametrize("name", RELEASED)
def test_a_case_is_never_in_two_parts(name: str, built: Callable[[str], Built]) -> None:
    table = built(name)[0].table
    made = 0
    for protocol in sorted(set(PROTOCOLS) - {*BY_IMAGE, LEAVE_ONE_OUT}):
        folds = {"official": sorted(set(table.fold.tolist()) - {-1}), "kfold": range(3)}.get(protocol, (0,))
        for fold in folds:
            for seed in SEEDS:
                split = make_split(table, protocol, seed=seed, fold=fold, folds=3)
                parts = [set(table.case_id[rows].tolist()) for rows in split.parts().values()]
                assert sum(map(len, parts)) == len(set.union(*parts)) == len(set(table.case_id.tolist()))
                assert sum(len(rows) for rows in split.parts().values()) == len(table)
                made += 1
    assert made >= 4 * len(SEEDS)


@pytest.mark.parametrize("name", RELEASED)
def test_a_case_that_is_left_out_is_in_no_other_part(name: str, built: Callable[[str], Built]) -> None:
    """Four cases in turn, where there are more than two of either class; else it is refused."""
    table = built(name)[0].table
    malignant = set(table.case_id[table.label == MALIGNANT].tolist())
    others = set(table.case_id[table.label >= 0].tolist()) - malignant
    if min(len(malignant), len(others)) <= 2:
        with pytest.raises(SplitError, match="expected more than 2: half of"):
            make_split(table, LEAVE_ONE_OUT, seed=0, fold=0, folds=4)
        return
    tested = []
    for fold in range(4):
        split = make_split(table, LEAVE_ONE_OUT, seed=0, fold=fold, folds=4)
        parts = {part: set(table.case_id[rows].tolist()) for part, rows in split.parts().items()}
        assert sum(map(len, parts.values())) == len(set.union(*parts.values())) == len(set(table.case_id.tolist()))
        assert len(parts["test"]) == 1
        assert len(parts["train"]) == 3
        tested += parts["test"]
    assert len(set(tested) & malignant) == len(set(tested) & others) == 2


@pytest.mark.parametrize("name", RELEASED)
def test_nothing_is_built_without_the_release(name: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    builder = make_builder(name, tmp_path / "data")
    with pytest.raises(DatasetError) as caught:
        prepare(name, tmp_path / "data", tmp_path / "empty", download=False)
    message = str(caught.value)
    assert f"{tmp_path / 'empty'} has no {builder.parts()[0].name}" in message
    assert builder.STEPS in message
    assert builder.HOMEPAGE in message
    with pytest.raises(DatasetError, match="does not exist"):
        prepare(name, tmp_path / "data", tmp_path / "nowhere")


@pytest.mark.parametrize("name", RELEASED)
def test_facts_agree_with_each_other(name: str, tmp_path: Path) -> None:
    builder = make_builder(name, tmp_path)
    assert builder.LICENSE
    assert builder.info.description
    assert builder.info.citation or name in ("manifest", "paired_lesions")
    assert sum(builder.FACTS.classes.values()) == (builder.FACTS.images if builder.FACTS.classes else 0)
    for part in builder.parts():
        assert bool(part.url) == bool(part.checksum)
