"""Released weights of Inception-v3: Keras's (no gamma) and torchvision's (gamma; averages count padded zeros)."""

from busjax.pretrained.release import HALVES, Layers, Release

STEM = {"conv1a": "1a_3x3", "conv2a": "2a_3x3", "conv2b": "2b_3x3", "conv3b": "3b_1x1", "conv4a": "4a_3x3"}


def _numbered(name: str, count: int) -> tuple[str, ...]:
    return tuple(f"{name}_{i}" for i in range(1, count + 1))


# torchvision's names of the convolutions of each kind of block, branch by branch.
EARLY = (("branch1x1",), _numbered("branch5x5", 2), _numbered("branch3x3dbl", 3), ("branch_pool",))
HALVING_3D = (("branch3x3",), _numbered("branch3x3dbl", 3))
MIDDLE = (("branch1x1",), _numbered("branch7x7", 3), _numbered("branch7x7dbl", 5), ("branch_pool",))
HALVING_4E = (_numbered("branch3x3", 2), _numbered("branch7x7x3", 4))

# The path of our block as far as 'branch', torchvision's block, its branches.
BLOCKS = (
    ("image_tower/mixed3a/", "Mixed_5b", EARLY),
    ("image_tower/mixed3b/", "Mixed_5c", EARLY),
    ("image_tower/mixed3c/", "Mixed_5d", EARLY),
    ("image_tower/mixed3d_", "Mixed_6a", HALVING_3D),
    ("trunk/mixed4a/", "Mixed_6b", MIDDLE),
    ("trunk/mixed4b/", "Mixed_6c", MIDDLE),
    ("trunk/mixed4c/", "Mixed_6d", MIDDLE),
    ("trunk/mixed4d/", "Mixed_6e", MIDDLE),
    ("trunk/mixed4e_", "Mixed_7a", HALVING_4E),
)
# The last two blocks, some of whose branches end in two parallel convolutions.
LAST_BLOCKS = {"trunk/mixed5a": "Mixed_7b", "trunk/mixed5b": "Mixed_7c"}
LAST = {
    "branch0/conv0": "branch1x1",
    "branch1/conv0": "branch3x3_1",
    "branch1_split0": "branch3x3_2a",
    "branch1_split1": "branch3x3_2b",
    "branch2/conv0": "branch3x3dbl_1",
    "branch2/conv1": "branch3x3dbl_2",
    "branch2_split0": "branch3x3dbl_3a",
    "branch2_split1": "branch3x3dbl_3b",
    "branch3/conv0": "branch_pool",
}


def _units() -> dict[str, str]:
    """Our convolutions with their normalisation -> torchvision's, in the order in which Keras makes them."""
    units = {f"image_tower/stem/{ours}": f"Conv2d_{theirs}" for ours, theirs in STEM.items()}
    for path, block, branches in BLOCKS:
        for i, branch in enumerate(branches):
            units |= {f"{path}branch{i}/conv{j}": f"{block}.{name}" for j, name in enumerate(branch)}
    for path, block in LAST_BLOCKS.items():
        units |= {f"{path}/{ours}": f"{block}.{theirs}" for ours, theirs in LAST.items()}
    return units


def keras_layers() -> Layers:
    """Our modules -> Keras's layers, nearly all of which have automatic names."""
    layers = {"classifier": "predictions"}
    for i, ours in enumerate(_units()):
        layers |= {f"{ours}/conv": f"conv2d#{i}", f"{ours}/norm": f"batch_normalization#{i}"}
    return layers


def torchvision_layers() -> Layers:
    """Our modules -> torchvision's."""
    layers = {"classifier": "fc"}
    for ours, theirs in _units().items():
        layers |= {f"{ours}/conv": f"{theirs}.conv", f"{ours}/norm": f"{theirs}.bn"}
    return layers


RELEASES: tuple[Release, ...] = (
    Release(
        name="keras/inception_v3",
        backbone="inception_v3",
        layout="keras",
        layers=keras_layers,
        settings={"norm_scale": False},
        input_size=299,
        preprocessing=HALVES,
        parameters=23_851_784,
        licence="Apache-2.0",
        url="https://storage.googleapis.com/tensorflow/keras-applications/inception_v3/"
        "inception_v3_weights_tf_dim_ordering_tf_kernels.h5",
        checksum="md5:9a0d58056eeedaa3f26cb7ebd46da564",
    ),
    Release(
        name="torchvision/inception_v3",
        backbone="inception_v3",
        layout="torch",
        layers=torchvision_layers,
        options={"count_padding": True},
        input_size=299,
        # torchvision normalises by ImageNet's mean and deviation, and the network then undoes it.
        preprocessing=HALVES,
        parameters=23_834_568,
        ignored=("AuxLogits.*",),
        licence="BSD-3-Clause",
        url="https://download.pytorch.org/models/inception_v3_google-0cc3c7bd.pth",
        checksum="sha256:0cc3c7bd",
    ),
)
