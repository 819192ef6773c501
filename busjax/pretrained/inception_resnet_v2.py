"""Released weights of Inception-ResNet-v2: Keras's (no gamma) and timm's (gamma). Both are TensorFlow's of 2016."""

import dataclasses

from busjax.pretrained.release import HALVES, Layers, Release

STEM = ("1a", "2a", "2b", "3b", "4a")

# The path of our part as far as 'branch', timm's names of it (several where ours is stacked), Keras's of the residual
# blocks' projections, and the number of convolutions in each branch.
PARTS: tuple[tuple[str, tuple[str, ...], tuple[str, ...], tuple[int, ...]], ...] = (
    ("image_tower/mixed5b_", ("mixed_5b",), (), (1, 2, 3, 1)),
    (
        "image_tower/block35/",
        tuple(f"repeat.{i}" for i in range(10)),
        tuple(f"block35_{i}_conv" for i in range(1, 11)),
        (1, 2, 3),
    ),
    ("image_tower/mixed6a_", ("mixed_6a",), (), (1, 3)),
    (
        "image_tower/block17/",
        tuple(f"repeat_1.{i}" for i in range(20)),
        tuple(f"block17_{i}_conv" for i in range(1, 21)),
        (1, 3),
    ),
    ("trunk/mixed7a_", ("mixed_7a",), (), (2, 2, 3)),
    (
        "trunk/block8/",
        tuple(f"repeat_2.{i}" for i in range(9)),
        tuple(f"block8_{i}_conv" for i in range(1, 10)),
        (1, 3),
    ),
    ("trunk/block8_last/", ("block8",), ("block8_10_conv",), (1, 3)),
)


def _one_or_all(names: tuple[str, ...]) -> str | tuple[str, ...]:
    return names[0] if len(names) == 1 else names


def keras_layers() -> Layers:
    """Our modules -> Keras's layers, whose automatic numbers count through block after block."""
    layers: dict[str, str | tuple[str, ...]] = {
        "trunk/conv7b/conv": "conv_7b",
        "trunk/conv7b/norm": "conv_7b_bn",
        "classifier": "predictions",
    }
    kinds = {"conv": "conv2d", "norm": "batch_normalization"}
    for i, name in enumerate(STEM):
        layers |= {f"image_tower/stem/conv{name}/{module}": f"{kind}#{i}" for module, kind in kinds.items()}
    start = len(STEM)
    for path, blocks, projections, branches in PARTS:
        units = [f"{path}branch{i}/conv{j}" for i, length in enumerate(branches) for j in range(length)]
        for place, ours in enumerate(units):
            numbers = range(start + place, start + len(blocks) * len(units), len(units))
            for module, kind in kinds.items():
                layers[f"{ours}/{module}"] = _one_or_all(tuple(f"{kind}#{n}" for n in numbers))
        start += len(blocks) * len(units)
        if projections:
            layers[f"{path}projection"] = _one_or_all(projections)
    return layers


def timm_layers() -> Layers:
    """Our modules -> timm's."""
    layers: dict[str, str | tuple[str, ...]] = {"classifier": "classif"}
    units: dict[str, tuple[str, ...]] = {"trunk/conv7b": ("conv2d_7b",)}
    units |= {f"image_tower/stem/conv{name}": (f"conv2d_{name}",) for name in STEM}
    for path, blocks, projections, branches in PARTS:
        for i, length in enumerate(branches):
            for j in range(length):
                # A branch of one convolution is that convolution; in mixed5b's last branch a pooling is before it.
                place = f".{j}" if length > 1 else ".1" if path.endswith("mixed5b_") and i == 3 else ""
                units[f"{path}branch{i}/conv{j}"] = tuple(f"{block}.branch{i}{place}" for block in blocks)
        if projections:
            layers[f"{path}projection"] = _one_or_all(tuple(f"{block}.conv2d" for block in blocks))
    for ours, theirs in units.items():
        for module, leaf in (("conv", "conv"), ("norm", "bn")):
            layers[f"{ours}/{module}"] = _one_or_all(tuple(f"{name}.{leaf}" for name in theirs))
    return layers


RELEASES: tuple[Release, ...] = (
    Release(
        name="keras/inception_resnet_v2",
        backbone="inception_resnet_v2",
        layout="keras",
        layers=keras_layers,
        settings={"norm_scale": False},
        input_size=299,
        preprocessing=HALVES,
        parameters=55_873_736,
        licence="Apache-2.0",
        url="https://storage.googleapis.com/tensorflow/keras-applications/inception_resnet_v2/"
        "inception_resnet_v2_weights_tf_dim_ordering_tf_kernels.h5",
        checksum="md5:e693bd0210a403b3192acc6073ad2e96",
    ),
    Release(
        name="timm/inception_resnet_v2.tf_in1k",
        backbone="inception_resnet_v2",
        layout="torch",
        layers=timm_layers,
        input_size=299,
        preprocessing=dataclasses.replace(HALVES, interpolation="bicubic"),
        parameters=55_843_464,
        licence="Apache-2.0",
        # No checksum is published beside the file.
        url="https://huggingface.co/timm/inception_resnet_v2.tf_in1k/resolve/main/model.safetensors",
    ),
)
