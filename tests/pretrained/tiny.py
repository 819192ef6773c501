"""A small network with every kind of layer, its releases in two layouts, and files of them without any framework."""

import functools
from pathlib import Path

import flax.linen as nn
import h5py
import numpy as np

from busjax.models.backbone import Backbone
from busjax.models.layers import ConvNorm, Settings, repeat
from busjax.pretrained.release import HALVES, Layers, Release

SIZE = 8
CLASSES = 5


class Lower(nn.Module):
    settings: Settings

    @nn.compact
    def __call__(self, x, train):
        x = ConvNorm(self.settings, 8, (3, 3), (2, 2), name="stem")(x, train)
        return ConvNorm(self.settings, 8, (3, 3), depthwise=True, name="deep")(x, train)


class Block(nn.Module):
    settings: Settings
    train: bool

    @nn.compact
    def __call__(self, x, _):
        return ConvNorm(self.settings, 8, (1, 1), use_bias=True, name="unit")(x, self.train), None


class Upper(nn.Module):
    settings: Settings

    @nn.compact
    def __call__(self, x, train):
        return repeat(Block, 2, self.settings, train, name="blocks")(x, None)[0]


class Hidden(nn.Module):
    @nn.compact
    def __call__(self, x, keys=None):
        return nn.relu(nn.Dense(6, name="fc")(x.reshape(x.shape[0], -1)))


def tiny(settings: Settings) -> Backbone:
    return Backbone(functools.partial(Lower, settings), functools.partial(Upper, settings), 8, Hidden)


def keras_layers() -> Layers:
    return {
        "image_tower/stem/conv": "conv2d#0",
        "image_tower/stem/norm": "batch_normalization#0",
        "image_tower/deep/conv": "deep",
        "image_tower/deep/norm": "deep_bn",
        "trunk/blocks/unit/conv": ("block1", "block2"),
        "trunk/blocks/unit/norm": ("block1_bn", "block2_bn"),
        "classifier": "predictions|probs",
    }


def torch_layers() -> Layers:
    return {
        "image_tower/stem/conv": "stem.0",
        "image_tower/stem/norm": "stem.1",
        "image_tower/deep/conv": "deep.0",
        "image_tower/deep/norm": "deep.1",
        "trunk/blocks/unit/conv": ("block.0.conv", "block.1.conv"),
        "trunk/blocks/unit/norm": ("block.0.bn", "block.1.bn"),
        "hidden_layers/fc": "fc1:chw4x4x8",
        "classifier": "fc2",
    }


FACTS = {"backbone": "tiny", "input_size": SIZE, "preprocessing": HALVES, "licence": "none", "classes": CLASSES}
KERAS = Release(
    name="keras/tiny", layout="keras", layers=keras_layers, parameters=3 * 72 + 72 + 2 * 72 + 4 * 32 + 45, **FACTS
)
TORCH = Release(
    name="torch/tiny",
    layout="torch",
    layers=torch_layers,
    parameters=3 * 72 + 72 + 2 * 72 + 4 * 16 + 128 * 6 + 6 + 35,
    hidden_layers=True,
    ignored=("aux.*",),
    **FACTS,
)


def _random(shapes: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    return {name: generator.uniform(0.1, 1.0, shape).astype(np.float32) for name, shape in shapes.items()}


def keras_tensors() -> dict[str, np.ndarray]:
    """The tensors of a file of `KERAS`, by the names that `read_tensors` gives."""
    shapes: dict[str, tuple[int, ...]] = {"conv2d_7/kernel": (3, 3, 3, 8), "deep/kernel": (3, 3, 8, 1)}
    for name in ("block1", "block2"):
        shapes |= {f"{name}/kernel": (1, 1, 8, 8), f"{name}/bias": (8,)}
    for name in ("batch_normalization_12", "deep_bn", "block1_bn", "block2_bn"):
        shapes |= {f"{name}/{leaf}": (8,) for leaf in ("gamma", "beta", "moving_mean", "moving_variance")}
    return _random(shapes | {"probs/kernel": (8, CLASSES), "probs/bias": (CLASSES,)})


def torch_tensors() -> dict[str, np.ndarray]:
    """The tensors of a file of `TORCH`."""
    shapes: dict[str, tuple[int, ...]] = {"stem.0.weight": (8, 3, 3, 3), "deep.0.weight": (8, 1, 3, 3)}
    for i in range(2):
        shapes |= {f"block.{i}.conv.weight": (8, 8, 1, 1), f"block.{i}.conv.bias": (8,)}
    for name in ("stem.1", "deep.1", "block.0.bn", "block.1.bn"):
        shapes |= {f"{name}.{leaf}": (8,) for leaf in ("weight", "bias", "running_mean", "running_var")}
        shapes[f"{name}.num_batches_tracked"] = ()
    shapes |= {"fc1.weight": (6, 128), "fc1.bias": (6,), "fc2.weight": (CLASSES, 6), "fc2.bias": (CLASSES,)}
    return _random(shapes | {"aux.fc.weight": (2, 2)})


def write_legacy(path: Path, tensors: dict[str, np.ndarray], suffix: str = ":0") -> Path:
    """Keras's legacy layout, with names as Keras 2 writes them."""
    layers: dict[str, list[str]] = {}
    for name in tensors:
        layers.setdefault(name.partition("/")[0], []).append(name)
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.encode() for layer in layers]
        for layer, names in layers.items():
            group = file.create_group(layer)
            group.attrs["weight_names"] = [f"{name}{suffix}".encode() for name in names]
            for name in names:
                group[f"{name}{suffix}"] = tensors[name]
    return path
