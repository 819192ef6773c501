import itertools
import subprocess
import sys
from collections import Counter

import grain
import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from busjax.data.pipeline import training_batches
from busjax.data.transforms import Example, random_crop, resize_short_side, squash

from .memory import MemoryDataset, memory_dataset

AUGMENT = {"flip_horizontal": True, "rotate_degrees": 15.0}


def start(count: int = 11, rows: np.ndarray | None = None, **options) -> grain.DatasetIterator:
    return iter(stream(memory_dataset(count), np.arange(count) if rows is None else rows, **options))


def stream(dataset: MemoryDataset, rows: np.ndarray, **options) -> grain.IterDataset:
    defaults = {"image_size": 16, "resize": "short_side", "augment": AUGMENT, "batch_size": 4, "seed": 0, "prefetch": 0}
    return training_batches(dataset, rows, **{**defaults, **options})


def take(iterator, count: int) -> list[dict[str, np.ndarray]]:
    batches = [{k: np.asarray(v) for k, v in next(iterator).items()} for _ in range(count)]
    return batches


def assert_same(first, second) -> None:
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        assert one.keys() == other.keys()
        for name in one:
            np.testing.assert_array_equal(one[name], other[name], err_msg=name)


def sharding() -> NamedSharding:
    assert jax.device_count() == 4
    return NamedSharding(Mesh(np.array(jax.devices()), ("batch",)), PartitionSpec("batch"))


def test_shapes_types_and_values():
    dataset = memory_dataset(11)
    batch = next(start())
    types = {
        "image": ("float32", (4, 16, 16, 3)), "mask": ("float32", (4, 16, 16, 1)), "label": ("int32", (4,)),
        "solid": ("int32", (4,)), "has_mask": ("bool", (4,)), "weight": ("float32", (4,)), "index": ("int32", (4,)),
    }  # fmt: skip
    assert {name: (str(array.dtype), array.shape) for name, array in batch.items()} == types
    assert batch["image"].min() >= -1
    assert batch["image"].max() <= 1
    assert set(np.unique(batch["mask"])) == {0, 1}
    np.testing.assert_array_equal(batch["weight"], 1)
    for i, row in enumerate(batch["index"]):
        for name in ("label", "solid", "has_mask"):
            assert batch[name][i] == dataset.records[row][name]
        if not batch["has_mask"][i]:
            assert (batch["mask"][i] == 0).all()


def test_pixels_without_augmentation():
    """Squashed: the batch holds exactly the resized record. Cropped: a window of it, the mask from the same place."""
    dataset = memory_dataset(8)
    for batch in take(start(8, resize="squash", augment={}), 4):
        for i, row in enumerate(batch["index"]):
            expected = squash(Example(dataset.records[row]["image"], dataset.records[row]["mask"]), 16)
            np.testing.assert_allclose(batch["image"][i], expected.image / 127.5 - 1, atol=1e-6)
            np.testing.assert_array_equal(batch["mask"][i], expected.mask / 255)
    for batch in take(start(8, augment={}), 4):
        for i, row in enumerate(batch["index"]):
            record = dataset.records[row]
            whole = resize_short_side(Example(record["image"], record["mask"]), 16)
            grey = np.rint((batch["image"][i] + 1) * 127.5).astype(np.uint8)
            spare = (whole.image.shape[0] - 15, whole.image.shape[1] - 15)
            places = [
                (top, left)
                for top, left in itertools.product(*map(range, spare))
                if (whole.image[top : top + 16, left : left + 16] == grey).all()
            ]
            assert len(places) == 1
            top, left = places[0]
            np.testing.assert_array_equal(batch["mask"][i], whole.mask[top : top + 16, left : left + 16] / 255)


@settings(deadline=None, max_examples=40)
@given(count=st.integers(1, 13), batch_size=st.integers(1, 9), seed=st.integers(0, 2**32 - 1))
def test_every_epoch_holds_every_row_once_across_batches(count, batch_size, seed):
    rows = np.arange(20)[-count:]
    epochs = 4
    iterator = start(20, rows, batch_size=batch_size, seed=seed, image_size=2, augment={})
    seen = np.concatenate([b["index"] for b in take(iterator, -(-epochs * count // batch_size))])
    for epoch in range(epochs):
        assert sorted(seen[epoch * count : (epoch + 1) * count]) == list(rows)


def test_epochs_and_seeds_have_different_orders_and_all_are_likely():
    def orders(seed, epochs):
        seen = np.concatenate([b["index"] for b in take(start(3, seed=seed, batch_size=3, augment={}), epochs)])
        return [tuple(map(int, order)) for order in seen.reshape(-1, 3)]

    found = Counter(orders(0, 600))
    assert len(found) == 6
    assert all(abs(n - 100) < 5 * np.sqrt(100 * 5 / 6) for n in found.values())
    # A neighbouring seed is not the same sequence an epoch later.
    assert orders(1, 30) != orders(0, 31)[1:]
    assert orders(1, 30) != orders(0, 30)


def test_the_stream_depends_on_the_seed_alone():
    reference = take(start(), 7)
    assert_same(reference, take(start(), 7))
    for options in ({"prefetch": 1, "threads": 1}, {"prefetch": 3, "threads": 5}, {"cache": False}):
        iterator = start(**options)
        assert_same(reference, take(iterator, 7))
        iterator.close()
    other = take(start(seed=1), 7)
    assert any((a["image"] != b["image"]).any() for a, b in zip(reference, other, strict=True))


def test_augmentation_changes_from_epoch_to_epoch():
    images = [b["image"][0] for b in take(start(1, batch_size=1, resize="squash"), 8)]
    assert len({image.tobytes() for image in images}) == 8


def test_augmentation_differs_between_seeds():
    one, other = (take(start(1, batch_size=8, resize="squash", seed=seed), 1)[0]["image"] for seed in (0, 1))
    assert not (one == other).all(axis=(1, 2, 3)).any()


def test_flip_and_rotation_are_off_by_default():
    images = [b["image"][0] for b in take(start(1, batch_size=1, resize="squash", augment={}), 8)]
    assert len({image.tobytes() for image in images}) == 1
    off = {"flip_horizontal": False, "rotate_degrees": 0}
    assert_same(take(start(augment={}), 3), take(start(augment=off), 3))


@pytest.mark.parametrize("hosts", [2, 4])
def test_hosts_share_one_global_stream(hosts):
    whole = take(start(), 6)
    parts = [take(start(process_index=p, process_count=hosts, prefetch=2), 6) for p in range(hosts)]
    for step in range(6):
        for name in whole[step]:
            for host in range(hosts):
                np.testing.assert_array_equal(parts[host][step][name], whole[step][name][host::hosts])


@pytest.mark.parametrize("on_devices", [False, True])
@pytest.mark.parametrize("threads", [1, 4])
def test_a_restored_iterator_continues_exactly(on_devices, threads):
    reference = take(start(), 14)
    options = {"prefetch": 3, "threads": threads, "sharding": sharding() if on_devices else None}
    for stop in (0, 1, 2, 5, 9):
        first = start(**options)
        assert_same(reference[:stop], take(first, stop))
        state = first.get_state()
        first.close()
        second = start(**{**options, "threads": 5 - threads})
        second.set_state(state)
        assert_same(reference[stop:12], take(second, 12 - stop))
        second.set_state(state)  # and again, with batches of the other position already prefetched
        assert_same(reference[stop : stop + 2], take(second, 2))
        second.close()


def test_global_arrays_on_four_devices():
    reference = take(start(batch_size=8), 3)
    iterator = start(batch_size=8, sharding=sharding(), prefetch=2)
    for expected in reference:
        batch = next(iterator)
        for name, array in batch.items():
            assert isinstance(array, jax.Array)
            assert array.sharding.is_equivalent_to(sharding(), array.ndim)
            assert len(array.addressable_shards) == 4
            assert array.addressable_shards[0].data.shape == (2, *expected[name].shape[1:])
            np.testing.assert_array_equal(array, expected[name])
    iterator.close()


def test_images_are_read_once_with_a_cache_and_each_time_without():
    for cache, expected in ((True, 1), (False, 3)):
        dataset = memory_dataset(8)
        take(iter(stream(dataset, np.arange(8), cache=cache)), 6)
        assert dataset.reads == [expected] * 8


def test_the_dataset_is_not_changed():
    dataset, untouched = memory_dataset(6), memory_dataset(6)
    take(iter(stream(dataset, np.arange(6), image_size=20)), 6)
    for one, other in zip(dataset.records, untouched.records, strict=True):
        np.testing.assert_array_equal(one["image"], other["image"])
        np.testing.assert_array_equal(one["mask"], other["mask"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"resize": "sqush"},
            r"unknown resize 'sqush'; did you mean 'squash'\? \(known: squash, pad, short_side, lesion, lesion_sq",
        ),
        ({"image_size": 0}, "image_size is 0, expected at least 1"),
        (
            {"augment": {"flip_horizontl": True}},
            "unknown augmentation 'flip_horizontl'; did you mean 'flip_horizontal'",
        ),
        ({"augment": {"flip_horizontal": 1}}, "flip_horizontal is 1, expected True or False"),
        ({"augment": {"rotate_degrees": -3.0}}, r"rotate_degrees is -3\.0, expected a number from 0 to 180"),
        ({"augment": {"rotate_degrees": "3"}}, "rotate_degrees is '3', expected a number"),
        ({"augment": {"rotate_degrees": True}}, "rotate_degrees is True, expected a number"),
        ({"batch_size": 0}, "batch_size is 0, expected a positive multiple of the 1 host"),
        ({"batch_size": 5, "process_count": 2}, "batch_size is 5, expected a positive multiple of the 2 host"),
        ({"process_index": 2, "process_count": 2}, "process_index is 2, expected 0 to 1"),
        ({"seed": -1}, r"seed is -1, expected 0 to 2\*\*32 - 1"),
        ({"rows": np.array([], int)}, "the list of indices is empty"),
        ({"rows": np.array([0, 11])}, "indices from 0 to 11, expected 0 to 10"),
        ({"rows": np.array([-1, 3])}, "indices from -1 to 3, expected 0 to 10"),
        ({"prefetch": -1}, "prefetch is -1 and threads 4, expected at least 0 and 1"),
    ],
)
def test_wrong_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        start(**options)


def test_batch_that_devices_do_not_divide():
    with pytest.raises(ValueError, match="batch_size is 6, expected a multiple of the 4 devices"):
        start(batch_size=6, sharding=sharding())


@pytest.mark.parametrize("prefetch", [0, 2])
@pytest.mark.parametrize("on_devices", [False, True])
def test_a_broken_record_is_reported_by_name(prefetch, on_devices):
    dataset = memory_dataset(3)
    dataset.records[1]["mask"] = dataset.records[1]["mask"][1:]
    options = {"prefetch": prefetch, "sharding": sharding() if on_devices else None}
    iterator = iter(stream(dataset, np.arange(3), **options))
    with pytest.raises(ValueError, match=r"mask of 'image1' is uint8 \[\d+, \d+, 1\], expected uint8 \[\d+, \d+, 1\]"):
        take(iterator, 2)
    iterator.close()


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("image", np.zeros((9, 9, 1), np.uint8), r"image of 'image0' is uint8 \[9, 9, 1\], expected uint8 \[9, 9, 3\]"),
        ("image", np.zeros((9, 9, 3)), r"image of 'image0' is float64 \[9, 9, 3\], expected uint8"),
        ("image", np.zeros((0, 9, 3), np.uint8), r"image of 'image0' is uint8 \[0, 9, 3\]"),
        ("mask", np.zeros((9, 9, 1), bool), r"mask of 'image0' is bool \[9, 9, 1\], expected uint8"),
    ],
)
def test_malformed_pixels(field, value, message):
    dataset = memory_dataset(1)
    dataset.records[0][field] = value
    with pytest.raises(ValueError, match=message):
        next(iter(stream(dataset, np.arange(1), batch_size=1)))


def test_a_closed_iterator_refuses_and_can_be_closed_twice():
    for options in ({"prefetch": 2}, {"prefetch": 2, "sharding": sharding()}):
        iterator = start(**options)
        next(iterator)
        iterator.close()
        iterator.close()
        with pytest.raises(ValueError, match="closed iterator"):
            next(iterator)


@pytest.mark.parametrize("ending", ["pass", "iterator.close()", "raise SystemExit(0)"])
def test_the_interpreter_exits_quietly_whether_or_not_iterators_are_closed(ending):
    program = f"""
import numpy as np, jax
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from busjax.data.pipeline import evaluation_batches, training_batches

class Data:
    def __len__(self): return 8
    def __getitem__(self, row):
        image = np.full((20, 30, 3), row, np.uint8)
        return dict(image=image, mask=image[..., :1] * 0, has_mask=True, label=0, solid=0, image_id=str(row))

sharding = NamedSharding(Mesh(np.array(jax.devices()), ("batch",)), PartitionSpec("batch"))
common = dict(image_size=16, resize="short_side", batch_size=4, sharding=sharding)
iterator = iter(training_batches(Data(), np.arange(8), augment={{}}, seed=0, **common))
print(next(iterator)["image"].shape)
evaluation = iter(evaluation_batches(Data(), np.arange(8), views=2, **common))
print(next(evaluation)["image"].shape)
{ending}
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "(4, 16, 16, 3)\n(4, 2, 16, 16, 3)\n"


def test_augmentation_is_keyed_by_the_position_in_the_stream():
    """Two datasets of equal images: the crops agree position by position, though the rows differ."""
    image = np.random.default_rng(5).integers(0, 256, (16, 40, 3), dtype=np.uint8)
    record = {**memory_dataset(1).records[0], "image": image, "mask": np.zeros((16, 40, 1), np.uint8)}
    crops = [
        np.concatenate([b["image"] for b in take(iter(stream(MemoryDataset([record] * n), np.arange(n))), 5)])
        for n in (3, 7)
    ]
    np.testing.assert_array_equal(*crops)
    assert len({crop.tobytes() for crop in crops[0]}) > 10
    assert random_crop(Example(image, record["mask"]), 16, np.random.default_rng(0)).image.shape == (16, 16, 3)
