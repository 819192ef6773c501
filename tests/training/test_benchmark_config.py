"""The benchmark's single-task configs: what each strategy is, that all are valid, and runs of the smallest one."""

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from busjax.evaluation.published import published_table
from busjax.methods import make_method
from busjax.pretrained.table import RELEASES
from busjax.sweeps.definition import read_sweep
from busjax.training.config import ConfigError, validate
from busjax.training.evaluate import evaluate
from busjax.training.loop import train
from busjax.training.optimizers import make_optimizer
from busjax.training.releases import preprocessing, settle_releases
from busjax.training.workdir import read_workdir
from configs.benchmark import NETWORKS, STRATEGIES, get_config
from tests.training.test_loop import quiet, start
from tests.training.test_releases import weights  # noqa: F401  (a file of the smallest MobileNet)

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorboard"),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

# Measured on the networks of the released scripts, with batch normalisation's moving statistics. Keras's EfficientNetB0
# holds the mean, variance and count of its own scaling of pixels, 7 values; ours scales before the network.
PARAMETERS = {
    "mobilenet": 3_786_561,
    "efficientnet_b0": 4_738_340 - 7,
    "densenet121": 7_595_201,
    "xception": 21_943_465,
    "inception_v3": 22_884_769,
    "resnet50": 24_669_697,
    "vgg16": 15_010_241,
}


@pytest.mark.parametrize("network", sorted(NETWORKS))
def test_parameters_are_those_of_the_scripts(network):
    config = get_config(f"{network},scratch")
    settled = settle_releases(config)
    method = make_method(settled, make_optimizer(config.optimizer, 1))
    image = jax.ShapeDtypeStruct((1, config.data.image_size, config.data.image_size, 3), jnp.float32)
    shapes = jax.eval_shape(method.networks["net"].init, jax.random.PRNGKey(0), image)
    leaves = jax.tree.leaves({name: shapes.get(name, {}) for name in ("params", "batch_stats")})
    assert sum(math.prod(leaf.shape) for leaf in leaves) == PARAMETERS[network]


def test_every_variant_is_valid_and_has_its_published_row():
    for network, strategy in itertools.product(NETWORKS, STRATEGIES):
        for further in ("", ",code", ",random", ",as_published,code", ",released_folds"):
            config = get_config(f"{network},{strategy}{further}")
            validate(config)
            if "random" not in further:
                rows = {row.name for row in published_table(config.table.name).rows}
                assert config.table.row in rows
    assert get_config("densenet121,wbce").loss.positive_weight == 4.0
    assert get_config("wbce,vgg16").table.row == "vgg16_wbce"
    for network, fields in NETWORKS.items():
        release = RELEASES[fields["release"]]
        assert release.backbone == network
        assert release.input_size == get_config(network).data.image_size
        assert fields.get("options", {}) == dict(release.options)
        assert fields.get("norm_scale", True) == release.settings.get("norm_scale", True)
        assert fields.get("norm_epsilon", 1e-3) == release.settings.get("norm_epsilon", 1e-3)


def test_what_the_strategies_are():
    scratch, plain, bce = (get_config(f"mobilenet,{name}") for name in ("scratch", "no_augmentation", "bce"))
    assert (scratch.pretrained.release, plain.pretrained.release) == ("", "keras/mobilenet_1.0")
    assert scratch.data.augment == plain.data.augment != bce.data.augment
    assert (bce.loss.name, bce.optimizer.name, bce.optimizer.learning_rate) == ("bce", "keras_adam", 1e-5)
    focal, sgd, nadam = (get_config(f"mobilenet,{name}") for name in ("focal", "sgd", "nadam"))
    assert (focal.loss.name, focal.loss.gamma, focal.loss.alpha) == ("focal", 3.0, 0.8)
    assert (sgd.optimizer.name, sgd.optimizer.learning_rate, sgd.optimizer.momentum) == ("sgd", 2e-3, 0.9)
    assert (nadam.loss.name, nadam.optimizer.learning_rate, nadam.optimizer.eps) == ("weighted_bce", 1e-5, 1e-8)
    assert get_config("code,nadam").optimizer.learning_rate == 1e-3
    assert get_config("code,sgd").loss.name == "weighted_bce_clipped"
    assert (bce.selection.metric, bce.selection.mode, bce.data.split) == ("loss", "min", "kfold")


@pytest.mark.parametrize(
    ("variant", "message"),
    [
        ("mobilenet,vgg16", "variants mobilenet and vgg16: expected one network at most"),
        ("wbce,focal", "variants wbce and focal: expected one strategy at most"),
        ("small,vgg16", "variants vgg16 and small: expected mobilenet"),
        ("mobilnet", "unknown variant 'mobilnet'; did you mean 'mobilenet'"),
    ],
)
def test_wrong_variants(variant, message):
    with pytest.raises(ValueError, match=message):
        get_config(variant)


@pytest.mark.parametrize(("table", "runs"), [(4, 70), (5, 70), (6, 105), (7, 105)])
def test_the_sweeps_have_every_cell_of_their_table(table, runs):
    requests = read_sweep(f"configs/sweeps/table{table}.py")
    assert len(requests) == runs
    rows = set()
    for reference, overrides in requests:
        config = get_config(reference.partition(":")[2])
        assert overrides["table.name"] == f"shareef_{table}"
        rows.add((config.table.row, overrides["data.fold"]))
    expected = {row.name for row in published_table(f"shareef_{table}").rows}
    assert rows == set(itertools.product(expected, range(5)))
    assert len(read_sweep(f"configs/sweeps/table{table}.py:vgg16")) == runs // 7


def test_the_small_sweep():
    requests = read_sweep("configs/sweeps/benchmark_small.py:w.h5")
    seen = set()
    for reference, overrides in requests:
        config = get_config(reference.partition(":")[2]).copy_and_resolve_references()
        with config.unlocked():
            config.data.fold, config.pretrained.path = overrides["data.fold"], overrides.get("pretrained.path", "")
        validate(config)
        seen.add((config.pretrained.release, config.loss.name, config.data.fold, config.pretrained.path))
    starts = (("", ""), ("keras/mobilenet_0.75", "w.h5"))
    losses = ("bce", "weighted_bce", "focal")
    assert seen == {(r, name, fold, p) for (r, p), name, fold in itertools.product(starts, losses, (0, 1))}


def test_pixels_as_the_scripts_feed_them():
    """Blue first, 0 to 255; EfficientNetB0 then scales its three channels as if they were red, green and blue, and
    divides by the roots of ImageNet's deviations, as the Keras of TensorFlow 2.3 does."""
    image = np.random.default_rng(0).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    raw = image[..., ::-1].astype(np.float64)
    np.testing.assert_array_equal(preprocessing(get_config("vgg16,code")).apply(image), raw)
    efficient = preprocessing(get_config("efficientnet_b0,code"))
    inside = (raw / 255 - [0.485, 0.456, 0.406]) / np.sqrt([0.229, 0.224, 0.225])
    np.testing.assert_allclose(efficient.apply(image), inside, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(efficient.invert(efficient.apply(image)), image)
    scratch = preprocessing(get_config("efficientnet_b0,code,scratch"))
    np.testing.assert_allclose(scratch.apply(image), raw / 255, rtol=1e-6)
    for network in ("vgg16", "densenet121", "efficientnet_b0"):
        assert preprocessing(get_config(f"{network},scratch")) == preprocessing(get_config(network))
    assert preprocessing(get_config("vgg16")) == RELEASES["keras/vgg16"].preprocessing


def tiny(phantom_dir, variant: str):
    config = get_config(f"small,{variant}").copy_and_resolve_references()
    with config.unlocked():
        config.data.name, config.data.data_dir, config.data.split = "phantom", str(phantom_dir), "holdout"
        config.data.image_size, config.data.pixels = 64, "release"
        config.model.net.width = 0.25
        config.train.epochs = 2
    return config.lock()


@pytest.mark.parametrize("variant", ["wbce", pytest.param("focal,random", marks=pytest.mark.slow)])
def test_a_run_of_one_logit_without_maps(variant, phantom_dir, tmp_path, request):
    """From random weights and from a release, to predictions, results and a report without class activation maps."""
    config = tiny(phantom_dir, variant)
    if config.pretrained.release:
        with config.unlocked():
            config.pretrained.release = "keras/mobilenet_0.25"
            config.pretrained.path = str(request.getfixturevalue("weights"))
    validate(config)
    run = start(config, tmp_path)
    before = jax.device_get(run.new_state()).networks["net"].params
    assert before["classifier"]["kernel"].shape == (64, 1)
    assert before["hidden_layers"]["dense1"]["kernel"].shape == (256, 512)
    assert train(run, quiet())
    results = evaluate(run, read_workdir(tmp_path)[2], quiet())
    history = run.checkpoints.facts(run.checkpoints.latest())["history"]
    state = run.restore(run.checkpoints.best("net")[0])
    scored = run.score(state, "val")
    run.checkpoints.close()
    assert scored.cams == {}
    (predictions,) = scored.predictions
    assert predictions.scores.shape[1] == 2
    # The chosen epoch's validation loss once more, from its scores by the formula.
    p, t = np.clip(predictions.scores[:, 1], 1e-12, 1), predictions.target
    q = np.clip(predictions.scores[:, 0], 1e-12, 1)
    if config.loss.name == "focal":
        each = -np.where(t == 1, 0.8 * q**3 * np.log(p), 0.2 * p**3 * np.log(q))
    else:
        each = -np.where(t == 1, 3 * np.log(p), np.log(q))
    assert scored.losses["net"] == pytest.approx(each[t >= 0].mean(), rel=1e-4)
    assert results["selection"]["net"]["value"] == pytest.approx(min(row["val/net_loss"] for row in history))
    report = (tmp_path / "report.html").read_text()
    assert "hidden layers stand between" in report
    assert "Class activation maps" not in report
    assert "ROC curves" in report


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"model.net.head.outputs": 3}, "model.net.head.outputs: found 3, expected 1 (a sigmoid) or 2 (a softmax)"),
        ({"model.net.head.widths": (64, 0)}, "model.net.head.widths: found (64, 0), expected a tuple of layer widths"),
        (
            {"model.net.head.dropout_rate": 1.0},
            "model.net.head.dropout_rate: found 1.0, expected 0 or more and below 1",
        ),
        ({"loss.name": "wbce"}, "loss.name: found 'wbce', expected one of cross_entropy, bce, weighted_bce"),
        ({"loss.alpha": 2.0}, "loss.alpha: found 2.0, expected 0 to 1"),
        ({"selection.mode": "max"}, "selection.mode: found 'max', expected 'min' where selection.metric is 'loss'"),
        ({"data.pixels": "bgr"}, "data.pixels: found 'bgr', expected 'release', one of unit, "),
        ({"data.views": 5}, "data.views: found 5, expected 1 where data.resize is 'pad'"),
        ({"data.augment.fill": "wrap"}, "data.augment.fill is 'wrap', expected one of zero, edge"),
        ({"data.augment.shift_width": 2.0}, "data.augment.shift_width is 2.0, expected a number from 0 to 1"),
        ({"optimizer.plateau.factor": 1.0}, "optimizer.plateau.factor: found 1.0, expected above 0 and below 1"),
        (
            {"optimizer.plateau.patience": 3, "optimizer.schedule": "cosine"},
            "optimizer.schedule: found 'cosine', expected 'constant' with optimizer.plateau.patience",
        ),
        (
            {"optimizer.name": "sgd", "optimizer.weight_decay": 0.1, "optimizer.decay": "decoupled"},
            "optimizer.decay: found 'decoupled', expected 'coupled' of sgd with a weight decay",
        ),
    ],
)
def test_wrong_values_are_named(fields, message):
    config = get_config().copy_and_resolve_references()
    with config.unlocked():
        config.update_from_flattened_dict(fields)
    with pytest.raises(ConfigError) as error:
        validate(config)
    assert str(error.value).startswith(message)


def test_cross_training_needs_maps():
    from configs import rem

    config = rem.get_config().copy_and_resolve_references()
    config.model.sn.head.widths = (64,)
    with pytest.raises(ConfigError, match=r"model.sn.head.widths: found \(64,\), expected \(\): cross_training needs"):
        validate(config)
    config = rem.get_config().copy_and_resolve_references()
    config.data.pixels = "raw_bgr"
    with pytest.raises(ConfigError, match=r"data.pixels: found 'raw_bgr', expected 'release'"):
        validate(config)
