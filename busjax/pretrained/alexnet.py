"""Released weights of AlexNet: torchvision's."""

from busjax.pretrained.release import IMAGENET, Layers, Release


def torchvision_layers() -> Layers:
    """Our modules -> torchvision's."""
    return {
        "image_tower/conv1": "features.0",
        "image_tower/conv2": "features.3",
        "trunk/conv3": "features.6",
        "trunk/conv4": "features.8",
        "trunk/conv5": "features.10",
        "hidden_layers/fc6": "classifier.1:chw6x6x256",
        "hidden_layers/fc7": "classifier.4",
        "classifier": "classifier.6",
    }


RELEASES: tuple[Release, ...] = (
    Release(
        name="torchvision/alexnet",
        backbone="alexnet",
        layout="torch",
        layers=torchvision_layers,
        input_size=224,
        preprocessing=IMAGENET,
        parameters=61_100_840,
        licence="BSD-3-Clause",
        hidden_layers=True,
        url="https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
        checksum="sha256:7be5be79",
    ),
)
