"""AlexNet's released layout: what PyTorch saves gives the same features and logits here."""

from busjax.pretrained.alexnet import RELEASES
from busjax.pretrained.load import load_variables, make_release_network
from tests.pretrained.torch_parity import errors, randomise, save, torch

(RELEASE,) = RELEASES


class TorchAlexnet(torch.nn.Module):
    """torchvision's modules and their names."""

    def __init__(self):
        super().__init__()
        relu, pool = torch.nn.ReLU, lambda: torch.nn.MaxPool2d(3, 2)
        self.features = torch.nn.Sequential(
            torch.nn.Conv2d(3, 64, 11, stride=4, padding=2), relu(), pool(),
            torch.nn.Conv2d(64, 192, 5, padding=2), relu(), pool(),
            torch.nn.Conv2d(192, 384, 3, padding=1), relu(),
            torch.nn.Conv2d(384, 256, 3, padding=1), relu(),
            torch.nn.Conv2d(256, 256, 3, padding=1), relu(), pool(),
        )  # fmt: skip
        self.avgpool = torch.nn.AdaptiveAvgPool2d(6)
        self.classifier = torch.nn.Sequential(
            torch.nn.Dropout(), torch.nn.Linear(36 * 256, 4096), relu(),
            torch.nn.Dropout(), torch.nn.Linear(4096, 4096), relu(),
            torch.nn.Linear(4096, 1000),
        )  # fmt: skip

    def forward(self, x):
        features = self.features(x)
        return features, self.classifier(torch.flatten(self.avgpool(features), 1))


def test_torchvisions_file_gives_the_same_function(tmp_path):
    model = randomise(TorchAlexnet())
    assert sum(p.numel() for p in model.parameters()) == RELEASE.parameters
    path = save(model, tmp_path)
    variables = load_variables(RELEASE, path)
    path.unlink()  # a quarter of a gigabyte
    network = make_release_network(RELEASE)
    for size in ((224, 224), (97, 139)):
        assert max(errors(network, variables, model, size)) < 1e-4
