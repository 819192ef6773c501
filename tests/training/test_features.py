"""Stored features: computed once, told apart by what made them, and as good as images to train on."""

import functools
import json
import shutil

import jax
import numpy as np
import pytest
import scipy.ndimage
from ml_collections import ConfigDict

from busjax.atomic import write_atomic
from busjax.data.augmentation import Augmentation
from busjax.data.transforms import Example, squash
from busjax.data.variants import VariantDataset
from busjax.models.region_enhanced import RegionEnhancedNetwork
from busjax.training.config import ConfigError, validate
from busjax.training.features import fingerprint
from busjax.training.loop import train
from busjax.training.releases import preprocessing
from configs import hijab, rem
from tests.pretrained.tiny import keras_tensors, write_legacy
from tests.training.test_loop import final_state, quiet, start
from tests.training.test_releases import flat

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorboard"),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]


@pytest.fixture
def config(phantom_dir, tiny_release):
    """A classifier on a small frozen network, of two versions of each image of the phantom."""
    found = hijab.get_config("features,small")
    found.data.name, found.data.data_dir = "phantom", str(phantom_dir)
    found.data.image_size, found.data.variants = 16, 2
    found.pretrained.release, found.pretrained.path = tiny_release
    found.model.net.head.widths = (8,)
    found.train.epochs, found.train.batch_size, found.eval.batch_size = 2, 8, 8
    return found


@pytest.fixture
def passed(monkeypatch):
    """How many images went through the image tower, counted as the compiled programs run."""
    counts: list[int] = []
    whole = RegionEnhancedNetwork.image_features

    def counted(self, image, *, train):
        if not self.is_initializing():
            jax.debug.callback(lambda x: counts.append(len(x)), image)
        return whole(self, image, train=train)

    monkeypatch.setattr(RegionEnhancedNetwork, "image_features", counted)
    jax.clear_caches()  # of programs traced without the count
    yield counts
    jax.clear_caches()


def run_to_the_end(config, folder):
    """Trains, then opens everything anew, as an evaluation does, and scores both parts."""
    run = start(config, folder)
    assert train(run, quiet())
    run.checkpoints.close()
    run = start(config, folder)
    state = run.restore(run.checkpoints.best("net")[0])
    scored = {part: run.score(state, part) for part in ("val", "test")}
    run.checkpoints.close()
    jax.effects_barrier()
    return run, scored


def padded(count, size=8):
    return -(-count // size) * size


def test_features_are_computed_once(config, tmp_path, passed):
    """Over two epochs, their validations, the evaluation, and every later start."""
    validate(config)
    run, scored = run_to_the_end(config, tmp_path)
    parts = {name: len(rows) for name, rows in run.data.split.parts().items()}
    assert len(np.unique(run.data.images[run.data.split.train])) * 2 == parts["train"]
    assert sum(passed) == padded(sum(parts.values()))
    assert len(scored["test"].predictions[0].image_id) == parts["test"]
    # Longer, from where it ended.
    passed.clear()
    config.train.epochs = 3
    run_to_the_end(config, tmp_path)
    assert passed == []
    # The same without stored features: every epoch trains on images and validates them, and both parts are evaluated.
    config.train.epochs = 2
    config.train.stored_features = False
    config.data.variants = 0
    config.data.augment = ConfigDict({})
    run, _ = run_to_the_end(config, tmp_path / "images")
    held = padded(parts["val"]), padded(parts["test"])
    assert sum(passed) == 2 * (8 * run.data.steps_per_epoch + held[0]) + sum(held)


def test_a_filter_is_of_the_released_image_and_features_know_it(config, tmp_path):
    """The pixels by hand: filter, warp, resize, scaling; their fingerprints are those of the store."""
    config.data.despeckle, config.data.grey = "median", True
    run = start(config, tmp_path)
    run._features.store(run.new_state(), ("train",))
    stored = json.loads((tmp_path / "features/index.json").read_text())["images"]
    dataset, table = run.data.dataset, run.data.dataset.table
    augmentation = Augmentation.from_mapping(config.data.augment.to_dict())
    scaled = preprocessing(config)
    for row in run.data.split.train[:6]:
        record = dataset._dataset[int(dataset.images[row])]
        image_id, number = record["image_id"], int(row) % 2
        filtered = scipy.ndimage.median_filter(record["image"][..., 0], 5, mode="reflect")  # the phantom is grey
        example = Example(np.repeat(filtered[..., None], 3, axis=2), record["mask"])
        if number:
            random = np.random.default_rng([config.data.split_seed, number, *image_id.encode()])
            example = augmentation.apply(example, 0, crop=False, rng=random)
        pixels = scaled.apply(squash(example, 16, scaled.interpolation).image[None])
        assert stored[str(table.image_id[row])][0] == fingerprint(pixels), (image_id, number)
    run.checkpoints.close()


def test_what_changed_is_computed_again(config, tmp_path, passed, monkeypatch):
    run, _ = run_to_the_end(config, tmp_path)
    ids = run.data.dataset.table.image_id
    train_rows = run.data.split.train
    store = json.loads((tmp_path / "features/index.json").read_text())["images"]
    assert sorted(store) == sorted(ids[np.concatenate(list(run.data.split.parts().values()))].tolist())
    # One image: both of its versions, which are one batch.
    changed = ids[train_rows[0]].split("#")[0]
    read = VariantDataset.__getitem__

    def other(self, row):
        record = read(self, row)
        if record["image_id"].split("#")[0] == changed:
            record = {**record, "image": 255 - record["image"]}
        return record

    passed.clear()
    with monkeypatch.context() as patch:
        patch.setattr(VariantDataset, "__getitem__", other)
        config.train.epochs = 3
        run_to_the_end(config, tmp_path)
        assert sum(passed) == 8
        now = json.loads((tmp_path / "features/index.json").read_text())["images"]
        assert {name for name in store if now[name] != store[name]} == {changed, f"{changed}#1"}
    # Other weights, before a checkpoint: all of them.
    passed.clear()
    shutil.rmtree(tmp_path / "checkpoints")
    tensors = keras_tensors()
    tensors["deep/kernel"] *= 2
    write_legacy(tmp_path / "tiny.weights.h5", tensors)
    run = start(config, tmp_path)
    store = run._features.store(run.new_state(), ("train", "val", "test"))
    jax.effects_barrier()
    assert sum(passed) == padded(sum(len(rows) for rows in run.data.split.parts().values()))
    run.checkpoints.close()
    files = {path.name for path in (tmp_path / "features").glob("*.npy")}
    assert files == {file for _, file, _ in store._places.values()}


def stop_second(calls, real, *arguments):
    """Does what it is for once, and is killed the second time."""
    calls.append(1)
    if len(calls) == 2:
        raise KeyboardInterrupt
    return real(*arguments)


def test_a_killed_run_goes_on_with_whole_files(config, tmp_path, passed, monkeypatch):
    """Killed while the second file is written, or between a file and the index."""
    monkeypatch.setattr("busjax.training.features.FILE_ROWS", 8)
    run = start(config, tmp_path / "whole")
    state = run.new_state()
    store = run._features.store(state, ("train", "val", "test"))
    names = list(store._places)
    whole = {name: store.features(name) for name in names}
    run.checkpoints.close()
    for when in ("save", "index"):
        folder = tmp_path / when
        run = start(config, folder)
        calls: list[int] = []
        save, write = np.save, write_atomic

        with monkeypatch.context() as patch:
            if when == "save":
                patch.setattr("busjax.data.stored.np.save", functools.partial(stop_second, calls, save))
            else:
                patch.setattr("busjax.data.stored.write_atomic", functools.partial(stop_second, calls, write))
            with pytest.raises(KeyboardInterrupt):
                run._features.store(state, ("train", "val", "test"))
        jax.effects_barrier()
        passed.clear()
        run.checkpoints.close()
        run = start(config, folder)
        store = run._features.store(state, ("train", "val", "test"))
        run.checkpoints.close()
        jax.effects_barrier()
        assert sum(passed) == padded(len(names)) - 8
        for name in names:
            np.testing.assert_array_equal(store.features(name), whole[name], err_msg=name)
        left = {path.name for path in (folder / "features").iterdir()}
        assert left == {file for _, file, _ in store._places.values()} | {"index.json"}


def test_training_on_features_is_training_on_images(config, tmp_path):
    """The frozen network on the same versions, with dropout: the same heads, and nothing else has moved."""
    states = {}
    for stored in (True, False):
        config.train.stored_features = stored
        folder = tmp_path / str(stored)
        run = start(config, folder)
        first = jax.device_get(run.new_state())
        assert train(run, quiet())
        states[stored] = (flat(first.networks["net"].params), flat(final_state(run).networks["net"].params))
        run.checkpoints.close()
    for name, value in states[True][1].items():
        np.testing.assert_allclose(value, states[False][1][name], atol=2e-5, err_msg=name)
        head = name.startswith(("hidden_layers", "classifier"))
        assert np.array_equal(value, states[True][0][name]) != head, name


def test_maps_of_a_linear_head_come_from_features(config, tmp_path):
    config.model.net.head = ConfigDict({"widths": (), "pool": "average", "dropout_rate": 0.0, "outputs": 2})
    config.loss.name = "cross_entropy"
    validate(config)
    run = start(config, tmp_path)
    state = run.new_state()
    maps = run.score(state, "test").cams["net"]
    run.checkpoints.close()
    config.train.stored_features = False
    run = start(config, tmp_path / "images")
    expected = run.score(state, "test").cams["net"]
    run.checkpoints.close()
    assert maps.shape[1:] == (1, 8, 8)
    np.testing.assert_allclose(maps, expected, atol=1e-4)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"model.batch_norm": "batch"},
            "model.batch_norm: found 'batch', expected 'frozen' with train.stored_features",
        ),
        ({"data.variants": 0}, "data.variants: found 0, expected at least 2: data.augment would change images"),
        ({"data.variants": 1}, "data.variants: found 1, expected 0 for none, or a whole number of versions from 2 on"),
        ({"data.resize": "short_side"}, "data.resize: found 'short_side', .* with train.stored_features"),
        ({"data.split": "augmented_image", "data.variants": 0}, "data.variants: found 0, .* 'augmented_image'"),
        ({"data.augment": ConfigDict({})}, "data.variants: found 2, expected 0: data.augment changes nothing"),
        ({"model.net.head.pool": "max"}, "model.net.head.pool: found 'max', expected one of average, flatten"),
        ({"model.net.head.widths": ()}, "model.net.head.pool: found 'flatten', expected 'average' but for"),
    ],
)
def test_fields_that_do_not_fit(config, fields, message):
    with config.unlocked():
        for field, value in fields.items():
            *above, last = field.split(".")
            place = config
            for name in above:
                place = place[name]
            place[last] = value
    with pytest.raises(ConfigError, match=message):
        validate(config)


def test_all_below_the_head_must_be_frozen(config, tmp_path):
    config.pretrained.freeze = ("image_tower/*", "trunk/blocks/unit/norm/*")
    with pytest.raises(
        ConfigError, match=r"^train.stored_features: trunk/blocks/unit/conv/\S+ is trained, expected pretrained"
    ):
        start(config, tmp_path)


def test_methods_without_features_refuse_them():
    config = rem.get_config("demo")
    config.train.stored_features = True
    with pytest.raises(ConfigError, match=r"train.stored_features: found True, expected False of"):
        validate(config)
