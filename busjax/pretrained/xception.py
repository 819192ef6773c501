"""Released weights of Xception: Keras's."""

from busjax.models.xception import ENTRY_BLOCKS, LAST_FEATURES, MIDDLE_BLOCKS
from busjax.pretrained.release import HALVES, Layers, Release

SEPARABLE = {"depthwise": ":depthwise", "pointwise": ":pointwise", "norm/norm": "_bn"}
"""Our modules of a separable convolution -> how Keras's name of it goes on."""


def _separable(ours: str, theirs: str) -> dict[str, str]:
    return {f"{ours}/{module}": theirs + suffix for module, suffix in SEPARABLE.items()}


def keras_layers() -> Layers:
    """Our modules -> Keras's layers."""
    layers: dict[str, str | tuple[str, ...]] = {"classifier": "predictions"}
    for name in ("block1_conv1", "block1_conv2"):
        layers |= {f"image_tower/{name}/conv": name, f"image_tower/{name}/norm": f"{name}_bn"}
    # The convolutions on the shortcuts have automatic names, in this order.
    for i, name in enumerate((*ENTRY_BLOCKS, "block13")):
        ours = f"{'image_tower' if name in ENTRY_BLOCKS else 'trunk'}/{name}"
        layers |= {f"{ours}/shortcut": f"conv2d#{i}", f"{ours}/shortcut_norm/norm": f"batch_normalization#{i}"}
        for j in (1, 2):
            layers |= _separable(f"{ours}/separable{j}", f"{name}_sepconv{j}")
    first = len(ENTRY_BLOCKS) + 2
    for j in (1, 2, 3):
        blocks = [
            _separable(f"trunk/middle_blocks/separable{j}", f"block{i}_sepconv{j}")
            for i in range(first, first + MIDDLE_BLOCKS)
        ]
        layers |= {module: tuple(block[module] for block in blocks) for module in blocks[0]}
    for j in range(1, len(LAST_FEATURES) + 1):
        layers |= _separable(f"trunk/block14_separable{j}", f"block14_sepconv{j}")
    return layers


RELEASES: tuple[Release, ...] = (
    Release(
        name="keras/xception",
        backbone="xception",
        layout="keras",
        layers=keras_layers,
        input_size=299,
        preprocessing=HALVES,
        parameters=22_910_480,
        licence="MIT",
        url="https://storage.googleapis.com/tensorflow/keras-applications/xception/"
        "xception_weights_tf_dim_ordering_tf_kernels.h5",
        checksum="md5:0a58e3b7378bc2990ea3b43d5981f1f6",
    ),
)
