"""Classification with segmentation on five backbones (Shareef et al., Table 8), and the same networks without it.

    python launch.py --config configs/multitask.py:mobilenet --workdir runs/multitask_mobilenet
    python launch.py --config configs/multitask.py:mobilenet,single --workdir runs/single_mobilenet
    python launch.py --config configs/multitask.py:mobilenet,small --workdir runs/multitask_small

- densenet121 (default), mobilenet, resnet50, vgg16, efficientnet_b0: the backbone, from its ImageNet weights.
- single: the same backbone and head, without decoder and masks.
- code: what the released script does where it differs from the paper. Only that of DenseNet121 can run.
- as_published: every image its own case, as the scripts split them; it leaks near-duplicates.
- scratch: random initial weights.
- small: BUS-BRA, 128 pixels, a quarter of the channels, random weights, 20 epochs. For two CPU cores.

The full size is meant for a GPU and the 1209 images of BUSI and BUSIS, one fold of five by case at a time:
`--config.data.fold=1`.
"""

from ml_collections import ConfigDict

from configs.base import base, random_weights, settle, with_variants
from configs.benchmark import NETWORKS, USUAL

STEPS_IN_EPOCH = 23  # 725 of the 1209 images train in a fold, 32 at a time
BACKBONES = ("densenet121", "mobilenet", "resnet50", "vgg16", "efficientnet_b0")


def multitask(
    architecture: str,
    backbone: str,
    *,
    widths: tuple[int, ...] = (512, 64),
    dropout_rate: float = 0.3,
    outputs: int = 1,
) -> ConfigDict:
    """What the multi-task networks of the benchmark share: data, loss, optimizer.

    Args:
      architecture: of `busjax.models.MULTITASK`.
      backbone: its encoder; from ImageNet weights where it is one of the benchmark's.
      widths, dropout_rate, outputs: of the classification head.
    """
    own = USUAL | NETWORKS.get(backbone, {"release": ""})
    config = base()
    config.method = "multitask"
    config.data.name = "bus_benchmark/multitask"  # BUSI and BUSIS; near-duplicates in one case
    config.data.split = "kfold"  # five folds by case (the paper's claim; the scripts split images at random)
    config.data.image_size = 224
    config.data.resize = "pad"
    config.data.views = 1
    config.model.network = "net"
    config.model.net = ConfigDict(
        {
            "architecture": architecture,
            "backbone": backbone,
            "task": "malignant",
            "width": 1.0,
            "options": own["options"],
            "segmentation": True,
            "head": {"widths": widths, "pool": "average", "dropout_rate": dropout_rate, "outputs": outputs},
        }
    )
    config.model.norm_scale = own["norm_scale"]
    config.model.norm_epsilon = own["norm_epsilon"]
    config.model.norm_momentum = 0.99  # Keras
    config.pretrained.release = own["release"]
    config.loss.name = "bce"
    config.loss.segmentation = "dice"
    config.optimizer.name = "keras_adam"
    config.optimizer.learning_rate = 1e-5  # the paper says Adam, the rate is the scripts'
    config.optimizer.eps = 1e-7
    config.optimizer.weight_decay = 0.0
    config.train.epochs = 70  # the paper; of 23 steps each
    config.train.patience = 70  # no early stopping
    config.train.batch_size = 32
    config.eval.batch_size = 32
    # Not said for these networks, whose scripts report the last epoch; that of MT-ESTAN reports this one, too. The loss
    # of a validation has the Dice loss of every image, that of training the one over the whole batch.
    config.selection.metric, config.selection.mode = "loss", "min"
    return config


def small(config: ConfigDict) -> None:
    """Networks and images of a size for two CPU cores, on images that can be downloaded."""
    config.data.name = "bus_bra"
    config.data.split = "holdout"
    config.data.image_size = 128
    config.data.augment.flip_horizontal = True
    random_weights(config)
    config.model.net.width = 0.25
    # 0.99 would leave the running statistics behind the weights for epochs of some 50 steps.
    config.model.norm_momentum = 0.9
    config.optimizer.learning_rate = 1e-3
    config.optimizer.plateau.patience = 0  # of MT-ESTAN
    config.train.epochs = 20
    config.train.batch_size = 16
    settle(config)


def by_rounds(config: ConfigDict, steps: int) -> None:
    """50 rounds of so many steps, and a learning rate that falls after 15 rounds without a lower validation loss."""
    config.train.epochs = config.train.patience = round(50 * steps / STEPS_IN_EPOCH)
    patience = round(15 * steps / STEPS_IN_EPOCH)
    config.optimizer.plateau = ConfigDict({"patience": patience, "factor": 0.1, "min_delta": 1e-4, "floor": 1e-6})


def single(config: ConfigDict) -> None:
    """The backbone with the same head, without segmentation."""
    config.method = "classification"


def code(config: ConfigDict) -> None:
    """Three times weighted BCE with w = 3, pixels as OpenCV reads them, 50 rounds of 200 steps, the last epoch.

    Our folds have 23 steps in an epoch, each followed by a validation, so rounds are counted in epochs. Not repeated:
    their masks, which are resized bilinearly and so a little larger.
    """
    config.loss.name = "weighted_bce_clipped"
    config.loss.positive_weight = 3.0
    config.loss.classification_weight = 3.0
    config.data.pixels = "unit_bgr"
    by_rounds(config, 200)
    config.selection.after = 1 - 0.5 / config.train.epochs


def as_published(config: ConfigDict) -> None:
    """Every image a case, as in the scripts: near-duplicates of BUSI stand on both sides, so it leaks."""
    config.data.name = "bus_benchmark/multitask_released_cases"


VARIANTS = {"as_published": as_published, "scratch": random_weights, "small": small}
"""Of all multi-task networks of the benchmark."""


def on(backbone: str):
    """The variant with another backbone."""

    def choose(config: ConfigDict) -> None:
        own = USUAL | NETWORKS[backbone]
        config.model.net.backbone = backbone
        config.model.net.options = ConfigDict(own["options"])
        config.model.norm_epsilon = own["norm_epsilon"]
        if config.pretrained.release:
            config.pretrained.release = own["release"]
        elif "/" in config.data.pixels:  # after 'small' or 'scratch', the release whose pixels they are
            config.data.pixels = own["release"]

    return choose


def get_config(variant: str = "full") -> ConfigDict:
    config = multitask("benchmark", "densenet121")
    config.loss.classification_weight = 1.5  # eq. 11
    variants = VARIANTS | {"single": single, "code": code}
    with_variants(config, variant, variants | {backbone: on(backbone) for backbone in BACKBONES})
    kind = "single" if config.method == "classification" else "multi"
    if config.pretrained.release:
        with config.unlocked():
            config.table = ConfigDict({"name": "shareef_8", "row": f"{config.model.net.backbone}_{kind}"})
    return config
