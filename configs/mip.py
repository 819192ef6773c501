"""One network with multi-input prediction (Qi et al. 2019, 'MIP'): random crops in training, five windows in testing.

    python launch.py --config configs/mip.py --workdir runs/mip                  Mt-Net
    python launch.py --config configs/mip.py:sn --workdir runs/mip_sn            Sn-Net
    python launch.py --config configs/mip.py:small,sn --workdir runs/mip_sn      variants are joined by commas

- full: BUS-BRA, 299 pixels, whole networks. For a GPU; not trained to the end yet.
- small: BUS-BRA, 139 pixels, a quarter of the channels, 20 epochs. About 5 minutes on two CPU cores. On 640 of the 1064
  cases (188 test images): AUC 0.75 for malignant (mt), 0.77 for solid (sn), without ImageNet weights.
- demo: the phantom, 107 pixels, 12 epochs. About a minute on two CPU cores once the phantom is built.
  Validation AUC 0.91 for malignant (mt).
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
    config.table.name, config.table.row = "qi2019", "MIP"
    return with_variants(config, variant, {"mt": network("mt"), "sn": network("sn"), "small": small, "demo": demo})
