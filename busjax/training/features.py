"""Features below a frozen head: computed once for a run, kept in its work directory, read in place of images.

Hijab et al. 2019 train a classifier on the "saved features" of a network that does not change (section III). Whether
they still hold is told by fingerprints: of the network (its settings, parameters and running statistics below the
head) and of the pixels that it sees of each image, after resize, augmentation and scaling. With another network all
are computed again, with other pixels those of the changed images.
"""

import hashlib
import json
import math
from collections.abc import Iterator
from typing import Any

import grain
import jax
import numpy as np
from jax.experimental import multihost_utils
from jaxtyping import Float32, Int
from ml_collections import ConfigDict
from rich.console import Console

from busjax.data.pipeline import EvaluationBatches
from busjax.data.stored import FeatureStore, evaluation_features, training_features
from busjax.methods import Method
from busjax.methods.freezing import is_frozen, path_name
from busjax.training import parallel
from busjax.training.errors import ConfigError
from busjax.training.releases import settle_releases
from busjax.training.run_data import RunData, evaluation_stream
from busjax.training.workdir import Workdir

HEAD = ("hidden_layers", "classifier")
FILE_ROWS = 512  # images in a file of features, about


def refuse_trained_features(method: Method, config: ConfigDict) -> None:
    """Checks that everything below the head is frozen where features are stored.

    Raises:
      ConfigError: naming the first parameter that is not.
    """
    if not config.train.stored_features:
        return
    state = jax.eval_shape(lambda key: method.init(key, config.data.image_size), jax.random.PRNGKey(0))
    for network in state.networks.values():
        for path, _ in jax.tree_util.tree_leaves_with_path(network.params):
            if path[0].key not in HEAD and not is_frozen(path, tuple(config.pretrained.freeze)):
                raise ConfigError(
                    f"train.stored_features: {path_name(path)} is trained, expected pretrained.freeze to hold all that "
                    "is below the head, as ('image_tower/*', 'trunk/*') does"
                )


def network_fingerprint(config: ConfigDict, state: Any) -> str:
    """What tells apart networks that give other features: settings, and every value below the head."""
    (name,) = state.networks
    settled = settle_releases(config).model
    own = {key: value for key, value in settled[name].to_dict().items() if key not in ("head", "task")}
    shared = {"norm_scale": settled.norm_scale, "norm_epsilon": settled.norm_epsilon, "dtype": config.dtype}
    digest = hashlib.sha256(json.dumps([own, shared], sort_keys=True).encode())
    network = state.networks[name]
    for tree in (network.params, network.batch_stats):
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
            if path[0].key not in HEAD:
                value = np.asarray(leaf)
                digest.update(f"{path_name(path)} {value.shape} {value.dtype}".encode())
                digest.update(np.ascontiguousarray(value).tobytes())
    return digest.hexdigest()


def fingerprint(pixels: Float32[np.ndarray, "views height width 3"]) -> str:
    """Of an image as the network sees it."""
    return hashlib.blake2b(np.ascontiguousarray(pixels).tobytes(), digest_size=16).hexdigest()


class RunFeatures:
    """The stored features of a run, filled part by part as they are asked for."""

    def __init__(self, config: ConfigDict, workdir: Workdir, data: RunData, method: Method, mesh: jax.sharding.Mesh):
        """Computes nothing yet; the arguments are those of the run."""
        self._config, self._folder, self._data, self._mesh = config, workdir.features, data, mesh
        self._compute = parallel.map_predict(method.features, mesh) if method.features is not None else None
        self._store: FeatureStore | None = None
        self._ready: set[str] = set()

    def store(self, state: Any, parts: tuple[str, ...], console: Console | None = None) -> FeatureStore:
        """The store, with the features of these parts; what is missing is computed. Every process must call it.

        Args:
          state: of the run; every state of a run has the same network below its head.
          parts: of 'train', 'val', 'test'.
          console: to tell how many images were computed.
        """
        wanted = [part for part in parts if part not in self._ready]
        if self._store is None or wanted:
            network = network_fingerprint(self._config, state)
            store = FeatureStore(self._folder, network)
            rows = np.concatenate([self._data.split.parts()[part] for part in wanted])
            made = self._fill(store, state, rows)
            if jax.process_count() > 1:
                multihost_utils.sync_global_devices("features")
            if jax.process_index() == 0:
                store.clear()
            # Opened anew: only the first process has written, and all read.
            self._store = FeatureStore(self._folder, network)
            self._ready |= {*wanted}
            if console is not None:
                several = self._data.images_text(rows)
                console.print(f"features of {several}: {made} computed, {len(rows) - made} read")
        return self._store

    def _fill(self, store: FeatureStore, state: Any, rows: Int[np.ndarray, " rows"]) -> int:
        """Computes what is missing, a batch at a time, and writes it, some batches at a time. Gives their number.

        Batches are cut from the list of missing images, and files hold whole batches: when a killed run goes on, every
        image is in the batch that it would have been in.
        """
        devices = self._mesh.devices.size
        size = devices * math.ceil(self._config.eval.batch_size / devices)
        per_file = size * math.ceil(FILE_ROWS / size)
        pixels: dict[str, str] = {}
        images: list[np.ndarray] = []
        done: list[np.ndarray] = []
        made = 0

        def compute() -> None:
            nonlocal made
            made += len(images)
            done.append(self._features(state, images, size))
            images.clear()

        def write() -> None:
            if jax.process_index() == 0:
                store.add(pixels, np.concatenate(done))
            pixels.clear()
            done.clear()

        for image_id, image in self._pixels(rows):
            own = {image_id: fingerprint(image)}
            if not store.missing(own):
                continue
            pixels |= own
            images.append(image)
            if len(images) == size:
                compute()
            if len(pixels) == per_file:
                write()
        if images:
            compute()
        if done:
            write()
        return made

    def _pixels(self, rows: Int[np.ndarray, " rows"]) -> Iterator[tuple[str, np.ndarray]]:
        """Each image's name, and its pixels as the network sees them; all of them in every process."""
        names = self._data.dataset.table.image_id
        for batch in evaluation_stream(self._config, self._data, rows, None, cache=False):
            for at in np.flatnonzero(batch["weight"] > 0):
                yield str(names[batch["index"][at]]), batch["image"][at]

    def _features(self, state: Any, images: list[np.ndarray], size: int) -> Float32[np.ndarray, "images h w channels"]:
        """Of up to `size` images; a shorter list is padded, so that one program serves all."""
        assert self._compute is not None
        whole = np.stack([*images, *[images[-1]] * (size - len(images))])
        placed = jax.make_array_from_callback(whole.shape, parallel.divided(self._mesh), lambda index: whole[index])
        found = np.asarray(self._compute(state, {"image": placed}))
        return found[: len(images), 0].astype(np.float32)


def training_feature_stream(
    config: ConfigDict, data: RunData, store: FeatureStore, sharding: jax.sharding.NamedSharding
) -> grain.IterDataset:
    """Endless training batches of stored features on the devices."""
    return training_features(
        store,
        data.dataset.table,
        data.split.train,
        batch_size=config.train.batch_size,
        seed=config.seed,
        sharding=sharding,
        process_index=jax.process_index(),
        process_count=jax.process_count(),
    )


def evaluation_feature_stream(
    config: ConfigDict, data: RunData, store: FeatureStore, part: str, sharding: jax.sharding.NamedSharding
) -> EvaluationBatches:
    """Batches of stored features that hold each image of a part once."""
    devices = len(sharding.device_set)
    return evaluation_features(
        store,
        data.dataset.table,
        data.split.parts()[part],
        batch_size=devices * math.ceil(config.eval.batch_size / devices),
        sharding=sharding,
        process_index=jax.process_index(),
        process_count=jax.process_count(),
    )
