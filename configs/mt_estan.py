"""MT-ESTAN (Shareef et al., section 3.4, Table 9): ResNet-50 and ESTAN's blocks, classification and segmentation.

    python launch.py --config configs/mt_estan.py --workdir runs/mt_estan
    python launch.py --config configs/mt_estan.py:small --workdir runs/mt_estan_small
    python launch.py --config configs/mt_estan.py:small,encoder --workdir runs/mt_estan_encoder

Training is as long as the released script's, 50 rounds of 210 steps: at the learning rate of 1e-5, the paper's 70
epochs (1610 steps) would leave the 32 million new parameters near their random values. `--config.train.epochs=70` is
the paper's length.

- code: what the released script does where it differs from the paper: the classification loss counts 1.5 times, pixels
  as OpenCV reads them.
- as_published: every image its own case, as the script splits them; it leaks near-duplicates.
- encoder: both encoders and the classifier without the decoder, trained to classify alone.
- scratch: random initial weights.
- small: BUS-BRA, 96 pixels, a quarter of the channels, random weights, 20 epochs. For two CPU cores.
"""

from ml_collections import ConfigDict

from configs.base import with_variants
from configs.multitask import VARIANTS, by_rounds, multitask
from configs.multitask import small as smaller


def small(config: ConfigDict) -> None:
    """As of the other multi-task networks; the blocks at full size are the expensive ones."""
    smaller(config)
    config.data.image_size = 96


def code(config: ConfigDict) -> None:
    """1.5 weighted BCE + Dice, of clipped probabilities."""
    config.loss.name = "weighted_bce_clipped"
    config.loss.classification_weight = 1.5
    config.data.pixels = "unit_bgr"


def encoder(config: ConfigDict) -> None:
    """Without the segmentation task."""
    config.model.net.segmentation = False
    config.table = ConfigDict({"name": "", "row": ""})


def get_config(variant: str = "full") -> ConfigDict:
    config = multitask("mt_estan", "resnet50", widths=(512, 128), dropout_rate=0.5)
    config.loss.name = "weighted_bce"
    config.loss.positive_weight = 3.0
    config.loss.classification_weight = 3.0  # the paper; the script has 1.5
    by_rounds(config, 210)
    # Of the script; the paper says nothing of augmentation in multi-task training. One warp for image and mask.
    config.data.augment.rotate_degrees = 20.0
    config.data.augment.shift_height = config.data.augment.shift_width = 0.2
    config.data.augment.fill = "edge"
    config.data.augment.flip_horizontal = True
    config.table = ConfigDict({"name": "shareef_9", "row": "mt_estan"})
    return with_variants(config, variant, VARIANTS | {"code": code, "encoder": encoder, "small": small})
