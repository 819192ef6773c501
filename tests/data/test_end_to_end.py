"""From datasets, simulated and real, through splits to batches."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from busjax.data.pipeline import evaluation_batches, training_batches
from busjax.data.split_files import read_split, write_split
from busjax.data.splits import check_targets, make_split
from tfds_builders.phantom.phantom import Phantom
from tfds_builders.reading import prepare

from .memory import MemoryDataset


def test_phantom_from_builder_to_batches(tmp_path, monkeypatch):
    monkeypatch.setattr(Phantom, "CASES", 32)
    dataset = prepare("phantom", tmp_path)
    split = make_split(dataset.table, "holdout", seed=1)
    check_targets(split, dataset.table, ["malignant", "solid"])
    write_split(split, dataset.table, tmp_path / "splits")
    split = read_split(tmp_path / "splits", dataset.table)
    options = {"image_size": 64, "resize": "short_side", "batch_size": 4}
    training = iter(training_batches(dataset, split.train, augment={}, seed=0, **options))
    seen = [next(training) for _ in range(-(-len(split.train) // 4))]
    training.close()
    rows = np.concatenate([batch["index"] for batch in seen])[: len(split.train)]
    assert sorted(rows) == sorted(split.train)
    for batch in seen:
        np.testing.assert_array_equal(batch["label"], dataset.table.label[batch["index"]])
        np.testing.assert_array_equal(batch["solid"], dataset.table.solid[batch["index"]])
        assert (batch["mask"].reshape(4, -1).any(axis=1) <= (batch["label"] > 0)).all()
        assert np.ptp(batch["image"]) > 0.5
    evaluation = evaluation_batches(dataset, split.test, views=5, **options)
    counted = np.concatenate([batch["index"][batch["weight"] > 0] for batch in evaluation])
    np.testing.assert_array_equal(counted, split.test)


def read_bus_bra(folder: Path, count: int) -> MemoryDataset:
    """The first images of BUS-BRA, read by Pillow alone."""
    with (folder / "BUSBRA" / "bus_data.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))[:count]
    records = []
    for row in rows:
        image = np.asarray(Image.open(folder / "BUSBRA" / "Images" / f"{row['ID']}.png").convert("L"))
        name = row["ID"].replace("bus", "mask")
        mask = np.asarray(Image.open(folder / "BUSBRA" / "Masks" / f"{name}.png").convert("L"))
        records.append(
            {
                "image": np.repeat(image[..., None], 3, axis=2),
                "mask": np.where(mask[..., None] > 0, 255, 0).astype(np.uint8),
                "has_mask": True,
                "label": ("normal", "benign", "malignant").index(row["Pathology"]),
                "solid": -1,
                "image_id": row["ID"],
            }
        )
    return MemoryDataset(records)


@pytest.mark.real_data
def test_real_images_at_full_size(real_data):
    dataset = read_bus_bra(real_data, 10)
    options = {"image_size": 299, "resize": "short_side", "batch_size": 5}
    training = iter(training_batches(dataset, np.arange(10), augment={}, seed=0, **options))
    batch = next(training)
    training.close()
    assert batch["image"].shape == (5, 299, 299, 3)
    assert -1 <= batch["image"].min() < -0.9
    assert 0.5 < batch["image"].max() <= 1
    np.testing.assert_array_equal(batch["image"][..., 0], batch["image"][..., 2])
    evaluation = list(evaluation_batches(dataset, np.arange(10), views=5, **options))
    assert len(evaluation) == 2
    # Lesions are darker than what surrounds them, if the mask lies where the lesion is.
    darker = 0
    for batch in evaluation:
        assert batch["image"].shape == (5, 5, 299, 299, 3)
        assert batch["mask"].reshape(5, -1).any(axis=1).all()
        for image, mask in zip(batch["image"][..., 0], batch["mask"][..., 0], strict=True):
            darker += image[mask == 1].mean() < image[mask == 0].mean()
    assert darker >= 8
