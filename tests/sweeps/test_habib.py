"""The sweeps of Habib et al. 2020, and the words of its config."""

import itertools

import pytest

from busjax.evaluation.published import check_place, published_table
from busjax.methods import pretraining_epochs
from busjax.sweeps.plan import Base, plan
from busjax.training.config import ConfigError, from_json, validate
from busjax.training.unused import refuse_unused
from configs import habib
from tests.sweeps.conftest import ROOT


@pytest.mark.parametrize("variant", ["small", ""])
def test_eight_experiments_with_three_seeds(variant):
    runs = plan("configs/sweeps/habib.py" + (f":{variant}" if variant else ""), Base(), ROOT, None)
    seen = set()
    for run in runs:
        config = from_json(run.config)
        validate(config)
        refuse_unused(config)
        assert config.data.split == "leave_one_out"
        assert config.data.fold == -1
        assert config.data.folds == (80 if variant else 120)
        assert config.table.row.startswith("end_to_end") == (pretraining_epochs(config) == 0)
        seen.add((config.table.row, config.seed))
    rows = {row.name.rpartition("_")[0] for row in published_table("habib_1").rows}
    assert len(rows) == 8
    assert seen == set(itertools.product(rows, (0, 1, 2)))
    assert len({run.name for run in runs}) == 24


def test_one_run_for_each_lesion():
    runs = plan("configs/sweeps/habib_folds.py:separate,bce,cnn,small", Base(), ROOT, None)
    folds = [from_json(run.config).data.fold for run in runs]
    assert folds == list(range(80))
    validate(from_json(runs[7].config))


# Pixels, rate, schedule, epochs, of the single networks before, the fusion's share of the rate, lesions left out.
@pytest.mark.parametrize(
    ("variant", "expected"),
    [
        ("separate,bce,cnn", (48, 2e-3, "constant", 10, 8, 1.0, 80)),
        ("end_to_end,lmcl,cnn", (48, 2e-3, "constant", 10, 0, 1.0, 80)),
        ("separate,lmcl,googlenet", (64, 7e-3, "cosine", 12, 12, 0.3, 80)),
        ("end_to_end,bce,googlenet", (64, 7e-3, "cosine", 12, 0, 0.3, 80)),
        ("wu", (48, 1e-3, "cosine", 15, None, None, 80)),
        ("hijab", (48, 1e-3, "cosine", 15, None, None, 80)),
        ("ultrasound", (48, 3e-3, "cosine", 15, None, None, None)),
        ("mammography,cnn", (48, 1e-3, "cosine", 15, None, None, None)),
    ],
)
def test_small(variant, expected):
    config = habib.get_config(f"{variant},small")
    validate(config)
    refuse_unused(config)
    optimizer, combined = config.optimizer, config.model.combined
    found = (config.data.image_size, optimizer.learning_rate, optimizer.schedule, config.train.epochs)
    found += (combined.single_epochs, combined.rate_factor) if config.method == "fusion" else (None, None)
    found += (config.data.folds if config.data.split == "leave_one_out" else None,)
    assert found == expected


def test_what_each_word_changes():
    pairs = habib.get_config("end_to_end,lmcl,cnn")
    assert (pairs.loss.name, pairs.model.combined.single_epochs, pairs.data.image_size) == ("lmcl", 0, 128)
    assert habib.get_config().table.row == "separate_bce_googlenet"
    assert habib.get_config("lmcl").table.row == "separate_lmcl_googlenet"
    for modality in ("mammography", "ultrasound"):
        one = habib.get_config(f"{modality},small")
        validate(one)
        assert (one.method, one.data.modality, one.data.split, one.eval.unit) == (
            "classification",
            modality,
            "holdout",
            "image",
        )
    for word, row in (("wu", "densenet121_mammography"), ("hijab", "vgg16_ultrasound")):
        baseline = habib.get_config(word)
        validate(baseline)
        check_place(baseline.table.name, baseline.table.row)
        assert (baseline.table.name, baseline.table.row) == ("habib_baselines", row)
        assert (baseline.data.split, baseline.data.fold, baseline.eval.unit) == ("leave_one_out", -1, "case")
        assert baseline.pretrained.release
    with pytest.raises(ValueError, match="found bce and lmcl, expected one of bce, lmcl"):
        habib.get_config("bce,lmcl")
    with pytest.raises(ValueError, match=r"unknown variant 'fusion'"):
        habib.get_config("fusion")


def test_a_release_for_each_network():
    config = habib.get_config()
    validate(config)
    config.pretrained.release = "torchvision/googlenet"
    with pytest.raises(ConfigError, match=r"pretrained\.release: not used by fusion, expected pretrained\.mammography"):
        validate(config)
