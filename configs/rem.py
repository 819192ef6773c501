"""Cross training of Mt-Net and Sn-Net with the region enhance mechanism (Qi et al. 2019, 'REM').

python launch.py --config configs/rem.py --workdir runs/rem                 full size, BUS-BRA, a GPU
python launch.py --config configs/rem.py:small --workdir runs/rem_small     reduced, BUS-BRA, 2 CPU cores
python launch.py --config configs/rem.py:demo --workdir runs/demo           smallest, synthetic images
"""

from ml_collections import ConfigDict

from configs.base import base, demo, small, with_variants


def get_config(variant: str = "full") -> ConfigDict:
    return with_variants(base(), variant, {"small": small, "demo": demo})
