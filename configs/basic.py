"""One network on whole images squashed to a square (Qi et al. 2019, 'BASIC').

python launch.py --config configs/basic.py --workdir runs/basic              Mt-Net
python launch.py --config configs/basic.py:small,sn --workdir runs/basic_sn  Sn-Net, reduced
"""

from ml_collections import ConfigDict

from configs.base import base, demo, small, with_variants
from configs.mip import network


def get_config(variant: str = "full") -> ConfigDict:
    config = base()
    config.method = "classification"
    config.data.resize = "squash"
    config.data.views = 1
    return with_variants(config, variant, {"mt": network("mt"), "sn": network("sn"), "small": small, "demo": demo})
