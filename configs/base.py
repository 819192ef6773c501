"""The fields of every config, with the settings of Qi et al. 2019, and how variants are put together."""

from collections.abc import Callable, Mapping

from ml_collections import ConfigDict, FieldReference

from busjax.names import hint


def no_augmentation() -> ConfigDict:
    """Training images as they are; `data/augmentation.py` says what each field does."""
    return ConfigDict(
        {
            "flip_horizontal": False,
            "right_angles": False,
            "rotate_degrees": 0.0,
            "shift_height": 0.0,  # largest share of the height
            "shift_width": 0.0,
            "shear_degrees": 0.0,
            "scale": (1.0, 1.0),
            "fill": "zero",  # or 'edge'
            "noise": 0.0,  # standard deviation in grey levels
        }
    )


def linear_head() -> ConfigDict:
    """The last layer on averaged features, after `model.dropout_rate`: a softmax of two outputs."""
    # With `widths`, hidden layers of so many features with ReLU come first, and `dropout_rate` after the first of them;
    # there is then no class activation map. With one output, its sigmoid is the probability of the positive answer.
    # `pool` 'flatten' gives the hidden layers all positions in place of their average, of one image size alone.
    return ConfigDict({"widths": (), "pool": "average", "dropout_rate": 0.3, "outputs": 2})


def base() -> ConfigDict:
    """All fields at the paper's values; where the paper is silent, the comment says what was chosen."""
    config = ConfigDict()
    config.method = "cross_training"
    config.seed = 0
    config.dtype = "float32"  # of convolutions; 'bfloat16' is faster on GPUs

    config.data = ConfigDict()
    # Each a name, or several: 'bus_bra,busi' on the command line or a list.
    config.data.name = FieldReference("bus_bra", field_type=object)
    config.data.train = FieldReference("", field_type=object)  # to train and validate on, in place of data.name
    config.data.test = FieldReference("", field_type=object)  # to test on, where they are other ones
    config.data.modality = "ultrasound"  # the only pictures of a dataset that are used; or 'mammography'
    config.data.groups = ""  # file of near-duplicates to keep together (python -m tfds_builders check --groups FILE)
    config.data.data_dir = ""  # where built datasets are; '' for TFDS's default
    config.data.manual_dir = ""  # where a dataset was put that cannot be downloaded
    config.data.split = "holdout"  # by case (the paper does not say by patient; we do)
    config.data.shares = (4, 1, 1)  # of training, validation and test in a holdout: 4/6, 1/6, 1/6
    config.data.split_seed = 0  # apart from `seed`, so that runs of several seeds have one split
    config.data.fold = 0  # -1 with 'leave_one_out': all cases in one run
    config.data.folds = 5
    config.data.image_size = 299
    config.data.resize = "short_side"  # multi-input prediction; 'squash' for BASIC
    config.data.grey = False  # luminance in three equal channels
    config.data.despeckle = ""  # filter of the released image, data/despeckle.py: 'median', 'wiener', or none
    config.data.views = 5
    config.data.augment = no_augmentation()  # the paper lists none
    # Every training image so many times, as it is and in versions that `augment` makes once, in place of new ones in
    # every epoch; 0 for none. With data.split 'augmented_image' all images, before they are divided, which leaks;
    # with 'augmented_case' too, and then divided by case.
    config.data.variants = 0
    # As the released weights expect, or else from -1 to 1; 'raw_bgr', 'unit_bgr': blue first, 0 to 255 or 0 to 1.
    config.data.pixels = "release"
    config.data.cache = True  # keep decoded images in memory

    config.model = ConfigDict()
    config.model.network = "mt"  # of the method 'classification': mt or sn
    config.model.map_scale = 0.2  # lambda of eq. 4; not given in the paper
    config.model.batch_norm = "batch"
    config.model.norm_scale = False  # MXNet's Inception files fix gamma at 1
    config.model.norm_epsilon = 1e-3
    config.model.norm_momentum = 0.9  # of the running statistics; MXNet's default
    config.model.sync_batch_norm = True  # the batch of 10 is one batch, on however many devices
    config.model.dropout_rate = 0.2
    config.model.mt = ConfigDict(
        {
            "backbone": "inception_resnet_v2",
            "task": "malignant",
            "width": 1.0,
            "options": {"blocks": (10, 20, 10), "last_block_scale": 1.0},
            "head": linear_head(),
        }
    )
    config.model.sn = ConfigDict(
        {
            "backbone": "inception_v3",
            "task": "solid",
            "width": 1.0,
            "options": {
                "early_blocks": 3,
                "middle_blocks": (128, 160, 160, 192),
                "count_padding": False,
                "last_max_pooling": False,
            },
            "head": linear_head(),
        }
    )

    # Released ImageNet weights, by name (python -m busjax.pretrained --list). They settle the backbone, its width,
    # options and normalisation, and the scaling of pixels. Of a method with two networks, for each its own.
    config.pretrained = ConfigDict({"release": "", "path": ""})  # path '' to download
    config.pretrained.cache_dir = "~/.cache/busjax/weights"  # where downloaded files are kept
    config.pretrained.mt = ConfigDict({"release": "", "path": ""})
    config.pretrained.sn = ConfigDict({"release": "", "path": ""})
    config.pretrained.head_from = ""  # work directory of a finished run whose best head a network with a release takes
    config.pretrained.freeze = ()  # patterns of parameters that stay as they are: ('image_tower/*',)

    config.loss = ConfigDict()
    config.loss.name = "cross_entropy"  # methods/losses.py; eq. 5
    config.loss.positive_weight = 1.0  # of 'weighted_bce'
    config.loss.gamma = 2.0  # of 'focal'
    config.loss.alpha = 0.5
    # Of 'lmcl', whose networks end in cosines (CosFace). Its authors have s = 64, which is very stiff for two classes.
    config.loss.scale = 16.0
    config.loss.margin = 0.35
    config.loss.segmentation = "dice"  # of the method 'multitask', methods/segmentation_losses.py
    config.loss.classification_weight = 1.0
    config.loss.segmentation_weight = 1.0

    config.optimizer = ConfigDict()
    config.optimizer.name = "adadelta"
    config.optimizer.learning_rate = 1.0
    config.optimizer.schedule = "constant"
    config.optimizer.rho = 0.9  # of AdaDelta and RMSprop
    config.optimizer.eps = 1e-5
    config.optimizer.b1 = 0.9  # of Adam
    config.optimizer.b2 = 0.999
    config.optimizer.momentum = 0.9  # of SGD
    config.optimizer.momentum_decay = 0.004  # of NADAM; 1.0 as in Keras from 2.11 on
    # The rate times `factor`, and not below `floor`, after `patience` validations without a lower loss; 0 for never.
    config.optimizer.plateau = ConfigDict({"patience": 0, "factor": 0.1, "min_delta": 1e-4, "floor": 0.0})
    config.optimizer.weight_decay = 1e-4
    config.optimizer.decay = "decoupled"

    config.train = ConfigDict()
    config.train.epochs = 60  # not given in the paper
    config.train.patience = 15  # epochs without a better network before training ends; not given in the paper
    config.train.batch_size = 10
    config.train.log_every = 10  # steps
    # With all below the head frozen: its features of every image are computed once and kept in the work directory.
    config.train.stored_features = False
    # Of folds that are trained in one run, how many a device computes together (jax.vmap), the groups one after the
    # other; 0 for all. On a GPU as many as fit in its memory; a CPU is fastest with 1.
    config.train.folds_at_once = 0

    config.eval = ConfigDict({"batch_size": 10, "threshold": 0.5, "beta": 2.0})
    config.eval.unit = "image"  # that scores are of; of a 'case' the mean over its images
    config.eval.mask_threshold = 0.5  # of a pixel, where lesions are drawn
    # The row that the run belongs beside, in one published table or in all of a paper: 'shareef_4',
    # 'mobilenet_scratch'; 'qi2019', 'REM'.
    config.table = ConfigDict({"name": "", "row": ""})
    # By F-beta on validation, each network by itself; from the first epoch on.
    config.selection = ConfigDict({"metric": "f_beta", "mode": "max", "after": 0.0})
    return config


def with_variants(config: ConfigDict, variant: str, variants: Mapping[str, Callable[[ConfigDict], None]]) -> ConfigDict:
    """Applies the variants named in a text, in its order, and locks the config.

    Args:
      config: the full experiment.
      variant: names joined by commas; '' or 'full' for none.
      variants: what each does.

    Raises:
      ValueError: for an unknown name, with the nearest one that exists.
    """
    for name in filter(None, variant.split(",")):
        if name == "full":
            continue
        if name not in variants:
            raise ValueError(f"unknown variant {name!r}{hint(name, ['full', *variants])}")
        variants[name](config)
    return config.lock()


def random_weights(config: ConfigDict) -> None:
    """Random initial weights, and no row of a table; pixels scaled as the released weights expect them, as before."""
    if config.pretrained.release and config.data.pixels == "release":
        config.data.pixels = config.pretrained.release
    config.pretrained.release = ""
    config.table = ConfigDict({"name": "", "row": ""})


def settle(config: ConfigDict) -> None:
    """Training from scratch in few epochs: the learning rate falls to 0, and only the second half can be chosen.

    At AdaDelta's constant rate the running statistics of batch normalisation lag behind the weights, and an early epoch
    that calls every image positive has a high F-beta: it would be chosen though it has learned nothing.
    """
    config.optimizer.schedule = "cosine"
    config.selection.after = 0.5


def small(config: ConfigDict) -> None:
    """Networks of a size that two CPU cores train on real images in an hour."""
    config.data.image_size = 139
    for network in (config.model.mt, config.model.sn):
        network.width = 0.25
    config.model.mt.options.blocks = (1, 2, 1)
    config.model.sn.options.early_blocks = 2
    config.model.sn.options.middle_blocks = (128,)
    config.train.epochs = 20
    config.train.batch_size = 16
    config.eval.batch_size = 16
    config.data.augment.flip_horizontal = True
    settle(config)


def demo(config: ConfigDict) -> None:
    """The smallest networks, on synthetic images, which belong beside no published row."""
    config.table = ConfigDict({"name": "", "row": ""})
    config.data.name = "phantom"
    config.data.image_size = 107
    config.data.views = min(config.data.views, 3)
    for network in (config.model.mt, config.model.sn):
        network.width = 0.25
    config.model.mt.options.blocks = (0, 1, 1)
    config.model.sn.options.early_blocks = 0
    config.model.sn.options.middle_blocks = ()
    config.train.epochs = 12
    config.train.batch_size = 16
    config.data.augment.flip_horizontal = True
    settle(config)
    config.eval.batch_size = 16
