"""VGG in torchvision's layout: what PyTorch saves gives the same features and logits here."""

import dataclasses

import pytest

from busjax.pretrained import vgg
from busjax.pretrained.load import load_variables, make_release_network
from tests.pretrained.torch_parity import errors, randomise, save, torch

RELEASES = {release.name: release for release in vgg.RELEASES}
SIZES = [(224, 224), (97, 139)]
STAGES = {"vgg16": vgg.VGG16, "vgg19": vgg.VGG19}


class TorchVgg(torch.nn.Module):
    """torchvision's modules and their names, with 1 / `thinner` of the channels."""

    def __init__(self, convolutions, classes, thinner=1):
        super().__init__()
        features, channels = [], 3
        for number, stage in zip(convolutions, (64, 128, 256, 512, 512), strict=True):
            for _ in range(number):
                features += [torch.nn.Conv2d(channels, stage // thinner, 3, padding=1), torch.nn.ReLU()]
                channels = stage // thinner
            features.append(torch.nn.MaxPool2d(2, 2))
        self.features = torch.nn.Sequential(*features)
        self.avgpool = torch.nn.AdaptiveAvgPool2d(7)
        hidden = 4096 // thinner
        self.classifier = torch.nn.Sequential(
            torch.nn.Linear(49 * channels, hidden),
            torch.nn.ReLU(),
            torch.nn.Dropout(),
            torch.nn.Linear(hidden, hidden),
            torch.nn.ReLU(),
            torch.nn.Dropout(),
            torch.nn.Linear(hidden, classes),
        )

    def forward(self, x):
        features = self.features(x)
        return features, self.classifier(torch.flatten(self.avgpool(features), 1))


def thin(release):
    """The release of a network with an eighth of the channels, and ten classes."""
    layers = dict(release.layers())
    layers["hidden_layers/fc6"] = layers["hidden_layers/fc6"].replace("x512", "x64")
    return dataclasses.replace(release, layers=lambda: layers, settings={"width": 0.125}, classes=10)


@pytest.mark.parametrize("backbone", ["vgg16", "vgg19"])
@pytest.mark.parametrize("size", SIZES)
def test_a_thin_torch_network_is_the_same_function(tmp_path, backbone, size):
    release = thin(RELEASES[f"torchvision/{backbone}"])
    model = randomise(TorchVgg(STAGES[backbone], 10, thinner=8))
    variables = load_variables(release, save(model, tmp_path))
    assert max(errors(make_release_network(release), variables, model, size)) < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("backbone", ["vgg16", "vgg19"])
def test_torchvision_at_full_width(tmp_path, backbone):
    release = RELEASES[f"torchvision/{backbone}"]
    model = randomise(TorchVgg(STAGES[backbone], 1000))
    assert sum(p.numel() for p in model.parameters()) == release.parameters
    path = save(model, tmp_path)
    variables = load_variables(release, path)
    path.unlink()  # half a gigabyte
    network = make_release_network(release)
    for size in SIZES:
        assert max(errors(network, variables, model, size)) < 1e-4
