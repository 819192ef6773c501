"""Cross training of Mt-Net and Sn-Net with the region enhance mechanism (Qi et al. 2019, 'REM').

    python launch.py --config configs/rem.py --workdir runs/rem                 the paper's sizes
    python launch.py --config configs/rem.py:small --workdir runs/rem_small     reduced
    python launch.py --config configs/rem.py:demo --workdir runs/demo           smallest

- full: BUS-BRA, 299 pixels, whole networks. For a GPU; not trained to the end yet, so no result is known.
- small: BUS-BRA, 139 pixels, a quarter of the channels, 20 epochs. About 20 minutes on two CPU cores. Trained on 640
  of the 1064 cases (188 test images): AUC 0.77 for malignant, 0.83 for solid, without ImageNet weights.
- demo: the phantom, 107 pixels, 12 epochs. Under 4 minutes on two CPU cores. Validation AUC above 0.8
  for both networks.
"""

from ml_collections import ConfigDict

from configs.base import base, demo, small, with_variants


def get_config(variant: str = "full") -> ConfigDict:
    config = base()
    config.table.name, config.table.row = "qi2019", "REM"
    return with_variants(config, variant, {"small": small, "demo": demo})
