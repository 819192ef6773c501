"""EfficientNet-B0 in torchvision's layout: what PyTorch saves gives the same features and logits here."""

from busjax.pretrained.efficientnet import RELEASES
from busjax.pretrained.load import load_variables, make_release_network
from tests.pretrained.torch_parity import errors, randomise, save, torch

(RELEASE,) = (release for release in RELEASES if release.layout == "torch")
# Of each stage: expansion, kernel, stride, output channels, blocks.
STAGES = (
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)


def unit(channels, features, kernel=1, stride=1, groups=1, activation=True):
    """Convolution padded alike on both sides, normalisation and, if asked for, activation."""
    convolution = torch.nn.Conv2d(channels, features, kernel, stride, kernel // 2, groups=groups, bias=False)
    layers = [convolution, torch.nn.BatchNorm2d(features, eps=1e-5)]
    return torch.nn.Sequential(*layers, torch.nn.SiLU()) if activation else torch.nn.Sequential(*layers)


class SqueezeExcitation(torch.nn.Module):
    def __init__(self, channels, squeezed):
        super().__init__()
        self.fc1 = torch.nn.Conv2d(channels, squeezed, 1)
        self.fc2 = torch.nn.Conv2d(squeezed, channels, 1)

    def forward(self, x):
        squeezed = torch.nn.functional.silu(self.fc1(x.mean((2, 3), keepdim=True)))
        return x * torch.sigmoid(self.fc2(squeezed))


class Block(torch.nn.Module):
    def __init__(self, channels, expansion, kernel, stride, features):
        super().__init__()
        inside = channels * expansion
        self.block = torch.nn.Sequential(
            *([unit(channels, inside)] if expansion > 1 else []),
            unit(inside, inside, kernel, stride, groups=inside),
            SqueezeExcitation(inside, channels // 4),
            unit(inside, features, activation=False),
        )
        self.residual = stride == 1 and channels == features

    def forward(self, x):
        return x + self.block(x) if self.residual else self.block(x)


class TorchEfficientnet(torch.nn.Module):
    """torchvision's modules and their names."""

    def __init__(self):
        super().__init__()
        stages, channels = [unit(3, 32, 3, 2)], 32
        for expansion, kernel, stride, features, number in STAGES:
            blocks = []
            for i in range(number):
                blocks.append(Block(channels, expansion, kernel, 1 if i else stride, features))
                channels = features
            stages.append(torch.nn.Sequential(*blocks))
        self.features = torch.nn.Sequential(*stages, unit(channels, 1280))
        self.classifier = torch.nn.Sequential(torch.nn.Dropout(0.2), torch.nn.Linear(1280, 1000))

    def forward(self, x):
        features = self.features(x)
        return features, self.classifier(features.mean((2, 3)))


def test_torchvisions_file_gives_the_same_function(tmp_path):
    model = randomise(TorchEfficientnet())
    assert sum(p.numel() for p in model.parameters()) == RELEASE.parameters
    variables = load_variables(RELEASE, save(model, tmp_path))
    network = make_release_network(RELEASE)
    for size in ((224, 224), (97, 139)):
        assert max(errors(network, variables, model, size)) < 1e-4
