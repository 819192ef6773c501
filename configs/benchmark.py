"""Seven networks for benign and malignant under one protocol (Shareef et al., Tables 4 to 7).

    python launch.py --config configs/benchmark.py:mobilenet,wbce --config.data.fold=1 --workdir runs/mobilenet_wbce_1
    python launch.py --sweep configs/sweeps/table6.py --workdir runs/table6
    python launch.py --sweep configs/sweeps/benchmark_small.py --workdir runs/benchmark_small

A variant is a network, a strategy and what else is wanted, in any order.

- Networks: mobilenet (default), densenet121, inception_v3, resnet50, vgg16, xception, efficientnet_b0.
- Strategies, each a column of Tables 4 to 7: scratch and no_augmentation (Table 4), bce (Table 5; the default), wbce
  and focal (Table 6), sgd and nadam (Table 7).
- random: random initial weights under any strategy; scratch is that with no_augmentation.
- code: what the released scripts do where they differ from the paper.
- released_folds: the benchmark's own test folds, which split near-duplicates of BUSI (validation by our rule);
  as_published: these, on images padded with the faults of its code. Both need its folds.zip.
- small: BUS-BRA, MobileNet of three quarters of the channels at 128 pixels, 8 epochs: minutes on two CPU cores.

The full size is meant for a GPU, one fold of five at a time. EfficientNet-B0 is trained without the stochastic depth
of Keras's.
"""

from collections.abc import Callable

from ml_collections import ConfigDict

from configs.base import base, no_augmentation, random_weights, with_variants

# Of each network: its weights, its input in pixels, w of weighted BCE and gamma of focal loss (the best of Table 6),
# and what the weights settle where there are none.
NETWORKS: dict[str, dict] = {
    "mobilenet": {"release": "keras/mobilenet_1.0", "gamma": 3.0},
    "densenet121": {"release": "keras/densenet121", "positive_weight": 4.0, "gamma": 3.0, "norm_epsilon": 1.001e-5},
    "inception_v3": {"release": "keras/inception_v3", "size": 299, "norm_scale": False},
    "resnet50": {
        "release": "keras/resnet50",
        "gamma": 3.0,
        "options": {"stride_first": True, "use_bias": True},
        "norm_epsilon": 1.001e-5,
    },
    "vgg16": {"release": "keras/vgg16"},
    "xception": {"release": "keras/xception", "size": 299},
    "efficientnet_b0": {"release": "keras/efficientnet_b0"},
}
USUAL = {"size": 224, "positive_weight": 3.0, "gamma": 2.0, "options": {}, "norm_scale": True, "norm_epsilon": 1e-3}

# Strategy -> the first table that it is in, and the end of its row's name there.
STRATEGIES = {
    "scratch": ("shareef_4", "scratch"),
    "no_augmentation": ("shareef_4", "transfer"),
    "bce": ("shareef_5", "augmented"),
    "wbce": ("shareef_6", "wbce"),
    "focal": ("shareef_6", "focal"),
    "sgd": ("shareef_7", "sgd"),
    "nadam": ("shareef_7", "nadam"),
}


def benchmark(network: str) -> ConfigDict:
    """A network from ImageNet weights, with augmentation and BCE."""
    own = USUAL | NETWORKS[network]
    config = base()
    config.method = "classification"
    config.data.name = "bus_benchmark"  # near-duplicates of BUSI in one case
    # By case. Of the training cases a fifth validates, says the paper; here it is the next fold, a quarter of them.
    config.data.split = "kfold"
    config.data.image_size = own["size"]
    config.data.resize = "pad"  # the dataset's images are squares already
    config.data.views = 1
    # Section on augmentation: "rotation 20%"; the scripts turn by 20 degrees. The fill is theirs.
    config.data.augment.flip_horizontal = True
    config.data.augment.rotate_degrees = 20.0
    config.data.augment.shift_height = config.data.augment.shift_width = 0.2
    config.data.augment.fill = "edge"
    config.model.network = "net"
    config.model.net = ConfigDict(
        {
            "backbone": network,
            "task": "malignant",
            "width": 1.0,
            "options": own["options"],
            # 512 and 64 are the paper's, the dropout is the scripts', also where Table 4 says without regularisation.
            "head": {"widths": (512, 64), "pool": "average", "dropout_rate": 0.3, "outputs": 1},
        }
    )
    config.model.norm_scale = own["norm_scale"]
    config.model.norm_epsilon = own["norm_epsilon"]
    config.model.norm_momentum = 0.99  # Keras
    config.pretrained.release = own["release"]
    config.loss.name = "bce"
    config.loss.positive_weight = own["positive_weight"]
    config.loss.gamma, config.loss.alpha = own["gamma"], 0.8
    config.optimizer.name = "keras_adam"
    config.optimizer.learning_rate = 1e-5
    config.optimizer.eps = 1e-7  # Keras
    config.optimizer.weight_decay = 0.0
    config.optimizer.decay = "coupled"
    config.train.epochs = config.train.patience = 50  # at most, and no early stopping
    config.train.batch_size = 32
    config.eval.batch_size = 32
    # The paper says nothing; the scripts score this checkpoint and the last one.
    config.selection.metric, config.selection.mode = "loss", "min"
    return config


def no_augmentation_(config: ConfigDict) -> None:
    """Training images as they are."""
    config.data.augment = no_augmentation()


def scratch(config: ConfigDict) -> None:
    """Random weights and no augmentation."""
    table = config.table
    random_weights(config)
    config.table = table  # the row is of random weights
    no_augmentation_(config)


def bce(config: ConfigDict) -> None:
    """What all of them start from."""


def wbce(config: ConfigDict) -> None:
    """Positives count w times."""
    config.loss.name = "weighted_bce"


def focal(config: ConfigDict) -> None:
    """Examples that are right count less."""
    config.loss.name = "focal"


def sgd(config: ConfigDict) -> None:
    """Weighted BCE by SGD with momentum."""
    wbce(config)
    config.optimizer.name = "sgd"
    config.optimizer.learning_rate, config.optimizer.momentum = 2e-3, 0.9


def nadam(config: ConfigDict) -> None:
    """Weighted BCE by NADAM."""
    wbce(config)
    config.optimizer.name = "nadam"
    config.optimizer.learning_rate, config.optimizer.eps = 1e-5, 1e-8


def code(config: ConfigDict) -> None:
    """Pixels as OpenCV reads them, whatever the weights expect; WBCE of clipped probabilities; NADAM at 1e-3."""
    config.data.pixels = "raw_bgr"
    if config.loss.name == "weighted_bce":
        config.loss.name = "weighted_bce_clipped"
    if config.optimizer.name == "nadam":
        config.optimizer.learning_rate = 1e-3
    if config.model.net.backbone == "resnet50":
        config.train.epochs = config.train.patience = 5  # in its script alone


def released_folds(config: ConfigDict) -> None:
    """The benchmark's own test folds and cases."""
    config.data.name, config.data.split = "bus_benchmark/released_cases", "official"


def as_published(config: ConfigDict) -> None:
    """These, and its padding, by which eight images are black."""
    config.data.name, config.data.split = "bus_benchmark/as_published", "official"


def small(config: ConfigDict) -> None:
    """Minutes on two CPU cores, on images that can be downloaded."""
    config.data.name = "bus_bra"
    config.data.image_size = 128
    config.model.net.backbone, config.model.net.width = "mobilenet", 0.75
    # 0.99 would leave the running statistics behind the weights for epochs of some 70 steps.
    config.model.norm_momentum = 0.9
    # 1e-5 is made for 50 epochs of a larger set; see also configs/transfer.py.
    if config.optimizer.name != "sgd":
        config.optimizer.learning_rate = 1e-3
    if config.pretrained.release:
        config.pretrained.release = "keras/mobilenet_0.75"
    config.optimizer.schedule = "cosine"
    config.train.epochs = config.train.patience = 8
    config.train.batch_size = 16


# In the order in which they are applied: the later ones look at what the strategy has set.
VARIANTS: dict[str, Callable[[ConfigDict], None]] = {
    "scratch": scratch,
    "no_augmentation": no_augmentation_,
    "bce": bce,
    "wbce": wbce,
    "focal": focal,
    "sgd": sgd,
    "nadam": nadam,
    "random": random_weights,
    "small": small,
    "released_folds": released_folds,
    "as_published": as_published,
    "code": code,
}


def _one_of(names: list[str], known: list[str], default: str, what: str) -> str:
    found = [name for name in names if name in known]
    if len(found) > 1:
        raise ValueError(f"variants {' and '.join(found)}: expected one {what} at most")
    return found[0] if found else default


def get_config(variant: str = "full") -> ConfigDict:
    names = variant.split(",")
    network = _one_of(names, list(NETWORKS), "mobilenet", "network")
    strategy = _one_of(names, list(STRATEGIES), "bce", "strategy")
    _one_of(names, ["released_folds", "as_published"], "", "dataset")
    if "small" in names and network != "mobilenet":
        raise ValueError(f"variants {network} and small: expected mobilenet, which small is made for")
    config = benchmark(network)
    # The network is settled; a name that does not exist is refused with all that do.
    known = VARIANTS | dict.fromkeys(NETWORKS, bce)
    order = list(known)
    ordered = sorted(names, key=lambda name: order.index(name) if name in order else -1)
    table, row = STRATEGIES[strategy]
    config.table = ConfigDict({"name": table, "row": f"{network}_{row}"})
    return with_variants(config, ",".join(ordered), known)
