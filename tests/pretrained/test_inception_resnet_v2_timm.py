"""Inception-ResNet-v2 in timm's layout: what PyTorch saves gives the same features and logits here."""

import pytest

from busjax.pretrained.inception_resnet_v2 import RELEASES
from busjax.pretrained.load import load_variables, make_release_network
from tests.pretrained.torch_parity import errors, randomise, torch

safetensors = pytest.importorskip("safetensors.torch")

(RELEASE,) = (release for release in RELEASES if release.layout == "torch")

# Branches: features, kernel and, for the last, stride of each convolution; all others are padded to keep the size.
MIXED_5B = (((96, 1),), ((48, 1), (64, 5)), ((64, 1), (96, 3), (96, 3)))
MIXED_6A = (((384, 3, 2),), ((256, 1), (256, 3), (384, 3, 2)))
MIXED_7A = (((256, 1), (384, 3, 2)), ((256, 1), (288, 3, 2)), ((256, 1), (288, 3), (320, 3, 2)))
BLOCK35 = (((32, 1),), ((32, 1), (32, 3)), ((32, 1), (48, 3), (64, 3)))
BLOCK17 = (((192, 1),), ((128, 1), (160, (1, 7)), (192, (7, 1))))
BLOCK8 = (((192, 1),), ((192, 1), (224, (1, 3)), (256, (3, 1))))


class Unit(torch.nn.Module):
    def __init__(self, channels, features, kernel, stride=1, padding=None):
        super().__init__()
        sides = kernel if isinstance(kernel, tuple) else (kernel, kernel)
        if padding is None:
            padding = tuple(side // 2 for side in sides) if stride == 1 else 0
        self.conv = torch.nn.Conv2d(channels, features, sides, stride, padding, bias=False)
        self.bn = torch.nn.BatchNorm2d(features, eps=1e-3)

    def forward(self, x):
        return torch.relu(self.bn(self.conv(x)))


def units(channels, branch, *before):
    """One convolution by itself, several in a row."""
    made = list(before)
    for features, *form in branch:
        made.append(Unit(channels, features, *form))
        channels = features
    return made[0] if len(made) == 1 else torch.nn.Sequential(*made)


class Branches(torch.nn.Module):
    def __init__(self, channels, branches):
        super().__init__()
        self.count = len(branches)
        for i, branch in enumerate(branches):
            setattr(self, f"branch{i}", units(channels, branch))

    def all_branches(self, x):
        return torch.cat([getattr(self, f"branch{i}")(x) for i in range(self.count)], 1)


class Mixed5b(Branches):
    def __init__(self):
        super().__init__(192, MIXED_5B)
        self.count = 4
        average = torch.nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)
        self.branch3 = units(192, ((64, 1),), average)

    def forward(self, x):
        return self.all_branches(x)


class Halving(Branches):
    def forward(self, x):
        return torch.cat([self.all_branches(x), torch.nn.functional.max_pool2d(x, 3, 2)], 1)


class Residual(Branches):
    def __init__(self, channels, branches, scale, activate=True):
        super().__init__(channels, branches)
        self.scale, self.activate = scale, activate
        self.conv2d = torch.nn.Conv2d(sum(branch[-1][0] for branch in branches), channels, 1)

    def forward(self, x):
        x = x + self.scale * self.conv2d(self.all_branches(x))
        return torch.relu(x) if self.activate else x


class TimmInceptionResnet(torch.nn.Module):
    """timm's modules and their names."""

    def __init__(self):
        super().__init__()
        self.conv2d_1a = Unit(3, 32, 3, 2)
        self.conv2d_2a = Unit(32, 32, 3, padding=0)
        self.conv2d_2b = Unit(32, 64, 3)
        self.conv2d_3b = Unit(64, 80, 1)
        self.conv2d_4a = Unit(80, 192, 3, padding=0)
        self.mixed_5b = Mixed5b()
        self.repeat = torch.nn.Sequential(*(Residual(320, BLOCK35, 0.17) for _ in range(10)))
        self.mixed_6a = Halving(320, MIXED_6A)
        self.repeat_1 = torch.nn.Sequential(*(Residual(1088, BLOCK17, 0.1) for _ in range(20)))
        self.mixed_7a = Halving(1088, MIXED_7A)
        self.repeat_2 = torch.nn.Sequential(*(Residual(2080, BLOCK8, 0.2) for _ in range(9)))
        self.block8 = Residual(2080, BLOCK8, 1.0, activate=False)
        self.conv2d_7b = Unit(2080, 1536, 1)
        self.classif = torch.nn.Linear(1536, 1000)

    def forward(self, x):
        halve = torch.nn.functional.max_pool2d
        x = halve(self.conv2d_2b(self.conv2d_2a(self.conv2d_1a(x))), 3, 2)
        x = halve(self.conv2d_4a(self.conv2d_3b(x)), 3, 2)
        x = self.repeat_1(self.mixed_6a(self.repeat(self.mixed_5b(x))))
        x = self.conv2d_7b(self.block8(self.repeat_2(self.mixed_7a(x))))
        return x, self.classif(x.mean((2, 3)))


@pytest.mark.parametrize("size", [(139, 171), pytest.param((299, 299), marks=pytest.mark.slow)])
def test_timms_file_gives_the_same_function(tmp_path, size):
    model = randomise(TimmInceptionResnet())
    assert sum(p.numel() for p in model.parameters()) == RELEASE.parameters
    path = tmp_path / "model.safetensors"
    safetensors.save_file(model.state_dict(), path)
    variables = load_variables(RELEASE, path)
    assert max(errors(make_release_network(RELEASE), variables, model, size)) < 1e-4
