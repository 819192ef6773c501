"""The experiment of Hijab et al. 2019: what each word of a variant settles, whatever their order."""

import itertools

import jax
import pytest

from busjax.data.augmentation import Augmentation
from busjax.methods import make_method
from busjax.methods.freezing import is_frozen, path_name
from busjax.training.config import ConfigError, validate
from busjax.training.optimizers import make_optimizer
from busjax.training.releases import preprocessing, settle_releases
from configs.hijab import get_config


def trained(config) -> set[str]:
    """The layers that training moves."""
    method = make_method(settle_releases(config), make_optimizer(config.optimizer, 1))
    state = jax.eval_shape(lambda key: method.init(key, config.data.image_size), jax.random.PRNGKey(0))
    paths = [path for path, _ in jax.tree_util.tree_leaves_with_path(state.networks["net"].params)]
    return {path_name(path[:-1]) for path in paths if not is_frozen(path, config.pretrained.freeze)}


HEAD = {"hidden_layers/dense1", "classifier"}


@pytest.mark.parametrize(
    ("variant", "layers"),
    [
        ("full", HEAD),
        ("finetune", HEAD | {"trunk/conv5_3"}),
        ("block5", HEAD | {"trunk/conv5_1", "trunk/conv5_2", "trunk/conv5_3"}),
        ("small", HEAD),
        ("finetune,small", HEAD | {"trunk/pair13/pointwise/conv"}),
        (
            "block5,small",
            HEAD | {f"trunk/pair13/{part}/{kind}" for part in ("depthwise", "pointwise") for kind in ("conv", "norm")},
        ),
    ],
)
def test_what_is_trained(variant, layers):
    config = get_config(variant)
    if config.pretrained.head_from:
        with pytest.raises(ConfigError, match=r"pretrained.head_from: found no run"):
            validate(config)
        config.pretrained.head_from = "runs/features"
    validate(config)
    assert trained(config) == layers


@pytest.mark.parametrize("system", ["baseline", "features", "finetune"])
@pytest.mark.parametrize("protocol", ["honest", "as_published", "by_case"])
def test_the_order_of_words_plays_no_part(system, protocol):
    found = [get_config(",".join(words)) for words in itertools.permutations([system, protocol, "small"])]
    assert all(config.to_dict() == found[0].to_dict() for config in found)
    (config, *_) = found
    if system == "finetune":
        config.pretrained.head_from = "runs/features"
    validate(config)
    split = {"honest": "holdout", "as_published": "augmented_image", "by_case": "augmented_case"}[protocol]
    assert config.data.split == split
    assert (config.table.name, config.table.row) == ("hijab2019", system)
    assert config.train.stored_features == (system == "features")
    assert config.pretrained.release == ("" if system == "baseline" else "keras/mobilenet_0.75")


def test_what_the_paper_and_the_tutorial_say():
    config = get_config()
    assert config.data.variants == 24
    assert tuple(config.data.shares) == (6, 1, 3)
    augmentation = Augmentation.from_mapping(config.data.augment.to_dict())
    assert augmentation == Augmentation(
        flip_horizontal=True,
        right_angles=True,
        shift_height=0.2,
        shift_width=0.2,
        shear_degrees=11.5,
        scale=(0.8, 1.2),
        fill="edge",
    )
    assert (config.train.epochs, config.train.batch_size) == (50, 20)
    assert (config.optimizer.name, config.optimizer.learning_rate) == ("rmsprop", 1e-3)
    caffe = preprocessing(config)
    assert (caffe.bgr, caffe.deviation) == (True, (1.0, 1.0, 1.0))
    tuned = get_config("finetune")
    assert (tuned.optimizer.name, tuned.optimizer.learning_rate, tuned.optimizer.momentum) == ("sgd", 1e-4, 0.9)
    hijab_cnn = get_config("baseline")
    assert preprocessing(hijab_cnn).deviation == (255.0, 255.0, 255.0)
    assert hijab_cnn.model.net.backbone == "hijab_cnn"
    assert len(trained(hijab_cnn)) == 5
    assert get_config("block5").table.name == ""


def test_unknown_words():
    with pytest.raises(ValueError, match="unknown variant 'finetuned'; did you mean 'finetune'"):
        get_config("finetuned")
    with pytest.raises(ValueError, match="found features and finetune, expected one of features, finetune, block5, ba"):
        get_config("features,small,finetune")
    with pytest.raises(
        ValueError, match="found honest and as_published, expected one of honest, as_published, by_case"
    ):
        get_config("honest,as_published")
