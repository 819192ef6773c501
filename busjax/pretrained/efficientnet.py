"""Released weights of EfficientNet-B0: Keras's and torchvision's.

Keras's network takes raw pixels: it divides them by 255, subtracts ImageNet's mean and divides by the square root of a
stored variance. The three values stored as variances are in fact ImageNet's standard deviations. Keras today, told to
load these weights, therefore divides by their square root once more, which gives the usual normalisation, and that is
how the weights were trained: 'keras/efficientnet_b0'. TensorFlow 2.3, when the weights came out, did not: what was
computed with it had pixels smaller by about 2.1 than the weights expect, 'keras/efficientnet_b0_tf2.3' (the same file).
"""

import dataclasses
import math

from busjax.models.efficientnet import LOWER_STAGES, UPPER_STAGES, block_names
from busjax.pretrained.release import IMAGENET, IMAGENET_DEVIATION, Layers, Release

# The training code resizes by bicubic interpolation, and so does torchvision.
BICUBIC = dataclasses.replace(IMAGENET, interpolation="bicubic")
_RED, _GREEN, _BLUE = (255 * math.sqrt(deviation) for deviation in IMAGENET_DEVIATION)
BICUBIC_TF23 = dataclasses.replace(BICUBIC, deviation=(_RED, _GREEN, _BLUE))


def _blocks() -> list[tuple[str, int, int, bool]]:
    """For each block in order: our path, its stage (from 1) and place in it (from 0), whether it expands."""
    blocks = []
    for number, stage in enumerate((*LOWER_STAGES, *UPPER_STAGES), 1):
        part = "image_tower" if number <= len(LOWER_STAGES) else "trunk"
        for place, name in enumerate(block_names(number, stage.blocks)):
            blocks.append((f"{part}/{name}", number, place, stage.expansion > 1))
    return blocks


def keras_layers() -> Layers:
    """Our modules -> Keras's layers."""
    layers = {"classifier": "predictions"}
    for ours, theirs in (("image_tower/stem", "stem"), ("trunk/top", "top")):
        layers |= {f"{ours}/conv": f"{theirs}_conv", f"{ours}/norm": f"{theirs}_bn"}
    for ours, _, _, expands in _blocks():
        theirs = ours.rpartition("/")[2]
        if expands:
            layers |= {f"{ours}/expand/conv": f"{theirs}_expand_conv", f"{ours}/expand/norm": f"{theirs}_expand_bn"}
        layers |= {
            f"{ours}/depthwise/conv": f"{theirs}_dwconv",
            f"{ours}/depthwise/norm": f"{theirs}_bn",
            f"{ours}/squeeze/reduce": f"{theirs}_se_reduce",
            f"{ours}/squeeze/expand": f"{theirs}_se_expand",
            f"{ours}/project": f"{theirs}_project_conv",
            f"{ours}/project_norm/norm": f"{theirs}_project_bn",
        }
    return layers


def torchvision_layers() -> Layers:
    """Our modules -> torchvision's: a list of stages, the first of them the stem, each a list of blocks."""
    last = len(LOWER_STAGES) + len(UPPER_STAGES) + 1
    layers = {"classifier": "classifier.1"}
    for ours, number in (("image_tower/stem", 0), ("trunk/top", last)):
        layers |= {f"{ours}/conv": f"features.{number}.0", f"{ours}/norm": f"features.{number}.1"}
    for ours, number, place, expands in _blocks():
        theirs, step = f"features.{number}.{place}.block", 0
        if expands:
            layers |= {f"{ours}/expand/conv": f"{theirs}.0.0", f"{ours}/expand/norm": f"{theirs}.0.1"}
            step = 1
        layers |= {
            f"{ours}/depthwise/conv": f"{theirs}.{step}.0",
            f"{ours}/depthwise/norm": f"{theirs}.{step}.1",
            f"{ours}/squeeze/reduce": f"{theirs}.{step + 1}.fc1",
            f"{ours}/squeeze/expand": f"{theirs}.{step + 1}.fc2",
            f"{ours}/project": f"{theirs}.{step + 2}.0",
            f"{ours}/project_norm/norm": f"{theirs}.{step + 2}.1",
        }
    return layers


KERAS = Release(
    name="keras/efficientnet_b0",
    backbone="efficientnet_b0",
    layout="keras",
    layers=keras_layers,
    input_size=224,
    preprocessing=BICUBIC,
    # Seven of them are mean, variance and count of the image's normalisation, which our network does not have.
    parameters=5_330_571,
    ignored=("normalization*/*",),
    licence="Apache-2.0",
    url="https://storage.googleapis.com/keras-applications/efficientnetb0.h5",
    checksum="md5:902e53a9f72be733fc0bcb005b3ebbac",
)

RELEASES: tuple[Release, ...] = (
    KERAS,
    dataclasses.replace(KERAS, name="keras/efficientnet_b0_tf2.3", preprocessing=BICUBIC_TF23),
    Release(
        name="torchvision/efficientnet_b0",
        backbone="efficientnet_b0",
        layout="torch",
        layers=torchvision_layers,
        options={"symmetric_padding": True},
        settings={"norm_epsilon": 1e-5},
        input_size=224,
        preprocessing=BICUBIC,
        parameters=5_288_548,
        licence="BSD-3-Clause",
        # Until 2024 the file's name carried digits (3dd342df) that are not those of its contents.
        url="https://download.pytorch.org/models/efficientnet_b0_rwightman-7f5810bc.pth",
        checksum="sha256:7f5810bc96def8f7552d5b7e68d53c4786f81167d28291b21c0d90e1fca14934",
    ),
)
