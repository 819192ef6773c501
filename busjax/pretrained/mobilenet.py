"""Released weights of MobileNet, version 1: Keras's, of four widths and four input sizes each."""

from busjax.models.mobilenet import EARLY_PAIRS, LATE_PAIRS, MIDDLE_PAIRS
from busjax.pretrained.release import HALVES, Layers, Release

# Width -> how the file names spell it, and the number of values.
WIDTHS = {
    1.0: ("1_0", 4_253_864),
    0.75: ("7_5", 2_601_976),
    0.5: ("5_0", 1_342_536),
    0.25: ("2_5", 475_544),
}
SIZES = (224, 192, 160, 128)
# Keras publishes no checksums of these files. This one is of a file in use.
CHECKSUMS = {(0.75, 224): "md5:076a3f5605831ba4d9e73a1d2a186363"}


def keras_layers() -> Layers:
    """Our modules -> Keras's layers."""
    early, middle = len(EARLY_PAIRS), len(EARLY_PAIRS) + MIDDLE_PAIRS
    layers: dict[str, str | tuple[str, ...]] = {
        "image_tower/conv1/conv": "conv1",
        "image_tower/conv1/norm": "conv1_bn",
        "classifier": "conv_preds",  # a 1x1 convolution of the averaged features
    }
    for ours, theirs in (("depthwise", "conv_dw"), ("pointwise", "conv_pw")):
        for module, suffix in (("conv", ""), ("norm", "_bn")):
            for i in range(1, early + 1):
                layers[f"image_tower/pair{i}/{ours}/{module}"] = f"{theirs}_{i}{suffix}"
            stacked = tuple(f"{theirs}_{i}{suffix}" for i in range(early + 1, middle + 1))
            layers[f"trunk/middle_pairs/{ours}/{module}"] = stacked
            for i in range(middle + 1, middle + len(LATE_PAIRS) + 1):
                layers[f"trunk/pair{i}/{ours}/{module}"] = f"{theirs}_{i}{suffix}"
    return layers


def _keras(width: float, size: int) -> Release:
    spelling, parameters = WIDTHS[width]
    return Release(
        name=f"keras/mobilenet_{width}" + ("" if size == 224 else f"_{size}"),
        backbone="mobilenet",
        layout="keras",
        layers=keras_layers,
        settings={"width": width},
        input_size=size,
        preprocessing=HALVES,
        parameters=parameters,
        licence="Apache-2.0",
        url=f"https://storage.googleapis.com/tensorflow/keras-applications/mobilenet/mobilenet_{spelling}_{size}_tf.h5",
        checksum=CHECKSUMS.get((width, size), ""),
    )


RELEASES: tuple[Release, ...] = tuple(_keras(width, size) for width in WIDTHS for size in SIZES)
