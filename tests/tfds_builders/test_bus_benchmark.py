import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from busjax.data.splits import SplitError, make_split
from tests.tfds_builders.releases import bus_benchmark
from tfds_builders.bus_benchmark.bus_benchmark import MULTITASK, SOURCES, BusBenchmark
from tfds_builders.bus_benchmark.folds import Listed, read_folds
from tfds_builders.bus_benchmark.padding import pad_to_square
from tfds_builders.busi.busi import Busi, near_duplicates
from tfds_builders.reading import make_builder, prepare
from tfds_builders.record import DatasetError

IMAGE_IS_CASE = ("busi/", "busis/", "dataset_b/")


@pytest.mark.parametrize(
    ("values", "right", "as_published"),
    [
        ([[1, 2, 3, 4]] * 2, [[0] * 4, [1, 2, 3, 4], [1, 2, 3, 4], [0] * 4], None),
        ([[1, 2, 3, 4, 5]] * 2, [[0] * 5, [1, 2, 3, 4, 5], [1, 2, 3, 4, 5], [0] * 5, [0] * 5], None),
        ([[1]] * 4, [[0, 1, 0, 0]] * 4, None),
        ([[1, 2]] * 2, [[1, 2]] * 2, None),
        ([[1, 2]] * 3, [[1, 2, 0]] * 3, [[0, 0, 0]] * 3),  # one narrower than high: comes out black
        ([[1, 2, 3]] * 2, [[1, 2, 3], [1, 2, 3], [0, 0, 0]], [[1, 2, 3]] * 2),  # one wider: left as it is
    ],
)
def test_padding(values: list[list[int]], right: list[list[int]], as_published: list[list[int]] | None) -> None:
    grey = np.array(values, dtype=np.uint8)
    colour = np.stack([grey, grey + 100, grey + 200], axis=-1)
    np.testing.assert_array_equal(pad_to_square(grey), right)
    np.testing.assert_array_equal(pad_to_square(grey, as_published=True), as_published or right)
    padded = pad_to_square(colour)
    np.testing.assert_array_equal(padded[..., 0], right)
    np.testing.assert_array_equal(padded[..., 2], np.where(np.array(right) > 0, np.array(right) + 200, 0))


def test_released_cases(tmp_path: Path) -> None:
    expected = bus_benchmark.write_release(tmp_path / "release")
    table = prepare("bus_benchmark/released_cases", tmp_path / "data", tmp_path / "release").table
    assert table.case_id.tolist() == [
        f"bus_benchmark/{e.image_id if e.image_id.startswith(IMAGE_IS_CASE) else e.case_id}" for e in expected
    ]
    assert table.fold.tolist() == [e.fold for e in expected]
    assert set(table.case_id[table.fold == -1]) == {f"bus_benchmark/{case}" for case in bus_benchmark.LOST}
    case = dict(zip(table.image_id.tolist(), table.case_id.tolist(), strict=True))
    assert case["bus_benchmark/busi/benign (318)"] == "bus_benchmark/busi/benign (318)"
    mixed = table.case_id == "bus_benchmark/hmss/33278-Afbeelding1"
    assert table.label[mixed].tolist() == [1, 2, 2]  # not the one label that the folds give them


def test_as_published(tmp_path: Path) -> None:
    expected = bus_benchmark.write_release(tmp_path / "release")
    (tmp_path / "release" / "folds").rename(tmp_path / "folds")
    dataset = prepare("bus_benchmark/as_published", tmp_path / "data", tmp_path / "release")
    assert set(dataset.table.fold) == {-1}
    images = {e.image_id: dataset[index]["image"] for index, e in enumerate(expected)}
    black = {"hmss/2880": 20, "thammasat/Case-2-U-1-1": 16}
    for name, side in black.items():
        np.testing.assert_array_equal(images[name], np.zeros((side, side, 3)))
    unpadded = {"hmss/3006": (19, 20, 3), "thammasat/Case-274-U1": (16, 17, 3)}
    for name, shape in unpadded.items():
        assert images[name].shape == shape
    for record in expected:
        if record.image_id in unpadded:  # the right form has one row of zeros more
            np.testing.assert_array_equal(images[record.image_id], record.image[:-1])
        elif record.image_id not in black and record.image_id.startswith(("hmss/", "thammasat/")):
            np.testing.assert_array_equal(images[record.image_id], record.image)


@pytest.mark.parametrize("config", ["multitask", "multitask_released_cases"])
def test_multitask_needs_two_sets_only(tmp_path: Path, config: str) -> None:
    expected = [
        e for e in bus_benchmark.write_release(tmp_path / "release") if e.image_id.startswith(("busi/", "busis/"))
    ]
    for folder in ("HMSS", "Thammasat", "BUS"):
        (tmp_path / "release" / folder).rename(tmp_path / folder)
    dataset = prepare(f"bus_benchmark/{config}", tmp_path / "data", tmp_path / "release")
    released = config.endswith("released_cases")
    assert dataset.table.image_id.tolist() == [f"bus_benchmark/{e.image_id}" for e in expected]
    assert dataset.table.case_id.tolist() == [
        f"bus_benchmark/{e.image_id if released else e.case_id}" for e in expected
    ]
    assert set(dataset.table.fold) == {-1}  # the released folds are of the five sets
    for index, record in enumerate(expected):
        np.testing.assert_array_equal(dataset[index]["image"], record.image)
        np.testing.assert_array_equal(dataset[index]["mask"][..., 0] > 0, record.mask)


def test_folds_that_split_near_duplicates_are_refused_when_they_are_grouped(tmp_path: Path) -> None:
    bus_benchmark.write_release(tmp_path / "release")
    tables = [tmp_path / "release" / "folds" / f"folder{number}" / "test.csv" for number in range(1, 6)]
    twin = "benign (318)"
    [source] = [table for table in tables if twin in table.read_text()]
    target = tables[(tables.index(source) + 1) % 5]
    [line] = [line for line in source.read_text().splitlines() if twin in line]
    source.write_text(source.read_text().replace(f"{line}\n", ""))
    target.write_text(f"{target.read_text()}{line}\n")
    table = prepare("bus_benchmark", tmp_path / "data", tmp_path / "release").table
    with pytest.raises(SplitError, match=r"case 'bus_benchmark/busi/benign \(1\)' has images inside and outside"):
        make_split(table, "official", seed=0, fold=tables.index(target))
    released = dataclasses.replace(
        table, case_id=np.where(table.image_id == f"bus_benchmark/busi/{twin}", "x", table.case_id)
    )
    make_split(released, "official", seed=0, fold=tables.index(target))


IMAGES = [
    Listed(name, f"hmss/{name}", f"hmss/{case}", label)
    for name, case, label in (
        ("1", "1", "benign"),
        ("2", "1", "malignant"),
        ("3", "3", "malignant"),
        ("4", "4", "benign"),
        ("5", "5", "malignant"),
        ("6", "56828-Afbeelding1", "malignant"),
    )
]
TESTED = (("1,0", "2,0"), ("3,1",), (), ("4,0",), ("5,1",))


def write_test_tables(folder: Path, tested: tuple[tuple[str, ...], ...]) -> None:
    for number, lines in enumerate(tested, start=1):
        path = folder / f"folder{number}" / "test.csv"
        path.parent.mkdir(parents=True)
        path.write_text("\n".join([",img name,tumor types", *(f"{row},{line}" for row, line in enumerate(lines)), ""]))


def test_folds(tmp_path: Path) -> None:
    write_test_tables(tmp_path, TESTED)
    # Image 2 is malignant, but the folds give it the label of the case's first image; image 6 was lost.
    assert read_folds(tmp_path, IMAGES) == {"hmss/1": 0, "hmss/2": 0, "hmss/3": 1, "hmss/4": 3, "hmss/5": 4}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda t: (*t[:2], ("7,0",), *t[3:]),
            r"folder3.test\.csv, line 2: img name '7', expected an image of the five",
        ),
        (lambda t: (*t[:2], ("1,0",), *t[3:]), r"folder3.test\.csv, line 2: img name '1' stands already in .*folder1"),
        (lambda t: (*t[:4], ("5,1", "5,1")), r"folder5.test\.csv, line 3: img name '5' stands already in .*line 2"),
        (lambda t: (*t[:4], ()), r"img name '5' is in no test\.csv, expected in one"),
        (lambda t: (*t[:4], ("5,0",)), r"line 2: tumor types '0' \(benign\) for '5', expected malignant as in its set"),
        (lambda t: (*t[:4], ("5,2",)), r"line 2: tumor types '2', expected one of '0', '1'"),
        (lambda t: t[:4], r"folder5.test\.csv: cannot be read"),
    ],
)
def test_fold_faults(
    tmp_path: Path, change: Callable[[tuple[tuple[str, ...], ...]], tuple[tuple[str, ...], ...]], message: str
) -> None:
    write_test_tables(tmp_path, change(TESTED))
    with pytest.raises(DatasetError, match=message):
        read_folds(tmp_path, IMAGES)


def test_names_must_differ_between_sets(tmp_path: Path) -> None:
    images = [*IMAGES, Listed("1", "busi/1", "busi/1", "benign")]
    with pytest.raises(DatasetError, match=r"busi/1 and hmss/1: both are '1' in the folds, expected names that differ"):
        read_folds(tmp_path, images)


def test_a_fault_names_its_file(tmp_path: Path) -> None:
    bus_benchmark.write_release(tmp_path / "release")
    path = tmp_path / "release" / "HMSS" / "imgs" / "3006.jpg"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DatasetError, match=r"HMSS/imgs/3006\.jpg: not a whole image file"):
        prepare("bus_benchmark", tmp_path / "data", tmp_path / "release")


def test_facts_are_those_of_the_five_sets(tmp_path: Path) -> None:
    facts = {name: cls.FACTS for name, cls in SOURCES.items()}
    assert BusBenchmark.FACTS.images == sum(f.images for f in facts.values()) - facts["busi"].classes["normal"]
    for label, count in BusBenchmark.FACTS.classes.items():
        assert count == sum(f.classes[label] for f in facts.values())
    assert sum(facts[name].classes[label] for name in MULTITASK for label in ("benign", "malignant")) == 1209
    lesions = {name for group in Busi.known_duplicates() for name in group if "normal" not in name}
    known = BusBenchmark.known_duplicates()
    assert {name.removeprefix("busi/") for group in known for name in group} <= lesions
    groups = [[name for name in group if "normal" not in name] for group in near_duplicates()]
    assert 478 + 647 + 562 + 252 + 163 == 2102
    assert 2102 - sum(len(group) - 1 for group in groups if group) == 1964
    names = [part.name for part in make_builder("bus_benchmark/multitask", tmp_path).parts()]
    assert names == ["Dataset_BUSI_with_GT", "BUSIS", "BUSIS562.csv"]
