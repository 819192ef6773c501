import subprocess
import sys
import threading

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from busjax.data.pipeline import EvaluationBatches, evaluation_batches
from busjax.data.transforms import Example, resize_short_side, squash

from .memory import memory_dataset

DATASET = memory_dataset(23)


def batches(rows: np.ndarray, **options) -> EvaluationBatches:
    defaults = {"image_size": 8, "resize": "short_side", "views": 5, "batch_size": 4, "prefetch": 0}
    return evaluation_batches(options.pop("dataset", DATASET), rows, **{**defaults, **options})


@settings(deadline=None, max_examples=60)
@given(count=st.integers(1, 23), per_host=st.integers(1, 5), hosts=st.integers(1, 3))
def test_every_row_counts_once_and_hosts_have_equal_numbers_of_batches(count, per_host, hosts):
    rows = np.random.default_rng(count).permutation(23)[:count]
    size = per_host * hosts
    parts = [batches(rows, batch_size=size, process_index=p, process_count=hosts, image_size=4) for p in range(hosts)]
    assert {len(part) for part in parts} == {-(-count // size)}
    counted = []
    for step, shares in enumerate(zip(*parts, strict=True)):
        assert all(len(share["index"]) == per_host for share in shares)
        index = np.stack([share["index"] for share in shares], axis=1).reshape(-1)  # interleaved: the global order
        weight = np.stack([share["weight"] for share in shares], axis=1).reshape(-1)
        real = min(size, count - step * size)
        np.testing.assert_array_equal(weight, [1] * real + [0] * (size - real))
        counted.extend(index[weight == 1])
    np.testing.assert_array_equal(counted, rows)


def test_shapes_types_and_values():
    batch = next(iter(batches(np.arange(23))))
    types = {
        "image": ("float32", (4, 5, 8, 8, 3)), "mask": ("float32", (4, 5, 8, 8, 1)), "label": ("int32", (4,)),
        "solid": ("int32", (4,)), "has_mask": ("bool", (4,)), "weight": ("float32", (4,)), "index": ("int32", (4,)),
    }  # fmt: skip
    assert {name: (str(array.dtype), array.shape) for name, array in batch.items()} == types


def test_views_are_windows_of_the_resized_record():
    for batch in batches(np.arange(23)):
        for i, row in enumerate(batch["index"]):
            record = DATASET.records[row]
            whole = resize_short_side(Example(record["image"], record["mask"]), 8)
            height, width = whole.image.shape[:2]
            for view in range(5):
                offset = int(view * (max(height, width) - 8) / 4 + 0.5)
                cut = np.s_[:, offset : offset + 8] if width >= height else np.s_[offset : offset + 8]
                np.testing.assert_allclose(batch["image"][i, view], whole.image[cut] / 127.5 - 1, atol=1e-6)
                np.testing.assert_array_equal(batch["mask"][i, view], whole.mask[cut] / 255)
            for name in ("label", "solid", "has_mask"):
                assert batch[name][i] == record[name]


def test_one_view():
    squashed = next(iter(batches(np.arange(4), resize="squash", views=1)))
    record = DATASET.records[2]
    expected = squash(Example(record["image"], record["mask"]), 8).image
    np.testing.assert_allclose(squashed["image"][2, 0], expected / 127.5 - 1, atol=1e-6)
    centre = next(iter(batches(np.arange(4), views=1)))["image"]
    middle = next(iter(batches(np.arange(4), views=3)))["image"][:, 1:2]
    np.testing.assert_array_equal(centre, middle)


def test_passes_are_equal_and_read_each_image_once():
    dataset = memory_dataset(9)
    passes = batches(np.arange(9), dataset=dataset, prefetch=2)
    first, second = list(passes), list(passes)
    assert len(passes) == len(first) == 3
    for one, other in zip(first, second, strict=True):
        for name in one:
            np.testing.assert_array_equal(one[name], other[name])
    # Two threads may both meet a row for the first time: the padding of the last batch repeats row 8.
    assert dataset.reads[:8] == [1] * 8


def test_leaving_early_ends_the_threads():
    before = set(threading.enumerate())
    one = iter(batches(np.arange(23), prefetch=2))
    next(one)
    started = set(threading.enumerate()) - before
    assert started
    one.close()
    for thread in started:
        thread.join(timeout=10)
    assert not any(thread.is_alive() for thread in started)


def test_global_arrays_on_four_devices():
    sharding = NamedSharding(Mesh(np.array(jax.devices()), ("batch",)), PartitionSpec("batch"))
    plain = list(batches(np.arange(23)))
    placed = list(batches(np.arange(23), sharding=sharding, prefetch=2))
    assert len(plain) == len(placed) == 6
    for one, other in zip(plain, placed, strict=True):
        assert other["image"].sharding.is_equivalent_to(sharding, 5)
        for name in one:
            np.testing.assert_array_equal(one[name], other[name])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"views": 0}, "views is 0, expected at least 1"),
        ({"views": 5, "resize": "squash"}, "views is 5, expected 1 with resize squash"),
        ({"resize": "short"}, r"unknown resize 'short'; did you mean 'short_side'"),
        ({"batch_size": 3, "process_count": 2}, "batch_size is 3, expected a positive multiple of the 2 host"),
    ],
)
def test_wrong_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        batches(np.arange(4), **options)


def test_no_rows():
    with pytest.raises(ValueError, match="the list of indices is empty"):
        batches(np.array([], int))


HOST = """
import sys
import numpy as np, jax
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from busjax.data.pipeline import evaluation_batches, training_batches

jax.distributed.initialize(sys.argv[1], num_processes=2, process_id=int(sys.argv[2]))

class Data:
    def __len__(self): return 11
    def __getitem__(self, row):
        image = np.full((20, 30, 3), row, np.uint8)
        return dict(image=image, mask=image[..., :1] * 0, has_mask=True, label=0, solid=0, image_id=str(row))

sharding = NamedSharding(Mesh(np.array(jax.devices()), ("batch",)), PartitionSpec("batch"))
common = dict(image_size=16, resize="short_side", batch_size=8, sharding=sharding,
              process_index=jax.process_index(), process_count=jax.process_count())

def show(batch):
    assert batch["image"].shape[0] == 8 and len(batch["image"].sharding.device_set) == 4
    for index, weight in zip(batch["index"].addressable_shards, batch["weight"].addressable_shards, strict=True):
        print(*index.data, *weight.data.astype(int))

iterator = iter(training_batches(Data(), np.arange(11), augment={}, seed=0, **common))
for _ in range(2):
    show(next(iterator))
iterator.close()
print("evaluation")
for batch in evaluation_batches(Data(), np.arange(11), views=2, **common):
    show(batch)
"""


def test_two_processes_make_one_global_batch(unused_port):
    environment = {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    command = [sys.executable, "-c", HOST, f"localhost:{unused_port}"]
    hosts = [
        subprocess.Popen([*command, str(p)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for p in range(2)
    ]
    results = [host.communicate(timeout=90) for host in hosts]
    assert [host.returncode for host in hosts] == [0, 0], results
    seen: dict[str, list[tuple[int, int]]] = {"training": [], "evaluation": []}
    for out, _ in results:
        training, evaluation = out.split("evaluation\n")
        for name, text in (("training", training), ("evaluation", evaluation)):
            for line in text.splitlines():
                first, second, weight_of_first, weight_of_second = map(int, line.split())
                seen[name] += [(first, weight_of_first), (second, weight_of_second)]
    assert len(seen["training"]) == len(seen["evaluation"]) == 16
    assert {row for row, _ in seen["training"]} == set(range(11))
    assert sorted(row for row, weight in seen["evaluation"] if weight) == list(range(11))
