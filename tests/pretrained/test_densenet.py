"""DenseNet's released layouts: what Keras and PyTorch save gives the same features and logits here."""

import re

import h5py
import jax
import numpy as np
import pytest

from busjax.models.densenet import DENSENET121, DENSENET161
from busjax.pretrained.densenet import RELEASES
from busjax.pretrained.load import load_variables, make_release_network
from tests.models.anatomy import count, images, shapes
from tests.pretrained import keras_parity, torch_parity
from tests.pretrained.keras_parity import keras
from tests.pretrained.torch_parity import torch

pytestmark = keras_parity.KERAS_WARNINGS

BY_NAME = {release.name: release for release in RELEASES}
KERAS = BY_NAME["keras/densenet121"]
SIZES = {"densenet121": DENSENET121, "densenet161": DENSENET161}


def keras_densenet121(size=(224, 224)):
    return keras.applications.DenseNet121(weights=None, input_shape=(*size, 3), classifier_activation=None)


@pytest.mark.slow
def test_keras_file_gives_the_same_function(tmp_path):
    model = keras_parity.randomise(keras_densenet121())
    assert model.count_params() == KERAS.parameters
    network = make_release_network(KERAS)
    variables = load_variables(KERAS, keras_parity.save(model, tmp_path))
    assert max(keras_parity.errors(network, variables, model, "relu")) < 1e-4


def test_keras3_file_gives_the_same_function_at_an_odd_size(tmp_path):
    model = keras_parity.randomise(keras_densenet121((97, 139)))
    variables = load_variables(KERAS, keras_parity.save(model, tmp_path, "keras3"))
    assert max(keras_parity.errors(make_release_network(KERAS), variables, model, "relu")) < 1e-4


def respell(path, names):
    """Another file with other names for some layers, as a model with these names would have been saved."""
    other = path.with_name("respelled.h5")
    with h5py.File(path) as source, h5py.File(other, "w") as target:
        layers = [str(layer) for layer in source.attrs["layer_names"].astype(str)]
        target.attrs["layer_names"] = [names.get(layer, layer).encode() for layer in layers]
        for layer in layers:
            name, group = names.get(layer, layer), source[layer]
            weights = [str(weight) for weight in group.attrs["weight_names"].astype(str)]
            spelled = [f"{name}/{weight.rpartition('/')[2]}:0" for weight in weights]
            target.create_group(name).attrs["weight_names"] = [weight.encode() for weight in spelled]
            for old, new in zip(weights, spelled, strict=True):
                target[name][new] = group[old][()]
    return other


def equal(one, other) -> bool:
    return jax.tree.all(jax.tree.map(np.array_equal, one, other))


def test_the_released_keras_file_is_spelled_differently(tmp_path):
    """In two names there are strokes where now there are underscores, and the last layer is 'fc1000'."""
    path = keras_parity.save(keras_densenet121((32, 32)), tmp_path)
    older = respell(path, {"conv1_conv": "conv1/conv", "conv1_bn": "conv1/bn", "predictions": "fc1000"})
    assert equal(load_variables(KERAS, older), load_variables(KERAS, path))


def test_keras_loads_the_same_file(monkeypatch):
    url, md5 = keras_parity.requested(monkeypatch, keras.applications.DenseNet121)
    assert (url, f"md5:{md5}") == (KERAS.url, KERAS.checksum)


class DenseLayer(torch.nn.Module):
    def __init__(self, channels, growth):
        super().__init__()
        self.norm1, self.conv1 = torch.nn.BatchNorm2d(channels), torch.nn.Conv2d(channels, 4 * growth, 1, bias=False)
        self.norm2 = torch.nn.BatchNorm2d(4 * growth)
        self.conv2 = torch.nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False)

    def forward(self, x):
        y = self.conv1(torch.relu(self.norm1(x)))
        return torch.cat([x, self.conv2(torch.relu(self.norm2(y)))], 1)


class Transition(torch.nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.norm, self.conv = torch.nn.BatchNorm2d(channels), torch.nn.Conv2d(channels, channels // 2, 1, bias=False)

    def forward(self, x):
        return torch.nn.functional.avg_pool2d(self.conv(torch.relu(self.norm(x))), 2)


class TorchDensenet(torch.nn.Module):
    """torchvision's modules and their names."""

    def __init__(self, sizes):
        super().__init__()
        parts = {
            "conv0": torch.nn.Conv2d(3, sizes.stem, 7, stride=2, padding=3, bias=False),
            "norm0": torch.nn.BatchNorm2d(sizes.stem),
            "relu0": torch.nn.ReLU(),
            "pool0": torch.nn.MaxPool2d(3, 2, padding=1),
        }
        channels = sizes.stem
        for block, layers in enumerate(sizes.blocks, 1):
            parts[f"denseblock{block}"] = dense = torch.nn.Sequential()
            for layer in range(1, layers + 1):
                dense.add_module(f"denselayer{layer}", DenseLayer(channels, sizes.growth))
                channels += sizes.growth
            if block < 4:
                parts[f"transition{block}"] = Transition(channels)
                channels //= 2
        parts["norm5"] = torch.nn.BatchNorm2d(channels)
        self.features = torch.nn.Sequential()
        for name, part in parts.items():
            self.features.add_module(name, part)
        self.classifier = torch.nn.Linear(channels, 1000)

    def forward(self, x):
        features = torch.relu(self.features(x))
        return features, self.classifier(features.mean((2, 3)))


@pytest.mark.parametrize("network", ["densenet121", pytest.param("densenet161", marks=pytest.mark.slow)])
def test_torchvisions_file_gives_the_same_function(tmp_path, network):
    release = BY_NAME[f"torchvision/{network}"]
    model = torch_parity.randomise(TorchDensenet(SIZES[network]))
    assert sum(p.numel() for p in model.parameters()) == release.parameters
    variables = load_variables(release, torch_parity.save(model, tmp_path))
    ours = make_release_network(release)
    for size in ((224, 224), (97, 139)):
        assert max(torch_parity.errors(ours, variables, model, size)) < 1e-4


def test_the_released_torchvision_files_are_spelled_differently(tmp_path):
    release = BY_NAME["torchvision/densenet121"]
    model = TorchDensenet(DENSENET121)
    expected = load_variables(release, torch_parity.save(model, tmp_path))
    tensors = {
        re.sub(r"(denselayer\d+\.(?:norm|conv))([12])\.", r"\1.\2.", name): tensor
        for name, tensor in model.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    assert "features.denseblock4.denselayer16.norm.2.running_var" in tensors
    torch.save(tensors, tmp_path / "older.pth")
    assert equal(load_variables(release, tmp_path / "older.pth"), expected)


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.name)
def test_releases_have_the_published_number_of_values(release):
    variables = shapes(make_release_network(release), images(release.input_size))
    statistics = count(variables["batch_stats"]) if release.layout == "keras" else 0
    assert count(variables["params"]) + statistics == release.parameters
