"""Released weights of ResNet-50: Keras's (version 1) and torchvision's (version 1.5, two trainings)."""

from collections.abc import Callable, Iterator

from busjax.models.resnet import BLOCKS_TO_STACK
from busjax.pretrained.release import CAFFE, IMAGENET, Layers, Release

BLOCKS = (3, 4, 6, 3)
UNITS = ("conv1", "conv2", "conv3", "shortcut")


def _blocks() -> Iterator[tuple[str, int, tuple[int, ...]]]:
    """Our blocks: path, stage, and which blocks of that stage they are; stages and blocks count from 1."""
    for stage, number in enumerate(BLOCKS, 1):
        path = f"{'image_tower' if stage < 4 else 'trunk'}/stage{stage}"
        yield f"{path}/block1", stage, (1,)
        later = range(2, number + 1)
        if len(later) >= BLOCKS_TO_STACK:
            yield f"{path}/later_blocks", stage, tuple(later)
        else:
            yield from ((f"{path}/block{block}", stage, (block,)) for block in later)


def _layers(name: Callable[[int, int, str, str], str]) -> Layers:
    """The residual blocks' modules -> a release's layers.

    Args:
      name: the layer's name from stage, block, unit (one of `UNITS`) and 'conv' or 'norm'.
    """
    layers: dict[str, str | tuple[str, ...]] = {}
    for path, stage, blocks in _blocks():
        for unit in UNITS if blocks == (1,) else UNITS[:3]:
            for module in ("conv", "norm"):
                theirs = tuple(name(stage, block, unit, module) for block in blocks)
                layers[f"{path}/{unit}/{module}"] = theirs if len(blocks) > 1 else theirs[0]
    return layers


def keras_layers() -> Layers:
    """Our modules -> Keras's layers."""

    def name(stage: int, block: int, unit: str, module: str) -> str:
        place = 0 if unit == "shortcut" else unit.removeprefix("conv")
        return f"conv{stage + 1}_block{block}_{place}_{'bn' if module == 'norm' else 'conv'}"

    ends = {
        "image_tower/conv1/conv": "conv1_conv",
        "image_tower/conv1/norm": "conv1_bn",
        # Keras loads its file by the order of layers; the first versions of the network called the last one 'probs'.
        "classifier": "predictions|probs",
    }
    return ends | dict(_layers(name))


def torchvision_layers() -> Layers:
    """Our modules -> torchvision's."""

    def name(stage: int, block: int, unit: str, module: str) -> str:
        if unit == "shortcut":
            theirs = "downsample.0" if module == "conv" else "downsample.1"
        else:
            theirs = unit if module == "conv" else unit.replace("conv", "bn")
        return f"layer{stage}.{block - 1}.{theirs}"

    ends = {"image_tower/conv1/conv": "conv1", "image_tower/conv1/norm": "bn1", "classifier": "fc"}
    return ends | dict(_layers(name))


def _torchvision(version: str, digits: str) -> Release:
    return Release(
        name=f"torchvision/resnet50{version}",
        backbone="resnet50",
        layout="torch",
        layers=torchvision_layers,
        settings={"norm_epsilon": 1e-5},
        input_size=224,
        preprocessing=IMAGENET,
        parameters=25_557_032,
        licence="BSD-3-Clause",
        url=f"https://download.pytorch.org/models/resnet50-{digits}.pth",
        checksum=f"sha256:{digits}",
    )


RELEASES: tuple[Release, ...] = (
    Release(
        name="keras/resnet50",
        backbone="resnet50",
        layout="keras",
        layers=keras_layers,
        options={"stride_first": True, "use_bias": True},
        settings={"norm_epsilon": 1.001e-5},
        input_size=224,
        preprocessing=CAFFE,
        parameters=25_636_712,
        licence="MIT",  # the authors', whose weights these are in another format
        url="https://storage.googleapis.com/tensorflow/keras-applications/resnet/"
        "resnet50_weights_tf_dim_ordering_tf_kernels.h5",
        checksum="md5:2cb95161c43110f7111970584f804107",
    ),
    _torchvision("_v1", "0676ba61"),
    _torchvision("_v2", "11ad3fa6"),
)
