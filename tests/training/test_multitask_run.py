"""A whole run of a network that classifies and segments, on the phantom; and what it refuses before it starts."""

import csv
import json
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from busjax.data.splits import Split, SplitError, check_masks
from busjax.evaluation.segmentation_file import read_segmentation
from busjax.training.config import ConfigError, from_json, to_json, validate
from busjax.training.evaluate import evaluate
from busjax.training.loop import train
from busjax.training.picked_masks import mask_examples
from busjax.training.run_data import evaluation_stream
from busjax.training.workdir import read_workdir
from configs import multitask
from tests.training.test_loop import quiet, start

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorboard")

SIZE = 32


def tiny(phantom_dir, module=multitask, variant="small,vgg16"):
    config = module.get_config(variant)
    config.data.name, config.data.data_dir = "phantom", str(phantom_dir)
    config.data.image_size = SIZE
    config.model.net.width = 0.1
    config.train.epochs = 2
    config.selection.after = 0.0
    return config


def test_a_run_from_start_to_report(phantom_dir, tmp_path):
    config = tiny(phantom_dir)
    validate(config)
    assert to_json(from_json(to_json(config))) == to_json(config)
    run = start(config, tmp_path)
    assert train(run, quiet())
    console = quiet()
    results = evaluate(run, read_workdir(tmp_path)[2], console)
    state = run.restore(run.checkpoints.best("net")[0])
    scored = run.score(state, "test")
    assert scored.cams == {}

    # Every figure once more, from masks predicted one image at a time.
    with (tmp_path / "predictions/test_segmentation.csv").open(newline="") as file:
        rows = {row["image_id"]: row for row in csv.DictReader(file)}
    split = [line.split(",")[0] for line in (tmp_path / "splits/test.csv").read_text().splitlines()[1:]]
    assert sorted(rows) == sorted(split)
    network, net = run.method.networks["net"], jax.device_get(state.networks["net"])
    variables = jax.tree.map(jnp.asarray, {"params": net.params, "batch_stats": net.batch_stats})
    draw = jax.jit(lambda image: network.apply(variables, image, train=False).mask_logits)
    table, dices = run.data.dataset.table, []
    for batch in evaluation_stream(config, run.data, run.data.split.test[:12], None, batch_size=1):
        called = np.asarray(draw(batch["image"][0]))[0, ..., 0] > 0
        true = batch["mask"][0, 0, ..., 0] > 0
        row = rows[str(table.image_id[int(batch["index"][0])])]
        assert int(row["lesion_pixels_true"]) == true.sum()
        # A logit within rounding of 0 may fall to either side.
        assert abs(int(row["lesion_pixels_predicted"]) - called.sum()) <= 2
        total = true.sum() + called.sum()
        dice = 2 * (true & called).sum() / total if total else 1.0
        assert float(row["dice"]) == pytest.approx(dice, abs=0.02)
        dices.append(dice)
        assert (row["sensitivity"] == "") == (not true.any())
    assert len(dices) == 12

    entry = results["test"]["segmentation"]
    assert entry["images"] == len(split)
    assert entry["lesion_images"] == sum(int(row["lesion_pixels_true"]) > 0 for row in rows.values()) < len(split)
    assert entry["dice"]["mean"] == pytest.approx(np.mean([float(row["dice"]) for row in rows.values()]))
    assert entry["dice"]["interval"]["low"] < entry["dice"]["mean"] < entry["dice"]["interval"]["high"]
    assert entry["pixels"] == SIZE**2
    assert json.loads((tmp_path / "results.json").read_text()) == results
    assert read_segmentation(tmp_path / "predictions/val_segmentation.csv").has_mask.all()
    assert results["selection"]["net"]["metric"] == "loss"
    assert "test: masks, threshold 0.5 (fixed), means over images" in console.file.getvalue()
    report = (tmp_path / "report.html").read_text()
    for words in ("Segmentation", "True and predicted outlines", "all with a mask", "benchmark with vgg16"):
        assert words in report, words
    assert "Class activation maps" not in report

    history = run.checkpoints.facts(run.checkpoints.latest())["history"]
    best = next(row for row in history if row["step"] == run.checkpoints.best("net")[0])
    assert best["val/segmentation_dice"] == pytest.approx(results["val"]["segmentation"]["dice"]["mean"])
    assert {"train/net_loss", "train/segmentation_loss", "train/classification_loss", "val/net_loss"} <= best.keys()
    events = EventAccumulator(str(tmp_path), size_guidance={"tensors": 0})
    events.Reload()
    assert {"val/segmentation_dice", "val/segmentation_outlines"} <= set(events.Tags()["tensors"])

    # The gallery's masks are those that were counted.
    shown = mask_examples(run, state, scored, 2)
    empty = entry["images"] - entry["lesion_images"]
    assert [len(group) for group in shown.values()] == [2, 2, 2, min(2, empty)]
    counted = dict(zip(scored.segmentation.image_id, scored.segmentation.counts, strict=True))
    for group in shown.values():
        for example in group:
            called = example.probability > 0.5
            tp, _, _, fp = counted[example.image_id]
            assert (example.true & called).sum() == pytest.approx(tp, abs=2)
            assert (~example.true & called).sum() == pytest.approx(fp, abs=2)
    assert min(e.dice for e in shown["best"]) >= max(e.dice for e in shown["worst"])
    assert not any(e.true.any() for e in shown["no lesion"])
    run.checkpoints.close()


def test_the_released_encoder_is_loaded_and_the_rest_stays(phantom_dir, tmp_path):
    """The towers hold the file's values; decoder and head are those of the random initial state."""
    import keras

    from busjax.pretrained.load import load_variables, make_release_network
    from busjax.pretrained.table import RELEASES

    model = keras.applications.MobileNet(alpha=0.25, weights=None)
    path = tmp_path / "mobilenet.weights.h5"
    model.save_weights(path)
    config = tiny(phantom_dir, variant="small,mobilenet")
    config.model.net.width = 1.0
    config.pretrained.release, config.pretrained.path = "keras/mobilenet_0.25", str(path)
    config.pretrained.freeze = ("image_tower/*", "trunk/*")
    validate(config)
    run = start(config, tmp_path / "run")
    state = run.new_state().networks["net"]
    random = run.method.init(jax.random.PRNGKey(config.seed), SIZE).networks["net"]
    run.checkpoints.close()
    release = RELEASES["keras/mobilenet_0.25"]
    file = load_variables(
        release, path, network=make_release_network(release, classes=2), key=jax.random.PRNGKey(9), size=SIZE
    )

    def same(a, b):
        return all(np.array_equal(x, y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))

    for part in ("image_tower", "trunk"):
        assert same(state.params[part], file["params"][part])
        assert same(state.batch_stats[part], file["batch_stats"][part])
    for part in state.params.keys() - {"image_tower", "trunk"}:
        assert same(state.params[part], random.params[part])
    assert {"mask_decoder", "hidden_layers", "classifier"} < state.params.keys()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"data.resize": "short_side", "data.views": 3},
            r"^data\.views: found 3, expected 1 for the method 'multitask'",
        ),
        (
            {"model.net.architecture": "mt_stan"},
            r"^model\.net\.architecture: unknown 'mt_stan'; did you mean 'mt_estan'",
        ),
        (
            {"model.net.architecture": "mt_estan"},
            r"^model\.net: mt_estan: found the backbone 'vgg16', expected 'resnet50'",
        ),
        ({"model.net.segmentation": False}, r"^model\.net: benchmark: found no segmentation"),
        ({"loss.segmentation": "dise"}, r"^loss\.segmentation: found 'dise', expected one of dice"),
        ({"eval.mask_threshold": 2.0}, r"^eval\.mask_threshold: found 2\.0, expected 0 to 1"),
    ],
)
def test_settings_that_cannot_be(phantom_dir, fields, message):
    config = tiny(phantom_dir)
    with config.unlocked():
        config.update_from_flattened_dict(fields)
    with pytest.raises(ConfigError, match=message):
        validate(config)


def test_a_config_without_an_architecture(phantom_dir):
    config = tiny(phantom_dir)
    with config.unlocked():
        del config.model.net.architecture
    with pytest.raises(ConfigError, match=r"^model\.net\.architecture: found None, expected a str"):
        validate(config)


@pytest.mark.parametrize("other", [True, False])
def test_nothing_to_learn_masks_from(other):
    """None in the training part, with and without some elsewhere."""
    split = Split(np.arange(4), np.arange(4, 6), np.arange(6, 8), "holdout", 0, 0)
    columns = dict.fromkeys(("image_id", "case_id", "label", "solid", "fold", "modality", "view"), np.zeros(8))
    has_mask = np.array([False] * 4 + [other] * 4)
    table = SimpleNamespace(**columns, dataset=np.full(8, "busi"), has_mask=has_mask)
    elsewhere = ", 4 images of other parts have one" if other else ""
    with pytest.raises(SplitError, match=f"none of the 4 training images of busi has one{elsewhere}; expected a"):
        check_masks(split, table)
    table.has_mask[2] = True
    check_masks(split, table)
