"""Released weights of GoogLeNet: torchvision's."""

from busjax.models.googlenet import STAGE3, STAGE4, STAGE5
from busjax.pretrained.release import HALVES, Layers, Release


def torchvision_layers() -> Layers:
    """Our modules -> torchvision's."""
    units = {f"image_tower/{name}": name for name in ("conv1", "conv2", "conv3")}
    for part, stage in (("image_tower", STAGE3), ("trunk", STAGE4), ("trunk", STAGE5)):
        for name in stage:
            ours, theirs = f"{part}/inception{name}", f"inception{name}"
            units[f"{ours}/branch0/conv0"] = f"{theirs}.branch1"
            for branch in (1, 2):
                for i in (0, 1):
                    units[f"{ours}/branch{branch}/conv{i}"] = f"{theirs}.branch{branch + 1}.{i}"
            units[f"{ours}/branch3/conv0"] = f"{theirs}.branch4.1"  # branch4.0 is the pooling
    layers = {"classifier": "fc"}
    for ours, theirs in units.items():
        layers |= {f"{ours}/conv": f"{theirs}.conv", f"{ours}/norm": f"{theirs}.bn"}
    return layers


RELEASES: tuple[Release, ...] = (
    Release(
        name="torchvision/googlenet",
        backbone="googlenet",
        layout="torch",
        layers=torchvision_layers,
        input_size=224,
        # torchvision normalises by ImageNet's mean and deviation, and the network then undoes it.
        preprocessing=HALVES,
        parameters=6_624_904,
        licence="BSD-3-Clause",
        ignored=("aux[12].*",),  # the heads in the file are not trained
        url="https://download.pytorch.org/models/googlenet-1378be20.pth",
        checksum="sha256:1378be20",
    ),
)
