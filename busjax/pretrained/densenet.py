"""Released weights of DenseNet: Keras's of DenseNet-121, torchvision's of DenseNet-121 and DenseNet-161."""

import functools

from busjax.models.densenet import DENSENET121, DENSENET161, Sizes
from busjax.pretrained.release import IMAGENET, Layers, Release


def _part(block: int) -> str:
    """Where our dense block number `block`, and the transition after it, stand."""
    return "image_tower" if block < 3 else "trunk"


def keras_layers(sizes: Sizes) -> Layers:
    """Our modules -> Keras's layers."""
    layers = {"image_tower/conv0/conv": "conv1_conv", "image_tower/conv0/norm": "conv1_bn"}
    for block, number in enumerate(sizes.blocks, 1):
        for layer in range(1, number + 1):
            ours, theirs = f"{_part(block)}/block{block}/layer{layer}", f"conv{block + 1}_block{layer}"
            layers |= {f"{ours}/norm1/norm": f"{theirs}_0_bn", f"{ours}/conv1": f"{theirs}_1_conv"}
            layers |= {f"{ours}/norm2/norm": f"{theirs}_1_bn", f"{ours}/conv2": f"{theirs}_2_conv"}
    for block in (1, 2, 3):
        ours, theirs = f"{_part(block)}/transition{block}", f"pool{block + 1}"
        layers |= {f"{ours}/norm/norm": f"{theirs}_bn", f"{ours}/conv": f"{theirs}_conv"}
    # The released file has the name that the last layer had before it was called 'predictions'.
    return layers | {"trunk/norm5/norm": "bn", "classifier": "predictions|fc1000"}


def torchvision_layers(sizes: Sizes) -> Layers:
    """Our modules -> torchvision's."""
    layers = {"image_tower/conv0/conv": "features.conv0", "image_tower/conv0/norm": "features.norm0"}
    for block, number in enumerate(sizes.blocks, 1):
        for layer in range(1, number + 1):
            ours = f"{_part(block)}/block{block}/layer{layer}"
            theirs = f"features.denseblock{block}.denselayer{layer}"
            for i in (1, 2):
                # The released files still have the spelling with a point, which newer versions of PyTorch refuse.
                layers[f"{ours}/norm{i}/norm"] = f"{theirs}.norm{i}|{theirs}.norm.{i}"
                layers[f"{ours}/conv{i}"] = f"{theirs}.conv{i}|{theirs}.conv.{i}"
    for block in (1, 2, 3):
        ours, theirs = f"{_part(block)}/transition{block}", f"features.transition{block}"
        layers |= {f"{ours}/norm/norm": f"{theirs}.norm", f"{ours}/conv": f"{theirs}.conv"}
    return layers | {"trunk/norm5/norm": "features.norm5", "classifier": "classifier"}


def _torchvision(network: str, sizes: Sizes, parameters: int, digits: str) -> Release:
    return Release(
        name=f"torchvision/{network}",
        backbone=network,
        layout="torch",
        layers=functools.partial(torchvision_layers, sizes),
        settings={"norm_epsilon": 1e-5},
        input_size=224,
        preprocessing=IMAGENET,
        parameters=parameters,
        licence="BSD-3-Clause",
        url=f"https://download.pytorch.org/models/{network}-{digits}.pth",
        checksum=f"sha256:{digits}",
    )


RELEASES: tuple[Release, ...] = (
    Release(
        name="keras/densenet121",
        backbone="densenet121",
        layout="keras",
        layers=functools.partial(keras_layers, DENSENET121),
        settings={"norm_epsilon": 1.001e-5},
        input_size=224,
        preprocessing=IMAGENET,
        parameters=8_062_504,
        licence="BSD-3-Clause",
        url="https://storage.googleapis.com/tensorflow/keras-applications/densenet/"
        "densenet121_weights_tf_dim_ordering_tf_kernels.h5",
        checksum="md5:9d60b8095a5708f2dcce2bca79d332c7",
    ),
    _torchvision("densenet121", DENSENET121, 7_978_856, "a639ec97"),
    _torchvision("densenet161", DENSENET161, 28_681_000, "8d451a50"),
)
