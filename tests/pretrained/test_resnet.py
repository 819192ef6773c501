"""ResNet-50's released layouts: what Keras and PyTorch save gives the same features and logits here."""

import pytest

from busjax.pretrained.load import load_variables, make_release_network
from busjax.pretrained.resnet import RELEASES
from tests.models.anatomy import count, images, shapes
from tests.pretrained import keras_parity, torch_parity
from tests.pretrained.keras_parity import keras
from tests.pretrained.torch_parity import torch

pytestmark = keras_parity.KERAS_WARNINGS

KERAS, *TORCHVISION = RELEASES


def keras_resnet50(size=(224, 224)):
    return keras.applications.ResNet50(weights=None, input_shape=(*size, 3), classifier_activation=None)


@pytest.mark.parametrize("layout", keras_parity.LAYOUTS)
def test_keras_file_gives_the_same_function(tmp_path, layout):
    model = keras_parity.randomise(keras_resnet50())
    assert model.count_params() == KERAS.parameters
    variables = load_variables(KERAS, keras_parity.save(model, tmp_path, layout))
    network = make_release_network(KERAS)
    if layout == "legacy":
        assert max(keras_parity.errors(network, variables, model, "conv5_block3_out")) < 1e-4
    odd = keras_resnet50((97, 139))
    odd.set_weights(model.get_weights())
    assert max(keras_parity.errors(network, variables, odd, "conv5_block3_out")) < 1e-4


def test_the_released_files_spelling_of_the_last_layer(tmp_path):
    """It is the one that Keras's function had when the file was made."""
    model = keras_resnet50((32, 32))
    averaged = model.get_layer("avg_pool").output
    renamed = keras.Model(model.input, keras.layers.Dense(1000, name="probs")(averaged))
    variables = load_variables(KERAS, keras_parity.save(renamed, tmp_path))
    assert (variables["params"]["classifier"]["kernel"] == renamed.layers[-1].kernel.numpy()).all()


def test_keras_loads_the_same_file(monkeypatch):
    url, md5 = keras_parity.requested(monkeypatch, keras.applications.ResNet50)
    assert (url, f"md5:{md5}") == (KERAS.url, KERAS.checksum)


def normalised(channels, features, kernel, **form):
    """The modules of torchvision's 'convN' and 'bnN'."""
    return torch.nn.Conv2d(channels, features, kernel, bias=False, **form), torch.nn.BatchNorm2d(features)


class Bottleneck(torch.nn.Module):
    def __init__(self, channels, inside, stride, project):
        super().__init__()
        self.conv1, self.bn1 = normalised(channels, inside, 1)
        self.conv2, self.bn2 = normalised(inside, inside, 3, stride=stride, padding=1)
        self.conv3, self.bn3 = normalised(inside, 4 * inside, 1)
        if project:
            self.downsample = torch.nn.Sequential(*normalised(channels, 4 * inside, 1, stride=stride))

    def forward(self, x):
        y = torch.relu(self.bn1(self.conv1(x)))
        y = torch.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return torch.relu(y + (self.downsample(x) if hasattr(self, "downsample") else x))


class TorchResnet50(torch.nn.Module):
    """torchvision's modules and their names."""

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = normalised(3, 64, 7, stride=2, padding=3)
        channels = 64
        for stage, blocks in enumerate((3, 4, 6, 3)):
            inside = 64 * 2**stage
            first = Bottleneck(channels, inside, 1 if stage == 0 else 2, project=True)
            channels = 4 * inside
            later = [Bottleneck(channels, inside, 1, project=False) for _ in range(blocks - 1)]
            setattr(self, f"layer{stage + 1}", torch.nn.Sequential(first, *later))
        self.fc = torch.nn.Linear(channels, 1000)

    def forward(self, x):
        x = torch.nn.functional.max_pool2d(torch.relu(self.bn1(self.conv1(x))), 3, 2, padding=1)
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = stage(x)
        return x, self.fc(x.mean((2, 3)))


def test_torchvisions_file_gives_the_same_function(tmp_path):
    model = torch_parity.randomise(TorchResnet50())
    path = torch_parity.save(model, tmp_path)
    for release in TORCHVISION:
        assert sum(p.numel() for p in model.parameters()) == release.parameters
    variables = load_variables(TORCHVISION[0], path)
    network = make_release_network(TORCHVISION[0])
    for size in ((224, 224), (97, 139)):
        assert max(torch_parity.errors(network, variables, model, size)) < 1e-4


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.name)
def test_releases_have_the_published_number_of_values(release):
    variables = shapes(make_release_network(release), images(release.input_size))
    statistics = count(variables["batch_stats"]) if release.layout == "keras" else 0
    assert count(variables["params"]) + statistics == release.parameters
