"""What a config may not be, and what each error says."""

import importlib

import pytest

from busjax.training.config import ConfigError, from_json, refuse_other, to_json, validate, validate_devices

NAMES = ("basic", "mip", "rem")


def get(name: str, variant: str = "full"):
    return importlib.import_module(f"configs.{name}").get_config(variant)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("variant", ["full", "small", "demo", "demo,small"])
def test_every_config_is_valid_and_survives_json(name, variant):
    config = get(name, variant)
    validate(config)
    again = from_json(to_json(config))
    validate(again)
    assert to_json(again) == to_json(config)
    refuse_other(to_json(config), again, "here")


def test_the_papers_settings_are_the_default():
    config = get("rem")
    assert (config.method, config.data.image_size, config.data.views) == ("cross_training", 299, 5)
    assert (config.train.batch_size, config.model.dropout_rate) == (10, 0.2)
    assert (config.optimizer.name, config.optimizer.rho, config.optimizer.eps) == ("adadelta", 0.9, 1e-5)
    assert config.optimizer.weight_decay == 1e-4
    assert (config.selection.metric, config.eval.beta) == ("f_beta", 2.0)
    assert config.model.mt.options.blocks == (10, 20, 10)
    assert (get("mip").data.resize, get("mip").data.views) == ("short_side", 5)
    assert (get("basic").data.resize, get("basic").data.views) == ("squash", 1)
    assert get("basic", "sn").model.network == "sn"


def test_an_unknown_variant_names_the_nearest():
    with pytest.raises(ValueError, match="unknown variant 'smal'; did you mean 'small'"):
        get("rem", "smal")


def test_an_unknown_key_and_a_wrong_type_are_refused():
    config = get("rem")
    with pytest.raises(AttributeError, match="batch_size"):
        config.train.batch_sise = 3
    with pytest.raises(TypeError):
        config.train.batch_size = "many"


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        (
            "method",
            "cross_trainin",
            "method: found 'cross_trainin', expected one of autoencoding, classification, ",
        ),
        ("data.image_size", 74, "data.image_size: found 74, expected at least 75"),
        ("data.split", "random", "data.split: found 'random', expected one of holdout"),
        ("model.dropout_rate", 1.0, "model.dropout_rate: found 1.0, expected 0 or more and below 1"),
        ("model.batch_norm", "frozen", "model.batch_norm: found 'frozen', expected 'batch'"),
        ("model.mt.backbone", "resnet", "model.mt.backbone: found 'resnet', expected one of alexnet"),
        ("model.mt.width", 0.0, "model.mt.width: found 0.0, expected above 0 and at most 1"),
        ("optimizer.name", "adamm", "optimizer.name: found 'adamm', expected one of adadelta"),
        ("selection.metric", "f1", "selection.metric: found 'f1', expected one of f_beta"),
        ("model.sn.task", "solidd", "model.sn.task: found 'solidd', expected one of malignant, solid"),
        ("model.mt.backbone", "inception_v3", "model.mt.options.blocks: inception_v3 has no such option"),
        ("selection.after", 1.0, "selection.after: found 1.0, expected 0 or more and below 1"),
        ("train.epochs", 0, "train.epochs: found 0, expected at least 1"),
        ("eval.threshold", 1.5, "eval.threshold: found 1.5, expected 0 to 1"),
        ("table.name", "sharef", "table.name: unknown published table 'sharef'; did you mean 'shareef'"),
        ("table.row", "mobilenet_sgd", "table.row: qi2019 has no row 'mobilenet_sgd'; did you mean"),
        ("seed", -1, "seed: found -1, expected 0 to 4.29497e"),
        # Neither nothing nor a truth value is a number.
        ("seed", None, "seed: found None, expected 0 to 4.29497e"),
        ("train.epochs", True, "train.epochs: found True, expected at least 1"),
        ("data.folds", None, "data.folds: found None, expected at least 3"),
        ("eval.threshold", None, "eval.threshold: found None, expected 0 to 1"),
        ("optimizer.learning_rate", None, "optimizer.learning_rate: found None, expected a positive number"),
        ("model.map_scale", None, "model.map_scale: found None, expected a finite number"),
        ("model.mt.width", None, "model.mt.width: found None, expected above 0 and at most 1"),
        ("model.sn.head.outputs", True, "model.sn.head.outputs: found True, expected 1 (a sigmoid) or 2"),
        ("model.sync_batch_norm", None, "model.sync_batch_norm: found None, expected a value"),
    ],
)
def test_wrong_values_are_named(field, value, message):
    config = get("rem")
    *path, last = field.split(".")
    node = config
    for name in path:
        node = node[name]
    node[last] = value
    with pytest.raises(ConfigError) as error:
        validate(config)
    assert str(error.value).startswith(message)


def test_fields_that_contradict_each_other():
    config = get("basic")
    config.data.views = 5
    with pytest.raises(ConfigError, match=r"data.views: found 5, expected 1 where data.resize is 'squash'"):
        validate(config)
    config = get("rem")
    config.data.split, config.data.fold = "kfold", 5
    with pytest.raises(ConfigError, match=r"data.fold: found 5, expected 0 to 4"):
        validate(config)
    config = get("basic")
    config.model.network = "xn"
    with pytest.raises(ConfigError, match=r"model.network: found 'xn'"):
        validate(config)


def test_batches_must_divide_over_devices():
    validate_devices(get("rem"), 5, 1)
    with pytest.raises(ConfigError, match=r"train.batch_size: found 10, expected a multiple of the 4 devices"):
        validate_devices(get("rem"), 4, 1)


def test_a_missing_field_is_named():
    stored = to_json(get("rem"))
    del stored["train"]["epochs"]
    with pytest.raises(ConfigError, match=r"train.epochs: missing from the config, expected at least 1"):
        validate(from_json(stored))


def test_a_resumed_run_may_go_on_longer_but_not_change():
    config, other = get("rem"), get("rem")
    other.train.epochs = 90
    refuse_other(to_json(config), other, "here")
    other.optimizer.rho = 0.5
    with pytest.raises(ConfigError, match=r"here holds a run of another config \(optimizer.rho: 0.9 there, 0.5 now\)"):
        refuse_other(to_json(config), other, "here")
