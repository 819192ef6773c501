"""The sweep of the systems that papers compare: which runs there are, and that each can be started."""

import itertools
from collections import Counter

import pytest

from busjax.evaluation.published import check_place
from busjax.sweeps.plan import Base, plan
from busjax.training.config import from_json, validate
from busjax.training.unused import refuse_unused
from tests.sweeps.conftest import ROOT

SWEEP = "configs/sweeps/classics_small.py"
NETWORKS = ("unet", "vgg16", "resnet50", "densenet161", "alexnet")


def system(config) -> tuple:
    """What a run is, by the fields that make it so and not by the names of variants."""
    row = config.table.row
    if row in ("Han", "Cheng"):
        own = config.model[config.model.network]
        return row, own.task, own.get("pretrain_epochs", None)
    return row, config.data.name, config.data.split


EXPECTED = [
    ("baseline", "bus_bra", "holdout"),
    ("features", "bus_bra", "holdout"),
    ("features", "bus_bra", "augmented_image"),
    ("features", "bus_bra", "augmented_case"),
    ("Han", "malignant", None),
    ("Han", "solid", None),
    ("Cheng", "malignant", 10),
    ("Cheng", "malignant", 0),
    ("Cheng", "solid", 10),
    *((network, "busi", "holdout") for network in NETWORKS),
]


@pytest.mark.parametrize("weights", ["w.h5", ""])
def test_every_run_is_valid_and_there_with_three_seeds(weights):
    runs = plan(f"{SWEEP}:{weights}" if weights else SWEEP, Base(), ROOT, None)
    seen = Counter()
    for run in runs:
        config = from_json(run.config)
        validate(config)
        refuse_unused(config)
        check_place(config.table.name, config.table.row)
        assert config.data.name == ("busi" if config.table.row in NETWORKS else "bus_bra")
        assert config.data.split_seed == 0
        assert config.data.image_size <= 128  # the small variants
        # The one released network reads the given file; no other run names one.
        released = config.table.row == "features"
        assert config.pretrained.release == ("keras/mobilenet_0.75" if released else "")
        assert config.pretrained.path == (weights if released else "")
        seen[system(config), config.seed] += 1
    assert seen == Counter(itertools.product(EXPECTED, (0, 1, 2)))
    assert len({run.name for run in runs}) == len(runs) == 42
