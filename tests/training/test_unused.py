"""Fields that a run would not use: refused where they are set, of runs that have not begun."""

import importlib
import itertools
import json

import pytest

from busjax.sweeps.errors import SweepError
from busjax.sweeps.plan import Base, plan
from busjax.training.config import ConfigError, to_json, validate
from busjax.training.unused import refuse_unused
from configs import base as defaults
from tests.sweeps.conftest import ROOT

# Of every config its variants; those of one tuple exclude each other.
VARIANTS: dict[str, list[tuple[str, ...]]] = {
    "basic": [("mt", "sn"), ("", "small", "demo")],
    "benchmark": [
        (
            *("mobilenet", "densenet121", "inception_v3", "resnet50", "vgg16", "xception", "efficientnet_b0", "small"),
            *("released_folds", "as_published", "code", "random"),
        ),
        ("scratch", "no_augmentation", "bce", "wbce", "focal", "sgd", "nadam"),
    ],
    "cheng": [("mt", "sn"), ("", "no_pretraining"), ("", "small", "demo")],
    "dizaj": [
        ("unet", "vgg16", "resnet50", "densenet161", "alexnet"),
        ("", "ten_folds"),
        ("", "two_classes"),
        ("", "small"),
    ],
    "emt_net": [("", "as_published", "scratch", "small")],
    "habib": [
        ("separate", "end_to_end"),
        ("bce", "lmcl"),
        ("cnn", "googlenet"),
        ("", "ultrasound", "mammography", "wu", "hijab"),
        ("", "small", "scratch"),
    ],
    "han": [("mt", "sn"), ("", "scratch", "wide", "small", "demo")],
    "hijab": [
        ("features", "finetune", "block5", "baseline"),
        ("honest", "as_published", "by_case"),
        ("", "small"),
    ],
    "mip": [("mt", "sn"), ("", "small", "demo")],
    "mt_estan": [("", "as_published", "scratch", "small"), ("", "code", "encoder")],
    "multitask": [
        ("densenet121", "mobilenet", "resnet50", "vgg16", "efficientnet_b0"),
        ("", "single", "code", "as_published", "scratch", "small"),
    ],
    "rem": [("", "small", "demo")],
    "sha_mtl": [("", "as_published", "scratch", "small")],
    "transfer": [("", "scratch", "frozen"), ("", "sn")],
    "vakanski": [("", "as_published", "small")],
}


def get(name, variant=""):
    config = importlib.import_module(f"configs.{name}").get_config(variant or "full")
    if config.pretrained.head_from == "?":
        config.pretrained.head_from = "runs/features"
    return config


def with_fields(config, fields):
    for field, value in fields.items():
        *path, last = field.split(".")
        section = config
        for word in path:
            section = section[word]
        section[last] = value
    return config


def test_the_configs_are_all_there():
    files = {path.stem for path in (ROOT / "configs").glob("*.py")} - {"__init__", "base", "recorded"}
    assert files == set(VARIANTS)


@pytest.mark.parametrize("name", VARIANTS)
def test_no_config_sets_what_it_does_not_use(name):
    for words in itertools.product(*VARIANTS[name]):
        config = get(name, ",".join(filter(None, words)))
        validate(config)
        refuse_unused(config)


SWEEPS = [path for path in sorted((ROOT / "configs/sweeps").glob("*.py")) if "def sweep(" in path.read_text()]


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_no_sweep_does(path):
    base = Base(get("rem", "small"), "configs/rem.py:small")
    assert plan(str(path), base, ROOT, None)


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        (
            "cheng",
            {"model.dropout_rate": 0.5},
            "model.dropout_rate: found 0.5, expected 0.2, the default: the method 'autoencoding' has no dropout",
        ),
        (
            "hijab",
            {"model.dropout_rate": 0.0},
            "model.dropout_rate: found 0.0, expected 0.2, the default: with hidden layers it is not used, their "
            "dropout is model.net.head.dropout_rate",
        ),
        (
            "dizaj",
            {"model.dropout_rate": 0.33},
            "model.dropout_rate: found 0.33, expected 0.2, the default: the method 'multitask' does not use it, its "
            "dropout is model.net.head.dropout_rate",
        ),
        (
            "han",
            {"model.mt.head.dropout_rate": 0.4},
            "model.mt.head.dropout_rate: found 0.4, expected 0.3, the default: without hidden layers "
            "(model.mt.head.widths) it is not used, model.dropout_rate is",
        ),
        (
            "rem",
            {"model.sn.head.dropout_rate": 0.0},
            "model.sn.head.dropout_rate: found 0.0, expected 0.3, the default: without hidden layers "
            "(model.sn.head.widths) it is not used, model.dropout_rate is",
        ),
        (
            "transfer:scratch",
            {"model.net.backbone": "habib_cnn", "model.net.width": 1.0, "model.dropout_rate": 0.5},
            "model.dropout_rate: found 0.5, expected 0.2, the default: habib_cnn has hidden layers of its own and does "
            "not use it",
        ),
        (
            "transfer:scratch",
            {"model.net.backbone": "habib_cnn", "model.net.width": 1.0, "model.net.head.dropout_rate": 0.5},
            "model.net.head.dropout_rate: found 0.5, expected 0.3, the default: without hidden layers "
            "(model.net.head.widths) it is not used",
        ),
        (
            "sha_mtl",
            {"model.net.head.dropout_rate": 0.3},
            "model.net.head.dropout_rate: found 0.3, expected 0: 'sha_mtl' has no dropout without hidden layers "
            "(model.net.head.widths)",
        ),
        (
            "hijab",
            {"data.split": "kfold"},
            "data.shares: found (6, 1, 3), expected (4, 1, 1), the default: data.split 'kfold' does not use it",
        ),
        (
            "transfer",
            {"data.split": "official", "data.shares": (8, 1, 1)},
            "data.shares: found (8, 1, 1), expected (4, 1, 1), the default: data.split 'official' does not use it",
        ),
    ],
)
def test_what_is_set_and_not_used(name, fields, message):
    config = with_fields(get(*name.split(":")), fields)
    validate(config)  # a run that has begun so goes on and is evaluated
    with pytest.raises(ConfigError) as error:
        refuse_unused(config)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("han", {"model.dropout_rate": 0.4}),
        ("han", {"model.sn.head.dropout_rate": 0.4}),  # of the network that is not trained
        ("rem", {"model.dropout_rate": 0.0}),
        ("hijab", {"model.net.head.dropout_rate": 0.2}),
        ("dizaj", {"model.net.head.dropout_rate": 0.1}),  # drops the averaged features
        ("vakanski", {"model.net.head.dropout_rate": 0.1}),
        ("transfer", {"data.shares": (8, 1, 1)}),
        ("transfer", {"data.split": "holdout_image", "data.shares": (8, 1, 1)}),
        ("hijab:by_case", {"data.shares": (2, 1, 1)}),
    ],
)
def test_what_is_set_and_used(name, fields):
    config = with_fields(get(*name.split(":")), fields)
    validate(config)
    refuse_unused(config)


def test_the_defaults_are_those_of_the_base_config():
    config = defaults.base()
    refuse_unused(config)
    assert config.model.dropout_rate == 0.2
    for name in ("mt", "sn"):
        assert config.model[name].head.dropout_rate == 0.3
    assert tuple(config.data.shares) == (4, 1, 1)


def test_sweeps_refuse_it_of_runs_that_have_not_begun(tmp_path):
    file = tmp_path / "sweep.py"
    file.write_text('def sweep(add):\n    add("configs/cheng.py:small", {"model.dropout_rate": 0.5})\n')
    with pytest.raises(SweepError, match=r"sweep.py: run 1 \(.*\): model.dropout_rate: found 0.5, expected 0.2"):
        plan(str(file), Base(), ROOT, None)
    with pytest.raises(SweepError, match=r"model.dropout_rate: found 0.5"):
        plan(str(file), Base(), ROOT, tmp_path)
    # The same, where its run has begun before there was the rule.
    config = with_fields(get("cheng", "small"), {"model.dropout_rate": 0.5})
    workdir = tmp_path / "dropout_rate=0.5"
    (workdir / "checkpoints" / "10").mkdir(parents=True)
    (workdir / "config.json").write_text(json.dumps({"config": to_json(config), "launches": []}))
    (run,) = plan(str(file), Base(), ROOT, tmp_path)
    assert run.config["model"]["dropout_rate"] == 0.5
