"""The multi-task U-Net of Vakanski and Xian, as their public code trains it. A row of Shareef et al., Table 9.

    python launch.py --config configs/vakanski.py --workdir runs/vakanski
    python launch.py --config configs/vakanski.py:small --workdir runs/vakanski_small

Images of 256 pixels, squashed, from 0 to 1; 0.2 cross-entropy + 0.8 Dice over the batch of 2; Adam with 1e-4; at most
1000 epochs, ended after 30 without a better validation accuracy. Their code keeps the last weights; here the best by
that accuracy are reported. They use 562 images of BUSIS; here it is the benchmark's 1209.

- as_published: every image its own case, as the benchmark splits them; it leaks near-duplicates.
- small: BUS-BRA, 128 pixels, a quarter of the channels, 20 epochs. For two CPU cores.
"""

from ml_collections import ConfigDict

from configs.base import with_variants
from configs.multitask import as_published, multitask, small


def get_config(variant: str = "full") -> ConfigDict:
    config = multitask("vakanski", "unet", widths=(256, 64), dropout_rate=0.25, outputs=2)
    config.data.image_size = 256
    config.data.resize = "squash"
    config.data.pixels = "unit"
    config.model.norm_epsilon = 1e-5  # PyTorch
    config.model.norm_momentum = 0.9
    config.loss.name = "cross_entropy"
    config.loss.classification_weight = 0.2
    config.loss.segmentation_weight = 0.8
    config.optimizer.name = "adam"
    config.optimizer.learning_rate = 1e-4
    config.optimizer.eps = 1e-8
    config.train.epochs = 1000
    config.train.patience = 30
    config.train.batch_size = 2
    config.selection.metric = "accuracy"
    config.selection.mode = "max"
    config.table = ConfigDict({"name": "shareef_9", "row": "vakanski"})
    return with_variants(config, variant, {"as_published": as_published, "small": small})
