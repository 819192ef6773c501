"""Inception-v3 in torchvision's layout: what PyTorch saves gives the same features and logits here."""

import pytest

from busjax.pretrained.inception_v3 import RELEASES
from busjax.pretrained.load import load_variables, make_release_network
from tests.pretrained.torch_parity import errors, randomise, save, torch

(RELEASE,) = (release for release in RELEASES if release.layout == "torch")
HALF = {"stride": 2}
TALL, WIDE = {"padding": (3, 0)}, {"padding": (0, 3)}


class Unit(torch.nn.Module):
    def __init__(self, channels, features, kernel, **form):
        super().__init__()
        self.conv = torch.nn.Conv2d(channels, features, kernel, bias=False, **form)
        self.bn = torch.nn.BatchNorm2d(features, eps=1e-3)

    def forward(self, x):
        return torch.relu(self.bn(self.conv(x)))


def chain(block, name, channels, *units):
    """Units one after the other: NAME_1, NAME_2, ... of a block; each (features, kernel, form)."""
    for i, (features, kernel, form) in enumerate(units, 1):
        setattr(block, f"{name}_{i}", Unit(channels, features, kernel, **form))
        channels = features


def run(block, name, x, count):
    for i in range(1, count + 1):
        x = getattr(block, f"{name}_{i}")(x)
    return x


def average(x):
    return torch.nn.functional.avg_pool2d(x, 3, 1, 1)


def halve(x):
    return torch.nn.functional.max_pool2d(x, 3, 2)


class Early(torch.nn.Module):
    """Mixed_5b to Mixed_5d."""

    def __init__(self, channels, pooled):
        super().__init__()
        self.branch1x1 = Unit(channels, 64, 1)
        chain(self, "branch5x5", channels, (48, 1, {}), (64, 5, {"padding": 2}))
        chain(self, "branch3x3dbl", channels, (64, 1, {}), (96, 3, {"padding": 1}), (96, 3, {"padding": 1}))
        self.branch_pool = Unit(channels, pooled, 1)

    def forward(self, x):
        parts = [self.branch1x1(x), run(self, "branch5x5", x, 2), run(self, "branch3x3dbl", x, 3)]
        return torch.cat([*parts, self.branch_pool(average(x))], 1)


class FirstHalving(torch.nn.Module):
    """Mixed_6a."""

    def __init__(self, channels):
        super().__init__()
        self.branch3x3 = Unit(channels, 384, 3, stride=2)
        chain(self, "branch3x3dbl", channels, (64, 1, {}), (96, 3, {"padding": 1}), (96, 3, HALF))

    def forward(self, x):
        return torch.cat([self.branch3x3(x), run(self, "branch3x3dbl", x, 3), halve(x)], 1)


class Middle(torch.nn.Module):
    """Mixed_6b to Mixed_6e."""

    def __init__(self, c):
        super().__init__()
        self.branch1x1 = Unit(768, 192, 1)
        chain(self, "branch7x7", 768, (c, 1, {}), (c, (1, 7), WIDE), (192, (7, 1), TALL))
        long = [(c, 1, {}), (c, (7, 1), TALL), (c, (1, 7), WIDE), (c, (7, 1), TALL), (192, (1, 7), WIDE)]
        chain(self, "branch7x7dbl", 768, *long)
        self.branch_pool = Unit(768, 192, 1)

    def forward(self, x):
        parts = [self.branch1x1(x), run(self, "branch7x7", x, 3), run(self, "branch7x7dbl", x, 5)]
        return torch.cat([*parts, self.branch_pool(average(x))], 1)


class SecondHalving(torch.nn.Module):
    """Mixed_7a."""

    def __init__(self):
        super().__init__()
        chain(self, "branch3x3", 768, (192, 1, {}), (320, 3, HALF))
        chain(self, "branch7x7x3", 768, (192, 1, {}), (192, (1, 7), WIDE), (192, (7, 1), TALL), (192, 3, HALF))

    def forward(self, x):
        return torch.cat([run(self, "branch3x3", x, 2), run(self, "branch7x7x3", x, 4), halve(x)], 1)


class Last(torch.nn.Module):
    """Mixed_7b and Mixed_7c."""

    def __init__(self, channels):
        super().__init__()
        self.branch1x1 = Unit(channels, 320, 1)
        self.branch3x3_1 = Unit(channels, 384, 1)
        chain(self, "branch3x3dbl", channels, (448, 1, {}), (384, 3, {"padding": 1}))
        for name in ("branch3x3_2", "branch3x3dbl_3"):
            setattr(self, f"{name}a", Unit(384, 384, (1, 3), padding=(0, 1)))
            setattr(self, f"{name}b", Unit(384, 384, (3, 1), padding=(1, 0)))
        self.branch_pool = Unit(channels, 192, 1)

    def forward(self, x):
        y, z = self.branch3x3_1(x), run(self, "branch3x3dbl", x, 2)
        split = [self.branch3x3_2a(y), self.branch3x3_2b(y), self.branch3x3dbl_3a(z), self.branch3x3dbl_3b(z)]
        return torch.cat([self.branch1x1(x), *split, self.branch_pool(average(x))], 1)


class AuxiliaryHead(torch.nn.Module):
    """In the file, but without a part in evaluation."""

    def __init__(self):
        super().__init__()
        self.conv0, self.conv1 = Unit(768, 128, 1), Unit(128, 768, 5)
        self.fc = torch.nn.Linear(768, 1000)


class TorchInception(torch.nn.Module):
    """torchvision's modules and their names."""

    def __init__(self):
        super().__init__()
        self.Conv2d_1a_3x3 = Unit(3, 32, 3, stride=2)
        self.Conv2d_2a_3x3 = Unit(32, 32, 3)
        self.Conv2d_2b_3x3 = Unit(32, 64, 3, padding=1)
        self.Conv2d_3b_1x1 = Unit(64, 80, 1)
        self.Conv2d_4a_3x3 = Unit(80, 192, 3)
        self.Mixed_5b, self.Mixed_5c, self.Mixed_5d = Early(192, 32), Early(256, 64), Early(288, 64)
        self.Mixed_6a = FirstHalving(288)
        for name, c in (("b", 128), ("c", 160), ("d", 160), ("e", 192)):
            setattr(self, f"Mixed_6{name}", Middle(c))
        self.AuxLogits = AuxiliaryHead()
        self.Mixed_7a, self.Mixed_7b, self.Mixed_7c = SecondHalving(), Last(1280), Last(2048)
        self.fc = torch.nn.Linear(2048, 1000)

    def forward(self, x):
        x = halve(self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x))))
        x = halve(self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(x)))
        for name in ("5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e", "7a", "7b", "7c"):
            x = getattr(self, f"Mixed_{name}")(x)
        return x, self.fc(x.mean((2, 3)))


@pytest.mark.parametrize("size", [(139, 171), pytest.param((299, 299), marks=pytest.mark.slow)])
def test_torchvisions_file_gives_the_same_function(tmp_path, size):
    model = randomise(TorchInception())
    parameters = {name: p.numel() for name, p in model.named_parameters()}
    assert sum(parameters.values()) == 27_161_264
    assert sum(n for name, n in parameters.items() if not name.startswith("AuxLogits")) == RELEASE.parameters
    variables = load_variables(RELEASE, save(model, tmp_path))
    assert max(errors(make_release_network(RELEASE), variables, model, size)) < 1e-4
