"""A lesion in mammography and in ultrasound: two networks and their fusion (Habib et al. 2020, Table 1).

    python launch.py --config configs/habib.py:small --config.data.name=phantom/paired --workdir runs/habib
    python launch.py --config configs/habib.py:end_to_end,lmcl,cnn --workdir runs/habib_cnn
    python launch.py --config configs/habib.py:ultrasound,small --config.data.name=bus_bra --workdir runs/habib_us

- separate (default): both single networks are trained, then the fusion network on their descriptors. end_to_end: all
  three at a time, by the sum of their losses.
- bce (default) or lmcl: the loss of all three.
- googlenet (default), from ImageNet, or cnn, the small network from random weights.
- ultrasound or mammography: that network alone, by the method 'classification', on a holdout by case: for datasets of
  one modality, too.
- wu: DenseNet121 on mammography; hijab: VGG-16 on ultrasound. The two networks of others that the paper re-trains, from
  ImageNet; their rows of the paper are in the table `habib_baselines`.
- scratch: random weights, all else the same.
- small: an eighth of GoogLeNet's and a quarter of all other channels, random weights; for two CPU cores. 80 of the
  paired phantom's 100 lesions left out in turn. The small network: 48 pixels, a constant rate of 2e-3, 8 epochs of the
  single networks and then 10 of the fusion, or 10 of all three. GoogLeNet: 64 pixels, a rate that falls from 7e-3 to 0
  (the fusion's from 2.1e-3), 12 epochs of each. One modality alone on a holdout, and wu and hijab: 48 pixels, 15
  epochs, a rate that falls from 1e-3, GoogLeNet's from 3e-3. Where the rate falls, `train.epochs` and
  `model.combined.single_epochs` are set together.

The protocol leaves one lesion out at a time (`data.split`), 120 in all, 60 of them malignant; all 120 are trained in
one run, side by side, as many together as `train.folds_at_once` says. `--config.data.fold=17` trains without one lesion
alone; a sweep over it gives the same scores (`configs/sweeps/habib_folds.py`). The dataset's other lesions validate.

Of the paper: crops of contoured lesions, augmented by shifts, turns and flips; the descriptors of 512 values of the
small network, which it trains from random weights, and GoogLeNet from ImageNet; a fusion network of seven layers; the
losses; 120 lesions in turn, and a lesion's score is the mean over all its appearances. Ours, where it is silent: the
crop (`busjax/data/lesion.py`), 224 pixels for GoogLeNet and 128 for the small network, shifts of 10%, turns of 20
degrees; layer sizes (`busjax/models/habib_cnn.py`, `fusion.py`); s = 16 and m = 0.35; Adam with 1e-3, of GoogLeNet
1e-4; batches of 32 pairs; 50 epochs, of which the last is reported: no epoch is chosen for a lesion. A pair is any
mammogram with any ultrasound image of a lesion, in the training of the single networks, too.
"""

from collections.abc import Callable

from ml_collections import ConfigDict

from configs.base import base, linear_head, with_variants

MODALITIES = ("mammography", "ultrasound")
GOOGLENET = "torchvision/googlenet"


def single(config: ConfigDict, backbone: str, options: dict | None = None, release: str = "") -> None:
    """The network of both modalities."""
    for name in MODALITIES:
        config.model[name].backbone = backbone
        config.model[name].options = ConfigDict(options or {})
        config.pretrained[name].release = release


def googlenet(config: ConfigDict) -> None:
    """GoogLeNet from ImageNet."""
    single(config, "googlenet", {"wide_kernel": 3}, GOOGLENET)
    config.data.image_size = 224
    config.optimizer.learning_rate = 1e-4
    config.model.combined.rate_factor = 10.0  # random weights need more than fine-tuning
    config.train.folds_at_once = 10  # what a large GPU should hold; not measured


def cnn(config: ConfigDict) -> None:
    """The small network from random weights."""
    single(config, "habib_cnn")
    config.data.image_size = 128
    config.optimizer.learning_rate = 1e-3
    config.model.combined.rate_factor = 1.0
    config.train.folds_at_once = 40


def separate(config: ConfigDict) -> None:
    """The single networks first."""
    config.model.combined.single_epochs = 50


def end_to_end(config: ConfigDict) -> None:
    """All three at a time."""
    config.model.combined.single_epochs = 0


def loss(name: str) -> Callable[[ConfigDict], None]:
    """The variant with a loss."""

    def choose(config: ConfigDict) -> None:
        config.loss.name = name

    return choose


def alone(
    modality: str, row: str = "", network: Callable[[ConfigDict], None] | None = None
) -> Callable[[ConfigDict], None]:
    """The variant with one modality's network by itself, and in place of GoogLeNet another."""

    def choose(config: ConfigDict) -> None:
        if network is not None:
            network(config)
        config.method = "classification"
        config.model.network = modality
        config.data.modality = modality
        if not row:
            config.data.split, config.data.fold = "holdout", 0
            config.eval.unit = "image"
            config.selection.after = 0.0
            config.selection.metric = "auc"
        # A method of one network has its release in `pretrained` itself.
        config.pretrained.release = config.pretrained[modality].release
        for name in MODALITIES:
            config.pretrained[name].release = ""
        config.table = ConfigDict({"name": "habib_baselines", "row": row} if row else {"name": "", "row": ""})

    return choose


def densenet121(config: ConfigDict) -> None:
    """DenseNet121 from ImageNet."""
    single(config, "densenet121", {}, "torchvision/densenet121")


def vgg16(config: ConfigDict) -> None:
    """VGG-16 from ImageNet."""
    single(config, "vgg16", {}, "keras/vgg16")


def scratch(config: ConfigDict) -> None:
    """Random weights."""
    for part in (config.pretrained, *(config.pretrained[name] for name in MODALITIES)):
        part.release = ""
    if config.optimizer.learning_rate < 1e-3:  # 1e-4 is for weights that are nearly right
        config.optimizer.learning_rate = 1e-3
        config.model.combined.rate_factor = 1.0


def small(config: ConfigDict) -> None:
    """For two CPU cores."""
    scratch(config)
    backbone, optimizer, combined = config.model.ultrasound.backbone, config.optimizer, config.model.combined
    config.data.image_size = 48
    for name in MODALITIES:
        config.model[name].width = 0.125 if backbone == "googlenet" else 0.25
    combined.widths = (256, 128, 64, 32, 16, 8)
    config.train.batch_size = 16
    # A rate that falls: running statistics lag behind weights that go on changing. An eighth of the channels learns
    # little at 1e-3 in so few steps.
    optimizer.learning_rate, optimizer.schedule = 3e-3 if backbone == "googlenet" else 1e-3, "cosine"
    config.train.epochs = 15
    if config.data.split == "leave_one_out":
        config.data.folds = 80  # of the paired phantom's 100 lesions
        if backbone == "habib_cnn":  # it has no running statistics, and no more than 200 steps
            optimizer.learning_rate, optimizer.schedule = 2e-3, "constant"
            config.train.epochs = 10
        elif backbone == "googlenet":
            # A quarter of the rows is left after its first two layers: with 48, mammograms were learned less well.
            config.data.image_size = 64
            optimizer.learning_rate = 7e-3
            # 2.1e-3: at 1e-2 all features of the fusion network, which has no batch normalisation, ended at 0.
            combined.rate_factor = 0.3
            config.train.epochs = 12
        if combined.single_epochs:
            combined.single_epochs = 8 if backbone == "habib_cnn" else config.train.epochs
    config.train.patience = config.train.epochs
    config.train.folds_at_once = 1


CHOICES: tuple[dict[str, Callable[[ConfigDict], None]], ...] = (
    {"separate": separate, "end_to_end": end_to_end},
    {"bce": loss("cross_entropy"), "lmcl": loss("lmcl")},
    {"googlenet": googlenet, "cnn": cnn},
)
"""Training, loss and network; the first of each where none is named."""
ALONE: dict[str, Callable[[ConfigDict], None]] = {
    **{modality: alone(modality) for modality in MODALITIES},
    "wu": alone("mammography", "densenet121_mammography", densenet121),
    "hijab": alone("ultrasound", "vgg16_ultrasound", vgg16),
}


def full() -> ConfigDict:
    """What all variants share."""
    config = base()
    config.method = "fusion"
    config.data.name = "paired_lesions"
    config.data.split = "leave_one_out"
    config.data.folds, config.data.fold = 120, -1
    config.data.resize = "lesion_square"
    config.data.views = 1
    augment = config.data.augment
    augment.flip_horizontal = True
    augment.rotate_degrees = 20.0
    augment.shift_height = augment.shift_width = 0.1
    config.model.norm_scale = True  # torchvision
    for name in MODALITIES:
        config.model[name] = ConfigDict(
            {
                "backbone": "",
                "task": "malignant",
                "width": 1.0,
                "options": {},
                "head": linear_head(),
            }
        )
        config.pretrained[name] = ConfigDict({"release": "", "path": ""})
    config.model.combined = ConfigDict(
        {
            "widths": (1024, 512, 256, 128, 64, 32),
            "dropout_rate": 0.5,
            "dropouts": 2,  # after the first two layers
            "rate_factor": 1.0,  # of the learning rate
            # Of both single networks before the fusion's train.epochs; 0 for all three at a time, end to end.
            "single_epochs": 50,
        }
    )
    config.loss.name = "cross_entropy"
    config.optimizer.name = "adam"
    config.optimizer.eps = 1e-8
    config.optimizer.weight_decay = 0.0
    config.train.epochs = config.train.patience = 50
    config.train.batch_size = 32
    config.eval.batch_size = 32
    config.eval.unit = "case"
    config.selection.metric = "auc"
    config.selection.after = 0.99  # the last epoch: which of its epochs to take is chosen for no lesion
    config.table.name = "habib_1"
    return config


def get_config(variant: str = "full") -> ConfigDict:
    words = variant.split(",")
    chosen = []
    for choice in (*CHOICES, ALONE):
        if len(found := [word for word in words if word in choice]) > 1:
            raise ValueError(f"found {' and '.join(found)}, expected one of {', '.join(choice)}")
        chosen += found or ([next(iter(choice))] if choice is not ALONE else [])
    config = full()
    config.table.row = "_".join(chosen[i] for i in (0, 1, 2))
    # Training, loss and network come first, and what changes them after.
    rest = [word for word in words if word not in chosen]
    variants = {name: change for choice in (*CHOICES, ALONE) for name, change in choice.items()}
    variants |= {"scratch": scratch, "small": small}
    return with_variants(config, ",".join([*chosen, *rest]), variants)
