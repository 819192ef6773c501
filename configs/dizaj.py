"""Normal, benign or malignant, and a mask, by five networks (Dizaj and Valizadeh 2021, Tables 2 and 3).

    python launch.py --config configs/dizaj.py:densenet161 --workdir runs/dizaj_densenet161
    python launch.py --config configs/dizaj.py:small,alexnet --workdir runs/dizaj_alexnet_small
    python launch.py --config configs/dizaj.py:small,two_classes --config.data.name=bus_bra --workdir runs/dizaj_bus_bra

- unet (default), vgg16, resnet50, densenet161, alexnet: the network, from random weights; `busjax/models/dizaj.py` says
  what each is.
- ten_folds: the paper's other protocol, one fold of ten by case at a time: `--config.data.fold=3`. The next one
  validates.
- two_classes: malignant or not, for datasets without normal images.
- small: 128 pixels, a quarter of the channels, 30 epochs. For two CPU cores.

`--config.data.despeckle=wiener` filters speckle first (or `median`); the paper does, and does not say by what.

Of the paper: BUSI at 512 pixels; 80% for training, of which 20% validate, 20% for testing; SGD with 0.001, 60 epochs
("100" two lines on), a dropout of 33%; flips, turns, scales from 0.5 to 2, Gaussian noise. Of its public code: one grey
channel from 0 to 1, images padded to squares, batch normalisation as Keras has it. Ours, where both are silent: cases
stay in one part, cross-entropy + soft IoU over the batch, batches of 8, momentum 0.9, no weight decay, angles to 20
degrees, noise of 5 grey levels. "The better-acting version at the validation set" is the one with the lowest loss.
"""

from collections.abc import Callable

from ml_collections import ConfigDict

from configs.base import base, settle, with_variants

# Of each backbone: its options, and epsilon of its batch normalisation. The authors used Keras, whose DenseNets and
# ResNets have another one than other layers, and whose ResNet-50 is the first version.
NETWORKS: dict[str, tuple[dict, float]] = {
    "unet": ({}, 1e-3),
    "vgg16": ({}, 1e-3),
    "resnet50": ({"stride_first": True, "use_bias": True}, 1.001e-5),
    "densenet161": ({}, 1.001e-5),
    "alexnet": ({}, 1e-3),
}


def on(network: str) -> Callable[[ConfigDict], None]:
    """The variant with a network."""

    def choose(config: ConfigDict) -> None:
        options, config.model.norm_epsilon = NETWORKS[network]
        config.model.net.architecture = "dizaj_unet" if network == "unet" else "dizaj"
        config.model.net.backbone = network
        config.model.net.options = ConfigDict(options)
        config.table.row = network

    return choose


def full() -> ConfigDict:
    """Three classes and a mask, by U-Net."""
    config = base()
    config.method = "multitask"
    config.data.name = "busi"
    config.data.shares = (16, 4, 5)  # 80% and 20%; of the first, 20% validate
    config.data.image_size = 512
    config.data.resize = "pad"
    config.data.views = 1
    config.data.grey = True
    config.data.pixels = "unit"
    config.data.augment.flip_horizontal = True
    config.data.augment.rotate_degrees = 20.0
    config.data.augment.scale = (0.5, 2.0)
    config.data.augment.noise = 5.0
    config.model.network = "net"
    config.model.net = ConfigDict(
        {
            "architecture": "dizaj_unet",
            "backbone": "unet",
            "task": "tumour",
            "width": 1.0,
            "options": {},
            "segmentation": True,
            "head": {"widths": (), "pool": "average", "dropout_rate": 0.33, "outputs": 3},
        }
    )
    config.model.norm_scale = True
    config.model.norm_momentum = 0.99  # Keras
    config.loss.name = "cross_entropy"
    # Over the batch: of a normal image alone, soft IoU has hardly a gradient before its mask is nearly empty.
    config.loss.segmentation = "soft_iou"
    config.optimizer.name = "sgd"
    config.optimizer.learning_rate = 1e-3
    config.optimizer.momentum = 0.9  # without any, networks barely move from random weights
    config.optimizer.weight_decay = 0.0
    config.optimizer.decay = "coupled"
    config.train.epochs = config.train.patience = 60  # no early stopping
    config.train.batch_size = 8
    config.eval.batch_size = 8
    config.selection.metric, config.selection.mode = "loss", "min"
    config.table.name = "dizaj2021"
    on("unet")(config)
    return config


def ten_folds(config: ConfigDict) -> None:
    """Ten folds by case."""
    config.data.split, config.data.folds = "kfold", 10
    config.data.shares = base().data.shares  # of holdouts alone


def two_classes(config: ConfigDict) -> None:
    """Malignant or not."""
    config.model.net.task = "malignant"
    config.model.net.head.outputs = 2


def small(config: ConfigDict) -> None:
    """Networks and images of a size for two CPU cores."""
    config.data.image_size = 128
    config.model.net.width = 0.25
    # 0.99 would leave the running statistics behind the weights for epochs of so few steps.
    config.model.norm_momentum = 0.9
    config.optimizer.learning_rate = 1e-2  # 1e-3 gets nowhere in so few steps
    config.train.epochs = config.train.patience = 30
    settle(config)


def get_config(variant: str = "full") -> ConfigDict:
    names = [name for name in variant.split(",") if name in NETWORKS]
    if len(names) > 1:
        raise ValueError(f"variants {' and '.join(names)}: expected one network at most")
    variants = {"ten_folds": ten_folds, "two_classes": two_classes, "small": small}
    return with_variants(full(), variant, variants | {network: on(network) for network in NETWORKS})
