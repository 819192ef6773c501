"""GoogLeNet's released layout: what PyTorch saves gives the same features and logits here."""

import numpy as np
from numpy.testing import assert_allclose

from busjax.pretrained.googlenet import RELEASES
from busjax.pretrained.load import load_variables, make_release_network
from busjax.pretrained.release import IMAGENET_DEVIATION, IMAGENET_MEAN
from tests.pretrained.torch_parity import errors, randomise, save, torch

(RELEASE,) = RELEASES
# Input channels, and of the branches: 1x1; 3x3, reduced to and of; "5x5", reduced to and of; after the pooling.
BLOCKS = {
    "inception3a": (192, 64, 96, 128, 16, 32, 32),
    "inception3b": (256, 128, 128, 192, 32, 96, 64),
    "inception4a": (480, 192, 96, 208, 16, 48, 64),
    "inception4b": (512, 160, 112, 224, 24, 64, 64),
    "inception4c": (512, 128, 128, 256, 24, 64, 64),
    "inception4d": (512, 112, 144, 288, 32, 64, 64),
    "inception4e": (528, 256, 160, 320, 32, 128, 128),
    "inception5a": (832, 256, 160, 320, 32, 128, 128),
    "inception5b": (832, 384, 192, 384, 48, 128, 128),
}


class Unit(torch.nn.Module):
    def __init__(self, channels, features, kernel, **form):
        super().__init__()
        self.conv = torch.nn.Conv2d(channels, features, kernel, bias=False, **form)
        self.bn = torch.nn.BatchNorm2d(features, eps=1e-3)

    def forward(self, x):
        return torch.relu(self.bn(self.conv(x)))


class Block(torch.nn.Module):
    def __init__(self, channels, one, three_in, three, five_in, five, pooled):
        super().__init__()
        self.branch1 = Unit(channels, one, 1)
        self.branch2 = torch.nn.Sequential(Unit(channels, three_in, 1), Unit(three_in, three, 3, padding=1))
        self.branch3 = torch.nn.Sequential(Unit(channels, five_in, 1), Unit(five_in, five, 3, padding=1))
        pool = torch.nn.MaxPool2d(3, stride=1, padding=1, ceil_mode=True)
        self.branch4 = torch.nn.Sequential(pool, Unit(channels, pooled, 1))

    def forward(self, x):
        return torch.cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], 1)


class AuxiliaryHead(torch.nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = Unit(channels, 128, 1)
        self.fc1 = torch.nn.Linear(2048, 1024)
        self.fc2 = torch.nn.Linear(1024, 1000)


class TorchGooglenet(torch.nn.Module):
    """torchvision's modules and their names; the auxiliary heads are in its file, and play no part in evaluation."""

    def __init__(self):
        super().__init__()
        self.conv1 = Unit(3, 64, 7, stride=2, padding=3)
        self.conv2 = Unit(64, 64, 1)
        self.conv3 = Unit(64, 192, 3, padding=1)
        for name, channels in BLOCKS.items():
            setattr(self, name, Block(*channels))
        self.aux1, self.aux2 = AuxiliaryHead(512), AuxiliaryHead(528)
        self.fc = torch.nn.Linear(1024, 1000)

    def forward(self, x):
        def halve(x, window=3):
            return torch.nn.functional.max_pool2d(x, window, 2, ceil_mode=True)

        x = halve(self.conv3(self.conv2(halve(self.conv1(x)))))
        x = halve(self.inception3b(self.inception3a(x)))
        for name in BLOCKS:
            if name > "inception4":
                x = getattr(self, name)(x if name != "inception5a" else halve(x, 2))
        return x, self.fc(x.mean((2, 3)))


def test_torchvisions_file_gives_the_same_function(tmp_path):
    model = randomise(TorchGooglenet())
    parameters = {name: p.numel() for name, p in model.named_parameters()}
    assert sum(parameters.values()) == 13_004_888
    assert sum(n for name, n in parameters.items() if not name.startswith("aux")) == RELEASE.parameters
    variables = load_variables(RELEASE, save(model, tmp_path))
    network = make_release_network(RELEASE)
    for size in ((224, 224), (97, 139)):
        assert max(errors(network, variables, model, size)) < 1e-4


def test_preprocessing_is_torchvisions_with_its_transform_of_the_input():
    pixels = np.arange(256)[:, None]
    normalised = (pixels / 255 - IMAGENET_MEAN) / IMAGENET_DEVIATION
    transformed = normalised * np.array(IMAGENET_DEVIATION) / 0.5 + (np.array(IMAGENET_MEAN) - 0.5) / 0.5
    ours = (pixels - np.array(RELEASE.preprocessing.mean)) / RELEASE.preprocessing.deviation
    assert_allclose(ours, transformed, atol=1e-12)
