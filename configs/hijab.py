"""A small network from scratch, VGG-16 as it is, and VGG-16 fine-tuned (Hijab et al. 2019, Table 1).

    python launch.py --config configs/hijab.py --workdir runs/features
    python launch.py --config configs/hijab.py:finetune --config.pretrained.head_from=runs/features --workdir runs/tuned
    python launch.py --config configs/hijab.py:baseline --workdir runs/baseline
    python launch.py --config configs/hijab.py:features,as_published --workdir runs/features_leaking

- features (default): the released VGG-16 is frozen, a classifier is trained on its features. These are computed once
  and kept in the work directory.
- finetune: the last convolution is trained, too, and the classifier, from that of the run `head_from`.
- block5: `finetune` with all three convolutions of the last block.
- baseline: the small network, from random weights.
- honest (default): divided by case; the training images alone are multiplied.
- as_published: all images are multiplied, then the versions divided. Versions of one image are on both sides: it leaks.
- by_case: the same, but the versions are divided by case. Turned and shifted images are harder than those that `honest`
  tests; the difference of `as_published` from this one is what leaks.
- small: 128 pixels, 4 versions, 15 epochs, and MobileNet of three quarters of the channels in place of VGG-16
  (`--config.pretrained.path=FILE.h5`); 64 pixels for the baseline, whose every layer is trained. For two CPU cores.

Of the paper: which parameters are frozen, saved features, 24 versions, 70% for training and 30% for testing, dropout,
50 epochs, batches of 20, a learning rate of 0.001 for the baseline, SGD for fine-tuning. The rest it does not say. Its
three ways of training and its list of augmentations, in the same order, are those of the Keras tutorial of 2016 on
small sets of images, and what is silent is taken from there: squares of 150 pixels, the baseline's layers, 256 hidden
features, dropout 0.5, RMSprop, SGD with 0.0001 and momentum 0.9; shifts by 0.2, a shear of 0.2 (then radians, 11.5
degrees), zoom from 0.8 to 1.2, the nearest pixel outside. Ours: right angles in place of the tutorial's 40 degrees, as
the paper has them; the image itself is one of the 24; zoom is the same for height and width; "rescaling" is the scaling
of pixels; 60% train, 10% validate (a part of the paper's 70%) and 30% test, and the best epoch by AUC on validation is
reported; pixels as the released weights expect them. 24 times the 900 images that give the paper's 21,600 are neither
its 1,000 training images nor all 1,300; its table fits 30% of the 21,600, not its 300 test images.
"""

from collections.abc import Callable

from ml_collections import ConfigDict

from configs.base import base, with_variants

VGG16, MOBILENET = "keras/vgg16", "keras/mobilenet_0.75"
ALL = ("image_tower/*", "trunk/*")
# Of MobileNet, the last convolution is the second of its last pair; its normalisation stays as it is.
BEFORE_LAST_PAIR = ("image_tower/*", "trunk/middle_pairs/*", "trunk/pair12/*")
FROZEN = {
    VGG16: {
        "features": ALL,
        "finetune": ("image_tower/*", "trunk/conv5_1/*", "trunk/conv5_2/*"),
        "block5": ("image_tower/*",),
    },
    MOBILENET: {
        "features": ALL,
        "finetune": (*BEFORE_LAST_PAIR, "trunk/pair13/depthwise/*", "trunk/pair13/pointwise/norm/*"),
        "block5": BEFORE_LAST_PAIR,
    },
}
"""By release and way of training, what stays as released."""


def baseline(config: ConfigDict) -> None:
    """The small network from scratch."""
    config.table.row = "baseline"
    config.pretrained.freeze = ()
    config.train.stored_features = False
    config.model.net.backbone = "hijab_cnn"
    config.model.net.head.widths = (64,)
    config.model.batch_norm = "batch"  # it has none
    config.data.pixels = "unit"


def features(config: ConfigDict) -> None:
    """The released network frozen, a classifier on its stored features."""
    config.table.row = "features"
    config.pretrained.freeze = ("features",)


def finetune(config: ConfigDict) -> None:
    """The last convolution and the classifier, by SGD."""
    config.table.row = "finetune"
    config.pretrained.freeze = ("finetune",)
    config.pretrained.head_from = "?"  # must be given
    config.train.stored_features = False
    config.optimizer.name = "sgd"
    config.optimizer.learning_rate = 1e-4
    config.optimizer.momentum = 0.9


def block5(config: ConfigDict) -> None:
    """The last block of convolutions and the classifier; no row of the paper."""
    finetune(config)
    config.table = ConfigDict({"name": "", "row": ""})
    config.pretrained.freeze = ("block5",)


def honest(config: ConfigDict) -> None:
    """Divided by case, then multiplied."""
    config.data.split = "holdout"


def as_published(config: ConfigDict) -> None:
    """Multiplied, then divided."""
    config.data.split = "augmented_image"


def by_case(config: ConfigDict) -> None:
    """Multiplied, then divided by case."""
    config.data.split = "augmented_case"


def small(config: ConfigDict) -> None:
    """For two CPU cores."""
    config.data.image_size = 128
    config.data.variants = 4
    config.pretrained.release = MOBILENET
    config.train.epochs = config.train.patience = 15


WAYS: dict[str, Callable[[ConfigDict], None]] = {
    "features": features,
    "finetune": finetune,
    "block5": block5,
    "baseline": baseline,
}
PROTOCOLS: dict[str, Callable[[ConfigDict], None]] = {
    "honest": honest,
    "as_published": as_published,
    "by_case": by_case,
}
VARIANTS = WAYS | PROTOCOLS | {"small": small}


def full() -> ConfigDict:
    """What the three ways of training share; as `features`."""
    config = base()
    config.method = "classification"
    config.data.shares = (6, 1, 3)
    config.data.image_size = 150
    config.data.resize = "squash"
    config.data.views = 1
    config.data.variants = 24
    augment = config.data.augment
    augment.right_angles = augment.flip_horizontal = True
    augment.shift_height = augment.shift_width = 0.2
    augment.shear_degrees = 11.5
    augment.scale = (0.8, 1.2)
    augment.fill = "edge"
    config.model.network = "net"
    config.model.net = ConfigDict(
        {
            "backbone": "",  # the release's
            "task": "malignant",
            "width": 1.0,
            "options": {},
            "head": {"widths": (256,), "pool": "flatten", "dropout_rate": 0.5, "outputs": 1},
        }
    )
    config.model.batch_norm = "frozen"
    config.pretrained.release = VGG16
    config.loss.name = "bce"
    config.optimizer.name = "rmsprop"
    config.optimizer.learning_rate = 1e-3
    config.optimizer.rho = 0.9
    config.optimizer.eps = 1e-7
    config.optimizer.weight_decay = 0.0
    config.train.stored_features = True
    config.train.epochs = config.train.patience = 50
    config.train.batch_size = 20
    config.eval.batch_size = 32
    config.selection.metric = "auc"
    config.table = ConfigDict({"name": "hijab2019", "row": ""})
    features(config)
    return config


def get_config(variant: str = "full") -> ConfigDict:
    for choice in (WAYS, PROTOCOLS):
        if len(words := [word for word in variant.split(",") if word in choice]) > 1:
            raise ValueError(f"found {' and '.join(words)}, expected one of {', '.join(choice)}")
    config = with_variants(full(), variant, VARIANTS)
    with config.unlocked():
        # What is frozen depends on two words: the network, and the way of training.
        if config.pretrained.freeze:
            (way,) = config.pretrained.freeze
            config.pretrained.freeze = FROZEN[config.pretrained.release][way]
        else:
            config.pretrained.release = ""
            if "small" in variant.split(","):
                config.data.image_size = 64
    return config
