from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from busjax.data.splits import make_split
from tfds_builders.busi.busi import Busi, near_duplicates
from tfds_builders.reading import prepare
from tfds_builders.record import LABELS, DatasetError


def test_the_folder_itself_may_be_given(busi_release: Path, tmp_path: Path) -> None:
    assert len(prepare("busi", tmp_path / "data", busi_release / "Dataset_BUSI_with_GT")) == 21


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
    refused(busi_release, tmp_path, r"normal.benign \(1\)\.png: unknown file name, expected 'normal \(N\)\.png'")


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
    # The stricter groups (126, of 286 images) each lie within one of these.
    known = Busi.known_duplicates()
    assert [len(known), sum(map(len, known))] == [126, 286]
    assert all(any(set(group) <= set(joined) for joined in near_duplicates()) for group in known)


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
    assert len(table) == sum(map(len, images.values()))
    assert table.case_id[row["busi/benign (433)"]] == table.case_id[row["busi/malignant (145)"]]


@pytest.mark.real_data
def test_real_groups_stay_together(real_data: Path, tmp_path: Path) -> None:
    """The stricter, known groups, not those that cases are made of: each lies in one part, for every protocol."""
    table = prepare("busi", tmp_path, real_data).table
    present = set(table.image_id.tolist())
    groups = [{f"busi/{name}" for name in group} & present for group in Busi.known_duplicates()]
    groups = [group for group in groups if len(group) > 1]
    assert len(groups) > 5
    for protocol, fold in (("holdout", 0), ("kfold", 0), ("kfold", 2)):
        for seed in range(5):
            split = make_split(table, protocol, seed=seed, fold=fold)
            parts = [set(table.image_id[rows].tolist()) for rows in split.parts().values()]
            assert all(any(group <= part for part in parts) for group in groups)
