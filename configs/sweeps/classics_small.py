"""Hijab, Han, Cheng and Dizaj at a size for two CPU cores: on BUS-BRA, Dizaj's networks on BUSI; three seeds.

    python launch.py --sweep configs/sweeps/classics_small.py --workdir runs/classics_small
    python launch.py --sweep configs/sweeps/classics_small.py:FILE.h5 --workdir runs/classics_small
    python launch.py --mode table --seeds_together --workdir runs/classics_small

42 runs, each of its system with seeds 0, 1 and 2 on one split: of Hijab et al. the small network, and the classifier on
stored features by every protocol; of Han et al. and of Cheng et al. both tasks, and Cheng's without pre-training; of
Dizaj and Valizadeh five networks. Fine-tuning is not among them, for it starts from the head of a finished run.

The weights of Hijab's features, keras/mobilenet_0.75, are downloaded, or read from FILE.h5, which may be moved later.
"""

from collections.abc import Callable

FEATURES = ("features", "features,as_published", "features,by_case")
SCRATCH = (
    "hijab.py:small,baseline",
    *("han.py:small,mt", "han.py:small,sn"),
    *("cheng.py:small,mt", "cheng.py:small,mt,no_pretraining", "cheng.py:small,sn"),
    *(f"dizaj.py:small,{network}" for network in ("unet", "vgg16", "resnet50", "densenet161", "alexnet")),
)


def sweep(add: Callable[..., None], variant: str) -> None:
    weights = {"pretrained.path": variant} if variant else {}
    for seed in (0, 1, 2):
        for words in FEATURES:
            add(f"configs/hijab.py:small,{words}", weights, seed=seed)
        for config in SCRATCH:
            add(f"configs/{config}", seed=seed)
