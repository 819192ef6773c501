"""Stacked denoising autoencoder on lesions (Cheng et al. 2016, as Qi et al. 2019 run it for comparison).

    python launch.py --config configs/cheng.py --workdir runs/cheng
    python launch.py --config configs/cheng.py:sn --workdir runs/cheng_sn                    the solid nodule
    python launch.py --config configs/cheng.py:no_pretraining --workdir runs/cheng_plain     for comparison

The network sees 28 x 28 grey pixels of the lesion's bounding box (the middle 60 % of images without a lesion), and
beside them how much height and width were scaled and the box's aspect ratio. The box comes from the true mask, at test
as well. Every hidden layer learns to denoise its input for `pretrain_epochs` first; then the whole network learns the
task for `train.epochs`, of which one is chosen.

Qi et al. give the patch, the pre-training, the further inputs and two outputs. Widths, noise, rates, epochs and the
measure of a reconstruction are our choice.

- full: BUS-BRA, 50 epochs for each of five layers, then at most 60.
- small: 10 epochs for each layer, then 20; the network is the same.
- no_pretraining: all layers from random weights.
- demo: small on the phantom.
"""

from ml_collections import ConfigDict

from configs.base import base, with_variants
from configs.mip import network

TASKS = {"mt": "malignant", "sn": "solid"}


def autoencoder(task: str) -> ConfigDict:
    """The network of a task."""
    return ConfigDict(
        {
            "task": task,
            "widths": (512, 256, 128, 64, 32),
            "noise": 0.3,  # share of a layer's input that is set to 0
            "pretrain_epochs": 50,  # of each layer, before those of train.epochs; 0 for none
            "pretrain_rate": 0.1,  # of gradient descent
        }
    )


def no_pretraining(config: ConfigDict) -> None:
    """The same network without its first stages."""
    for name in TASKS:
        config.model[name].pretrain_epochs = 0


def small(config: ConfigDict) -> None:
    """Fewer epochs."""
    for name in TASKS:
        config.model[name].pretrain_epochs = min(config.model[name].pretrain_epochs, 10)
    config.train.epochs = config.train.patience = 20  # no early stopping


def demo(config: ConfigDict) -> None:
    """The same, on synthetic images."""
    small(config)
    config.data.name = "phantom"
    config.table = ConfigDict({"name": "", "row": ""})


def get_config(variant: str = "full") -> ConfigDict:
    config = base()
    config.method = "autoencoding"
    config.data.image_size = 28
    config.data.resize = "lesion"
    config.data.views = 1
    config.data.grey = True
    config.data.pixels = "unit"
    for name, task in TASKS.items():
        config.model[name] = autoencoder(task)
    config.optimizer.name = "adam"
    config.optimizer.learning_rate = 1e-3
    config.optimizer.eps = 1e-8
    config.optimizer.weight_decay = 0.0
    config.eval.batch_size = 64
    config.table = ConfigDict({"name": "qi2019", "row": "Cheng"})
    variants = {"no_pretraining": no_pretraining, "small": small, "demo": demo}
    return with_variants(config, variant, {name: network(name) for name in TASKS} | variants)
