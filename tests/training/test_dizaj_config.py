"""Configs of Dizaj and Valizadeh, and what a config of three classes may not be."""

import pytest

from busjax.evaluation.published import published_table
from busjax.training.config import ConfigError, from_json, to_json, validate
from busjax.training.releases import preprocessing
from configs import basic, benchmark, dizaj, rem


@pytest.mark.parametrize("variant", ["", "ten_folds", "two_classes", "small", "small,two_classes,ten_folds"])
@pytest.mark.parametrize("network", dizaj.NETWORKS)
def test_every_variant(network, variant):
    for order in (f"{network},{variant}", f"{variant},{network}"):
        config = dizaj.get_config(order)
        validate(config)
        assert to_json(from_json(to_json(config))) == to_json(config)
        assert config.model.net.backbone == network
        assert config.table.to_dict() == {"name": "dizaj2021", "row": network}
        two = "two_classes" in variant
        assert (config.model.net.task, config.model.net.head.outputs) == (("malignant", 2) if two else ("tumour", 3))
        assert (config.data.split, config.data.folds) == (("kfold", 10) if "ten_folds" in variant else ("holdout", 5))
        assert config.data.image_size == (128 if "small" in variant else 512)
        assert config.pretrained.release == ""


def test_the_papers_settings():
    config = dizaj.get_config()
    assert config.model.net.architecture == "dizaj_unet"
    assert (config.data.name, config.data.shares, config.data.resize) == ("busi", (16, 4, 5), "pad")
    train, val, test = (share / sum(config.data.shares) for share in config.data.shares)
    assert (test, val / (train + val)) == pytest.approx((0.2, 0.2))
    assert (config.optimizer.name, config.optimizer.learning_rate, config.optimizer.momentum) == ("sgd", 1e-3, 0.9)
    assert config.optimizer.weight_decay == 0
    assert (config.train.epochs, config.train.batch_size) == (60, 8)
    assert config.model.net.head.to_dict() == {"widths": (), "pool": "average", "dropout_rate": 0.33, "outputs": 3}
    assert (config.loss.name, config.loss.segmentation) == ("cross_entropy", "soft_iou")
    assert config.loss.classification_weight == config.loss.segmentation_weight == 1.0
    assert config.data.augment.scale == (0.5, 2.0)
    scaling = preprocessing(config)
    assert (scaling.mean, scaling.deviation) == ((0.0,) * 3, (255.0,) * 3)
    assert (config.selection.metric, config.selection.mode) == ("loss", "min")
    assert config.data.despeckle == ""


def test_the_published_rows_are_the_networks():
    for table in ("dizaj_2", "dizaj_3"):
        assert {row.name for row in published_table(table).rows} == set(dizaj.NETWORKS)


def test_two_networks_and_unknown_variants():
    with pytest.raises(ValueError, match="variants vgg16 and unet: expected one network at most"):
        dizaj.get_config("vgg16,unet")
    with pytest.raises(ValueError, match="unknown variant 'resnet'; did you mean 'resnet50'"):
        dizaj.get_config("resnet")


@pytest.mark.parametrize(
    ("config", "fields", "message"),
    [
        (dizaj, {"model.net.head.outputs": 2}, "model.net.head.outputs: found 2, expected 3 of the task 'tumour'"),
        (dizaj, {"model.net.head.outputs": 1}, "model.net.head.outputs: found 1, expected 3 of the task 'tumour'"),
        (
            dizaj,
            {"model.net.task": "malignant"},
            "model.net.head.outputs: found 3, expected 1 (a sigmoid) or 2 (a soft",
        ),
        (basic, {"model.mt.task": "tumour"}, "model.mt.head.outputs: found 2, expected 3 of the task 'tumour'"),
        (
            rem,
            {"model.mt.task": "tumour"},
            "model.mt.task: found 'tumour', expected a task of two classes of cross_tra",
        ),
        (
            dizaj,
            {"loss.name": "focal"},
            "loss.name: found 'focal', expected 'cross_entropy' of the task 'tumour', which",
        ),
        (
            benchmark,
            {"model.net.task": "tumour", "model.net.head.outputs": 3},
            "loss.name: found 'bce', expected 'cros",
        ),
        (dizaj, {"data.despeckle": "lee"}, "data.despeckle: found 'lee', expected '', or one of median, wiener"),
        (dizaj, {"data.shares": (4, 1)}, "data.shares: found [4, 1], expected three whole numbers above 0, for train"),
        (dizaj, {"data.shares": (4, 0, 1)}, "data.shares: found [4, 0, 1], expected three whole numbers above 0"),
        (
            dizaj,
            {"data.shares": (0.64, 0.16, 0.2)},
            "data.shares: found [0.64, 0.16, 0.2], expected three whole numbers",
        ),
    ],
)
def test_what_a_config_may_not_be(config, fields, message):
    config = config.get_config()
    with config.unlocked():
        for field, value in fields.items():
            *path, last = field.split(".")
            node = config
            for name in path:
                node = node[name]
            with node.ignore_type():
                node[last] = value
    with pytest.raises(ConfigError) as error:
        validate(config)
    assert str(error.value).startswith(message)
