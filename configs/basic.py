"""One network on whole images squashed to a square (Qi et al. 2019, 'BASIC').

    python launch.py --config configs/basic.py --workdir runs/basic              Mt-Net
    python launch.py --config configs/basic.py:small,sn --workdir runs/basic_sn  Sn-Net, reduced

- full: BUS-BRA, 299 pixels, whole networks. For a GPU; not trained to the end yet.
- small: BUS-BRA, 139 pixels, a quarter of the channels, 20 epochs. About 5 minutes on two CPU cores. On 640 of the 1064
  cases (188 test images): AUC 0.73 for malignant (mt), 0.82 for solid (sn), without ImageNet weights.
- demo: the phantom, 107 pixels, 12 epochs. About a minute on two CPU cores once the phantom is built.
  Validation AUC 0.92 for malignant (mt).
"""

from ml_collections import ConfigDict

from configs.base import base, demo, small, with_variants
from configs.mip import network


def get_config(variant: str = "full") -> ConfigDict:
    config = base()
    config.method = "classification"
    config.data.resize = "squash"
    config.data.views = 1
    config.table.name, config.table.row = "qi2019", "BASIC"
    return with_variants(config, variant, {"mt": network("mt"), "sn": network("sn"), "small": small, "demo": demo})
