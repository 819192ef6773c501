"""GoogLeNet on whole grey images (Han et al. 2017, as Qi et al. 2019 run it for comparison).

    python launch.py --config configs/han.py --config.pretrained.path=FILE.pth --workdir runs/han
    python launch.py --config configs/han.py:sn --workdir runs/han_sn              the solid nodule
    python launch.py --config configs/han.py:small --workdir runs/han_small        variants are joined by commas

Han et al. crop marked lesions. Qi et al. give the network whole images of 255 x 255 pixels in one grey channel, without
the auxiliary heads; so do we. They say nothing of optimizer, epochs and first weights: ours is a plain fine-tuning from
ImageNet, chosen by F2 on validation as their own networks are.

- full: BUS-BRA, torchvision's GoogLeNet (batch normalisation, 3x3 kernels in the branch of 5x5). For a GPU; not
  trained yet.
- scratch: random weights, all else the same.
- wide: 5x5 kernels and dropout 0.4 as in the original, with batch normalisation still; random weights, for there are no
  released ones.
- small: 128 pixels, a quarter of the channels, random weights, 20 epochs. Minutes on two CPU cores.
- demo: small on the phantom.
"""

from ml_collections import ConfigDict

from configs.base import base, linear_head, settle, with_variants
from configs.mip import network

TASKS = {"mt": "malignant", "sn": "solid"}


def googlenet(task: str) -> ConfigDict:
    """The network of a task."""
    return ConfigDict(
        {"backbone": "googlenet", "task": task, "width": 1.0, "options": {"wide_kernel": 3}, "head": linear_head()}
    )


def scratch(config: ConfigDict) -> None:
    """Random initial weights; the row stays, for the paper does not say that its network was pre-trained."""
    config.pretrained.release = ""
    config.optimizer.learning_rate = 1e-2  # 1e-3 is for weights that are nearly right


def wide(config: ConfigDict) -> None:
    """The kernels of the original."""
    scratch(config)
    config.model.dropout_rate = 0.4
    for name in TASKS:
        config.model[name].options.wide_kernel = 5


def small(config: ConfigDict) -> None:
    """A network of a size for two CPU cores."""
    scratch(config)
    config.data.image_size = 128
    for name in TASKS:
        config.model[name].width = 0.25
    config.train.epochs = 20
    config.train.batch_size = config.eval.batch_size = 16
    config.data.augment.flip_horizontal = True
    settle(config)


def demo(config: ConfigDict) -> None:
    """The same, on synthetic images."""
    small(config)
    config.data.name = "phantom"
    config.table = ConfigDict({"name": "", "row": ""})


def get_config(variant: str = "full") -> ConfigDict:
    config = base()
    config.method = "classification"
    config.data.image_size = 255  # 8 x 8 positions at the end
    config.data.resize = "squash"
    config.data.views = 1
    config.data.grey = True
    for name, task in TASKS.items():
        config.model[name] = googlenet(task)
    config.model.norm_scale = True  # torchvision
    config.pretrained.release = "torchvision/googlenet"
    config.optimizer.name = "sgd"
    config.optimizer.learning_rate = 1e-3
    config.optimizer.momentum = 0.9
    config.optimizer.weight_decay, config.optimizer.decay = 2e-4, "coupled"
    config.table = ConfigDict({"name": "qi2019", "row": "Han"})
    variants = {"scratch": scratch, "wide": wide, "small": small, "demo": demo}
    return with_variants(config, variant, {name: network(name) for name in TASKS} | variants)
