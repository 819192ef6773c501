"""Versions of images: the same whenever they are made, and on both sides of a split only where that is asked for."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from busjax.data.augmentation import Augmentation
from busjax.data.despeckle import FILTERS, first_steps
from busjax.data.pipeline import evaluation_batches
from busjax.data.split_files import read_split, write_split
from busjax.data.splits import SplitError, make_split
from busjax.data.transforms import Example
from busjax.data.variants import VariantDataset, images_on_both_sides
from busjax.names import image_of
from tests.data.memory import MemoryTable, memory_dataset, memory_table

AUGMENTATION = Augmentation(
    right_angles=True, shift_height=0.2, shift_width=0.2, shear_degrees=11.5, scale=(0.8, 1.2), fill="edge"
)
COUNT = 4


class Tabled:
    """Small random images with a table."""

    def __init__(self, count: int, cases: int = 2):
        self._records = memory_dataset(count)
        self.reads = self._records.reads
        self.table = memory_table([[(row % 3, row % 3 - 1)] for row in range(count)])
        self.table.image_id = np.array([f"image{row}" for row in range(count)])
        self.table.case_id = np.array([f"case{row // cases}" for row in range(count)])

    def __len__(self):
        return len(self._records)

    def __getitem__(self, row):
        return self._records[row]


def of_table(table: MemoryTable, count: int = COUNT) -> VariantDataset:
    dataset = Tabled(len(table.image_id))
    dataset.table = table
    return VariantDataset(dataset, count, AUGMENTATION, 0)


def test_a_version_is_a_function_of_seed_image_and_number():
    dataset = Tabled(6)
    made = VariantDataset(dataset, COUNT, AUGMENTATION, seed=3)
    assert len(made) == len(made.table.image_id) == 24
    assert made.table.image_id[4:8].tolist() == ["image1", "image1#1", "image1#2", "image1#3"]
    assert made.table.case_id[4:8].tolist() == ["case0"] * 4
    assert [image_of(name) for name in made.table.image_id.tolist()] == [f"image{row // 4}" for row in range(24)]
    np.testing.assert_array_equal(made.images, np.arange(24) // 4)
    for row in (4, 5, 6, 7):
        assert made[row]["image_id"] == made.table.image_id[row]
        assert made[row]["label"] == made.table.label[row] == 1
    # As it is, and three others of which no two are equal.
    np.testing.assert_array_equal(made[4]["image"], dataset[1]["image"])
    pixels = [made[row]["image"].tobytes() for row in (4, 5, 6, 7)]
    assert len(set(pixels)) == 4
    # Again, of more versions, of fewer images: the same; of another seed, another.
    fewer = Tabled(2)
    for other in (made, VariantDataset(dataset, 7, AUGMENTATION, 3), VariantDataset(fewer, COUNT, AUGMENTATION, 3)):
        row = other.table.image_id.tolist().index("image1#2")
        assert other[row]["image"].tobytes() == pixels[2]
    assert VariantDataset(dataset, COUNT, AUGMENTATION, 4)[6]["image"].tobytes() != pixels[2]
    with pytest.raises(IndexError, match=r"row 24 is outside 0 \.\. 23"):
        made[24]


def test_image_and_mask_turn_together():
    """An image that is its own mask; right angles alone, so that no pixel is resampled."""
    dataset = Tabled(1)
    mask = np.zeros((20, 30, 1), np.uint8)
    mask[3:9, 4:11] = 255
    dataset._records.records[0] |= {"image": np.repeat(mask, 3, axis=2), "mask": mask}
    made = VariantDataset(dataset, 40, Augmentation(right_angles=True, flip_horizontal=True), 0)
    seen = set()
    for row in range(40):
        record = made[row]
        np.testing.assert_array_equal(record["image"], np.repeat(record["mask"], 3, axis=2))
        seen.add((record["mask"].shape[:2], record["mask"].tobytes()))
    expected = {
        (turned.shape[:2], np.ascontiguousarray(turned).tobytes())
        for flipped in (mask, mask[:, ::-1])
        for turned in (np.rot90(flipped, k) for k in range(4))
    }
    assert len(expected) == 8
    assert seen == expected


def test_the_pipeline_reads_versions_as_images():
    made = VariantDataset(Tabled(3), COUNT, AUGMENTATION, 0)
    batches = evaluation_batches(made, np.arange(12), image_size=16, resize="squash", views=1, batch_size=6)
    images = np.concatenate([batch["image"] for batch in batches])
    assert images.shape == (12, 1, 16, 16, 3)
    assert len({image.tobytes() for image in images}) == 12


@pytest.mark.parametrize(("grey", "despeckle"), [(True, "median"), (False, "wiener"), (True, ""), (False, "")])
def test_luminance_and_the_filter_are_of_the_released_image(grey, despeckle):
    """Every step by hand: luminance, filter, warp, each before the next; in coloured images all orders differ."""
    dataset = Tabled(2)
    augmentation = dataclasses.replace(AUGMENTATION, noise=3.0)
    made = VariantDataset(dataset, 3, augmentation, 5, first_steps(grey, despeckle))
    for row in range(6):
        record = dataset[row // 3]
        image = record["image"]
        if grey:
            image = np.repeat(np.asarray(Image.fromarray(image).convert("L"))[..., None], 3, axis=2)
        if despeckle:
            channels = [np.rint(FILTERS[despeckle](np.ascontiguousarray(image[..., i]))) for i in range(3)]
            image = np.stack(channels, axis=2).clip(0, 255).astype(np.uint8)
        example = Example(image, record["mask"])
        if number := row % 3:
            random = np.random.default_rng([5, number, *f"image{row // 3}".encode()])
            example = augmentation.apply(example, 0, crop=False, rng=random)
        found = made[row]
        np.testing.assert_array_equal(found["image"], example.image)
        np.testing.assert_array_equal(found["mask"], example.mask)
        if number and despeckle:  # the order is no matter of taste: filtered after the warp, it is another image
            plain = VariantDataset(dataset, 3, augmentation, 5)[row]
            late = first_steps(grey, despeckle)(Example(plain["image"], plain["mask"]))
            assert (late.image != found["image"]).any()


KINDS = st.lists(st.sampled_from([(2, 1), (1, 1), (0, 0)]), min_size=1, max_size=3)


@settings(deadline=None, max_examples=40)
@given(
    cases=st.lists(KINDS, max_size=20),
    seed=st.integers(0, 2**31),
    count=st.integers(2, 6),
    protocol=st.sampled_from(["holdout", "kfold"]),
)
def test_honest_never_shares_a_case(cases, seed, count, protocol):
    table = memory_table([*cases, *[[(2, 1)]] * 12, *[[(1, 1)]] * 12])
    dataset = of_table(table, count)
    before = make_split(table, protocol, seed=seed)
    split = dataset.multiply_training(before)
    parts = {name: set(dataset.table.case_id[rows].tolist()) for name, rows in split.parts().items()}
    assert not parts["train"] & parts["test"]
    assert not parts["train"] & parts["val"]
    assert not parts["val"] & parts["test"]
    assert len(images_on_both_sides(split, dataset.table)) == 0
    assert not split.leaks_patients
    # All versions of each training image, and the others once, under their own names.
    assert len(split.train) == count * len(before.train)
    assert sorted(set(dataset.images[split.train].tolist())) == sorted(before.train.tolist())
    assert dataset.table.image_id[split.test].tolist() == table.image_id[before.test].tolist()
    assert dataset.table.image_id[split.val].tolist() == table.image_id[before.val].tolist()


def test_as_published_versions_stand_on_both_sides(table, tmp_path):
    """Of an image with four versions, 30% of all tested, some are on both sides with probability 1 - .3^4 - .7^4."""
    dataset = of_table(table)
    split = make_split(dataset.table, "augmented_image", seed=0, shares=(6, 1, 3))
    assert split.leaks_patients
    assert sum(map(len, split.parts().values())) == COUNT * len(table.image_id)
    np.testing.assert_allclose(len(split.test) / len(dataset), 0.3, atol=0.01)
    shared = images_on_both_sides(split, dataset.table)
    # Counted by hand, of sets of names.
    names = {
        part: {str(dataset.table.image_id[row]).split("#")[0] for row in rows} for part, rows in split.parts().items()
    }
    by_hand = names["test"] & (names["train"] | names["val"])
    assert {image_of(str(name)) for name in dataset.table.image_id[shared]} == by_hand
    assert len(shared) == len(by_hand)
    expected = 1 - 0.3**COUNT - 0.7**COUNT
    assert abs(len(shared) / len(table.image_id) - expected) < 0.1
    honest = dataset.multiply_training(make_split(table, "holdout", seed=0, shares=(6, 1, 3)))
    assert len(images_on_both_sides(honest, dataset.table)) == 0
    # The same versions divided by case: all of them, and no image on both sides.
    control = make_split(dataset.table, "augmented_case", seed=0, shares=(6, 1, 3))
    assert not control.leaks_patients
    assert sum(map(len, control.parts().values())) == len(dataset)
    np.testing.assert_allclose(len(control.test) / len(split.test), 1.0, atol=0.05)
    assert len(images_on_both_sides(control, dataset.table)) == 0
    for number, one in enumerate((split, honest, control)):
        write_split(one, dataset.table, tmp_path / str(number))
        back = read_split(tmp_path / str(number), dataset.table)
        for part, rows in one.parts().items():
            np.testing.assert_array_equal(back.parts()[part], rows)


def test_files_that_say_they_are_honest_and_are_not_are_refused(table, tmp_path):
    dataset = of_table(table)
    split = make_split(dataset.table, "augmented_image", seed=0)
    write_split(dataclasses.replace(split, protocol="holdout"), dataset.table, tmp_path)
    with pytest.raises(SplitError, match=r"case 'case\d+' is already in train.csv, expected one part"):
        read_split(tmp_path, dataset.table)
