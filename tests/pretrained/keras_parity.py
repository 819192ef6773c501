"""What tests of Keras's releases share: random weights of a sane scale, files of them, and the comparison."""

import os
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "jax")

import h5py
import jax
import numpy as np
import pytest

from tests.pretrained.parity import random_image, relative_error

keras = pytest.importorskip("keras")

LAYOUTS = ("legacy", "keras3")

KERAS_WARNINGS = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
"""Keras 3 on NumPy 2, when a variable becomes an array; `pytestmark` of the modules that do so."""


def randomise(model, seed: int = 0):
    """Fills a model: kernels with variance 2 / fan-in, everything else with values that a mix-up would show."""
    generator = np.random.default_rng(seed)
    for layer in model.layers:
        for variable in layer.variables:
            shape = variable.shape
            if len(shape) > 1:
                inputs = shape[:2] if shape[-1] == 1 else shape[:-1]  # a depthwise kernel is [h, w, channels, 1]
                values = generator.standard_normal(shape, np.float32) * np.float32(np.sqrt(2 / np.prod(inputs)))
            elif variable.name in ("gamma", "moving_variance"):
                values = generator.uniform(0.5, 1.5, shape)
            else:
                values = generator.normal(0.0, 0.1, shape)
            variable.assign(values)
    return model


def save(model, folder: Path, layout: str = "legacy") -> Path:
    """A file in the layout in which Keras has released its weights, or in that of Keras 3."""
    from keras.src.legacy.saving import legacy_h5_format

    if layout == "keras3":
        path = folder / "keras3.weights.h5"
        model.save_weights(path)
        return path
    path = folder / "legacy.h5"
    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, model)
    return path


def requested(monkeypatch, function, **arguments) -> tuple[str, str]:
    """The URL and the MD5 sum ('' where Keras has none) of the file that a function of `keras.applications` fetches."""
    asked = []

    def refuse(name, url, file_hash="", **_):
        asked.append((url, file_hash))
        raise FileNotFoundError(name)

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", refuse)
    with pytest.raises(FileNotFoundError):
        function(weights="imagenet", **arguments)
    return asked[0]


def errors(network, variables, model, last: str, size: tuple[int, int] | None = None) -> tuple[float, float]:
    """Relative errors of features and logits on one random image.

    Args:
      network, variables: ours.
      model: Keras's, without softmax.
      last: name of its layer whose output are the features.
      size: of the image; by default the model's.
    """
    image = random_image(size or model.input_shape[1:3])
    both = keras.Model(model.input, [model.get_layer(last).output, model.output])
    features, logits = both.predict(image, verbose=0)
    outputs = jax.jit(network.apply)(variables, image)
    return relative_error(outputs.features, features), relative_error(outputs.logits, logits)
