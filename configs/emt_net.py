"""EMT-NET (Shi et al.), by our reading: the benchmark's decoder on MobileNet. A row of Shareef et al., Table 9.

    python launch.py --config configs/emt_net.py --workdir runs/emt_net
    python launch.py --config configs/emt_net.py:small --workdir runs/emt_net_small

No code is public. Our network has 4.87 million parameters where 5.1 million are published, 4% fewer; why is not known.
The numerically stable weighted BCE is theirs (w = 3 as the benchmark has it); the weight of the two losses, 1 to 1, and
everything else of the training is our choice: that of the benchmark's multi-task networks.

- as_published: every image its own case, as the scripts split them; it leaks near-duplicates.
- scratch: random initial weights.
- small: BUS-BRA, 128 pixels, a quarter of the channels, random weights, 20 epochs. For two CPU cores.
"""

from ml_collections import ConfigDict

from configs.base import with_variants
from configs.multitask import VARIANTS, multitask


def get_config(variant: str = "full") -> ConfigDict:
    config = multitask("emt_net", "mobilenet")
    config.loss.name = "weighted_bce"
    config.loss.positive_weight = 3.0
    config.table = ConfigDict({"name": "shareef_9", "row": "emt_net"})
    return with_variants(config, variant, VARIANTS)
