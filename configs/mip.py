"""One network with multi-input prediction (Qi et al. 2019, 'MIP'): random crops in training, five windows in testing.

python launch.py --config configs/mip.py --workdir runs/mip                  Mt-Net
python launch.py --config configs/mip.py:sn --workdir runs/mip_sn            Sn-Net
python launch.py --config configs/mip.py:small,sn --workdir runs/mip_sn      variants are joined by commas
"""

from ml_collections import ConfigDict

from configs.base import base, demo, small, with_variants


def network(name: str):
    """The variant that trains one of the two networks."""

    def choose(config: ConfigDict) -> None:
        config.model.network = name

    return choose


def get_config(variant: str = "full") -> ConfigDict:
    config = base()
    config.method = "classification"
    return with_variants(config, variant, {"mt": network("mt"), "sn": network("sn"), "small": small, "demo": demo})
