from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tfds_builders.busi.busi import near_duplicates
from tfds_builders.reading import prepare
from tfds_builders.record import LABELS, DatasetError


@pytest.mark.parametrize("below", ["", "Dataset_BUSI_with_GT"])
def test_records(busi_release: Path, tmp_path: Path, below: str) -> None:
    dataset = prepare("busi", tmp_path / "data", busi_release / below)
    table = dataset.table
    names = ["normal (3)", "benign (1)", "benign (4)", "benign (195)", "benign (318)"]
    names += ["malignant (2)", "malignant (10)", "malignant (145)"]
    assert table.image_id.tolist() == [f"busi/{name}" for name in names]
    assert table.label.tolist() == [0, 1, 1, 1, 1, 2, 2, 2]
    assert table.solid.tolist() == [0, -1, -1, -1, -1, 1, 1, 1]
    assert table.fold.tolist() == [-1] * 8
    assert table.has_mask.all()
    case = dict(zip(names, table.case_id.tolist(), strict=True))
    assert case["benign (318)"] == case["benign (1)"] == "busi/benign (1)"
    assert case["malignant (145)"] == "busi/benign (433)"  # the same picture is also labelled benign
    assert case["benign (195)"] == "busi/benign (195)"
    released = np.asarray(Image.open(busi_release / "Dataset_BUSI_with_GT" / "benign" / "benign (4).png"))
    np.testing.assert_array_equal(dataset[2]["image"], released)
    two = np.zeros((52, 61, 1), dtype=np.uint8)
    two[5:20, 5:20] = 255
    two[30:40, 30:45] = 255
    np.testing.assert_array_equal(dataset[2]["mask"], two)
    overlapping = np.zeros((54, 70, 1), dtype=np.uint8)
    overlapping[5:9, 5:9] = 255
    overlapping[7:20, 7:20] = 255
    overlapping[10:20, 40:50] = 255
    np.testing.assert_array_equal(dataset[3]["mask"], overlapping)
    assert not dataset[0]["mask"].any()


def refused(release: Path, tmp_path: Path, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        prepare("busi", tmp_path / "data", release)


def test_missing_class_folder(busi_release: Path, tmp_path: Path) -> None:
    (busi_release / "Dataset_BUSI_with_GT" / "normal").rename(busi_release / "normal")
    refused(busi_release, tmp_path, r"Dataset_BUSI_with_GT: folders benign, malignant, expected benign, malignant, nor")


def test_image_without_mask(busi_release: Path, tmp_path: Path) -> None:
    (busi_release / "Dataset_BUSI_with_GT" / "benign" / "benign (1)_mask.png").unlink()
    refused(busi_release, tmp_path, r"benign \(1\)_mask\.png is missing")


def test_mask_without_image(busi_release: Path, tmp_path: Path) -> None:
    (busi_release / "Dataset_BUSI_with_GT" / "benign" / "benign (4).png").unlink()
    refused(busi_release, tmp_path, r"benign \(4\)\.png is missing")


def test_image_in_the_wrong_folder(busi_release: Path, tmp_path: Path) -> None:
    folder = busi_release / "Dataset_BUSI_with_GT"
    (folder / "benign" / "benign (1).png").rename(folder / "normal" / "benign (1).png")
    refused(busi_release, tmp_path, r"normal.benign \(1\)\.png: not a name of BUSI, expected 'normal \(N\)\.png'")


def test_truncated_mask(busi_release: Path, tmp_path: Path) -> None:
    path = busi_release / "Dataset_BUSI_with_GT" / "benign" / "benign (4)_mask_1.png"
    path.write_bytes(path.read_bytes()[:-30])
    refused(busi_release, tmp_path, r"benign \(4\)_mask_1\.png: not a whole image file")


def test_duplicate_groups_are_disjoint_and_of_known_images() -> None:
    names = [name for group in near_duplicates() for name in group]
    assert max(Counter(names).values()) == 1
    counts = {"benign": 437, "malignant": 210, "normal": 133}
    for name in names:
        label, number = name.split()
        assert 1 <= int(number.strip("()")) <= counts[label]
    assert all(len(group) > 1 for group in near_duplicates())


@pytest.mark.real_data
def test_real_release(real_data: Path, tmp_path: Path) -> None:
    folder = real_data / "Dataset_BUSI_with_GT"
    dataset = prepare("busi", tmp_path, real_data)
    table = dataset.table
    row = {name: index for index, name in enumerate(table.image_id.tolist())}
    images = {label: [p for p in (folder / label).glob("*.png") if "_mask" not in p.name] for label in LABELS}
    for label, paths in images.items():
        assert (table.label == LABELS.index(label)).sum() == len(paths)
        for path in paths:
            example = dataset[row[f"busi/{path.stem}"]]
            np.testing.assert_array_equal(example["image"], np.asarray(Image.open(path)))
            parts = [np.asarray(Image.open(p).convert("L")) for p in path.parent.glob(f"{path.stem}_mask*.png")]
            np.testing.assert_array_equal(example["mask"][..., 0] > 0, np.any([part > 0 for part in parts], axis=0))
            assert example["mask"].any() == (label != "normal")
    assert table.case_id[row["busi/benign (433)"]] == table.case_id[row["busi/malignant (145)"]]
