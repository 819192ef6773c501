"""SHA-MTL (Zhang et al.), by our reading: see `busjax/models/sha_mtl.py`. A row of Shareef et al., Table 9.

    python launch.py --config configs/sha_mtl.py --workdir runs/sha_mtl
    python launch.py --config configs/sha_mtl.py:small --workdir runs/sha_mtl_small

The loss, BCE + Dice, and everything else of the training is our choice: that of the benchmark's multi-task networks.

- as_published: every image its own case, as the scripts split them; it leaks near-duplicates.
- scratch: random initial weights.
- small: BUS-BRA, 128 pixels, a quarter of the channels, random weights, 20 epochs. For two CPU cores.
"""

from ml_collections import ConfigDict

from configs.base import with_variants
from configs.multitask import VARIANTS, multitask


def get_config(variant: str = "full") -> ConfigDict:
    config = multitask("sha_mtl", "densenet121", widths=(), dropout_rate=0.0)
    config.table = ConfigDict({"name": "shareef_9", "row": "sha_mtl"})
    return with_variants(config, variant, VARIANTS)
