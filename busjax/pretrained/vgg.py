"""Released weights of VGG-16 and VGG-19: Keras's and torchvision's."""

import functools
from collections.abc import Iterator

from busjax.models.vgg import VGG16, VGG19
from busjax.pretrained.release import CAFFE, IMAGENET, Layers, Release


def _convolutions(convolutions: tuple[int, ...]) -> Iterator[tuple[str, int, int]]:
    """For each convolution in order: its path in our tree, its stage and its place in it, both from 1."""
    for stage, number in enumerate(convolutions, 1):
        part = "image_tower" if stage < 5 else "trunk"
        for place in range(1, number + 1):
            yield f"{part}/conv{stage}_{place}", stage, place


def keras_layers(convolutions: tuple[int, ...]) -> Layers:
    """Our modules -> Keras's layers; `convolutions`: how many each stage has."""
    layers = {ours: f"block{stage}_conv{place}" for ours, stage, place in _convolutions(convolutions)}
    return layers | {"hidden_layers/fc6": "fc1", "hidden_layers/fc7": "fc2", "classifier": "predictions"}


def torchvision_layers(convolutions: tuple[int, ...]) -> Layers:
    """Our modules -> torchvision's; `convolutions`: how many each stage has."""
    layers = {}
    for i, (ours, stage, _) in enumerate(_convolutions(convolutions)):
        # Every convolution is followed by its activation, and every stage before this one ended with a pooling.
        layers[ours] = f"features.{2 * i + stage - 1}"
    hidden = {"hidden_layers/fc6": "classifier.0:chw7x7x512", "hidden_layers/fc7": "classifier.3"}
    return layers | hidden | {"classifier": "classifier.6"}


def _keras(network: str, convolutions: tuple[int, ...], parameters: int, md5: str) -> Release:
    return Release(
        name=f"keras/{network}",
        backbone=network,
        layout="keras",
        layers=functools.partial(keras_layers, convolutions),
        input_size=224,
        preprocessing=CAFFE,
        parameters=parameters,
        licence="CC-BY-4.0",  # the authors', whose files these are in another format
        hidden_layers=True,
        url="https://storage.googleapis.com/tensorflow/keras-applications/"
        f"{network}/{network}_weights_tf_dim_ordering_tf_kernels.h5",
        checksum=f"md5:{md5}",
    )


def _torchvision(network: str, convolutions: tuple[int, ...], parameters: int, digits: str) -> Release:
    return Release(
        name=f"torchvision/{network}",
        backbone=network,
        layout="torch",
        layers=functools.partial(torchvision_layers, convolutions),
        input_size=224,
        preprocessing=IMAGENET,
        parameters=parameters,
        licence="BSD-3-Clause",
        hidden_layers=True,
        url=f"https://download.pytorch.org/models/{network}-{digits}.pth",
        checksum=f"sha256:{digits}",
    )


RELEASES: tuple[Release, ...] = (
    _keras("vgg16", VGG16, 138_357_544, "64373286793e3c8b2b4e3219cbf3544b"),
    _keras("vgg19", VGG19, 143_667_240, "cbe5617147190e668d6c5d5026f83318"),
    _torchvision("vgg16", VGG16, 138_357_544, "397923af"),
    _torchvision("vgg19", VGG19, 143_667_240, "dcbb9e9d"),
)
