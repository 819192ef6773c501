"""The eight experiments of Habib et al. 2020, Table 1: separate or end to end, two losses, two networks; three seeds.

    python launch.py --sweep configs/sweeps/habib.py --config.data.name=paired_lesions/OURS --workdir runs/t1_full
    python launch.py --sweep configs/sweeps/habib.py:small --config.data.name=phantom/paired --jobs 2 --workdir runs/t1
    python launch.py --mode table --workdir runs/t1 --seeds_together

Every run leaves all lesions out in turn. The small ones take about ten minutes each on a CPU core with the small
network; the first with GoogLeNet took 45 on a busy machine. The others are meant for GPUs.
"""

import itertools
from collections.abc import Callable

SEEDS = (0, 1, 2)


def sweep(add: Callable[..., None], variant: str) -> None:
    experiments = itertools.product(("separate", "end_to_end"), ("bce", "lmcl"), ("cnn", "googlenet"))
    for seed, experiment in itertools.product(SEEDS, experiments):
        add(f"configs/habib.py:{','.join(filter(None, (*experiment, variant)))}", seed=seed)
