"""Whole runs that leave lesions out in turn: side by side as one by one, interrupted, and what they leave behind."""

import dataclasses
import io
import json
import os
import signal

import jax
import numpy as np
import optax
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from rich.console import Console

from busjax.data.splits import SplitError
from busjax.evaluation.predictions import read_csv
from busjax.evaluation.readers_page import make_study
from busjax.evaluation.tables.command import make_tables
from busjax.methods import make_method
from busjax.training import descriptors
from busjax.training.config import (
    ConfigError,
    from_json,
    refuse_other,
    same_results,
    to_json,
    validate,
    validate_devices,
)
from busjax.training.describe import describe
from busjax.training.evaluate import evaluate
from busjax.training.loop import train
from busjax.training.releases import check_freeze
from busjax.training.run_data import settle_split
from busjax.training.validation import in_units
from busjax.training.workdir import Workdir, read_workdir
from configs import basic, habib
from tests.training.test_loop import final_state, quiet, start
from tfds_builders.groups import write_groups
from tfds_builders.phantom.phantom import Phantom
from tfds_builders.reading import prepare
from tfds_builders.record import DatasetError

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorboard")
FOLDS = 4


@pytest.fixture(scope="module")
def paired_dir(tmp_path_factory):
    """A data_dir with a paired phantom of few lesions."""
    folder = tmp_path_factory.mktemp("paired")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Phantom, "LESIONS", 10)
        prepare("phantom/paired", folder)
    return folder


def tiny(paired_dir, variant="separate,bce,cnn", **data):
    config = habib.get_config(f"{variant},small")
    config.data.update({"name": "phantom/paired", "data_dir": str(paired_dir), "image_size": 16, "folds": FOLDS} | data)
    config.train.epochs, config.train.batch_size = 2, 4
    config.train.log_every = 2
    if config.model.combined.single_epochs:
        config.model.combined.single_epochs = 2
    config.model.combined.widths = (12, 8)
    config.optimizer.name, config.optimizer.learning_rate = "sgd", 0.005  # Adam makes steps of rounding errors
    return config


def trained(config, folder):
    validate(config)
    run = start(config, folder)
    assert train(run, quiet())
    results = evaluate(run, read_workdir(folder)[2], quiet())
    state = final_state(run)
    run.checkpoints.close()
    return run, state, results


# Not lmcl: so few features can be all but 0, and the direction of such a vector is a matter of rounding.
@pytest.mark.parametrize("variant", ["separate,bce,cnn", "end_to_end,bce,cnn"])
def test_side_by_side_is_one_by_one(variant, paired_dir, tmp_path):
    run, together, results = trained(tiny(paired_dir, variant), tmp_path / "all")
    for part in ("test", "val"):
        assert set(results[part]) == {"mammography", "ultrasound", "combined"}
    outputs = {output.name: output for output in read_csv(tmp_path / "all/predictions/test.csv")}
    lesions = np.unique(run.data.dataset.table.case_id[run.data.split.test])
    assert len(lesions) == FOLDS
    for fold in range(FOLDS):
        alone_run, alone, _ = trained(tiny(paired_dir, variant, fold=fold), tmp_path / f"fold{fold}")
        assert set(alone_run.data.dataset.table.case_id[alone_run.data.split.test]) == {lesions[fold]}
        for ours, theirs in zip(*map(jax.tree.leaves, (together.networks, alone.networks)), strict=True):
            assert_allclose(ours[fold], theirs, rtol=1e-3, atol=1e-5)
        for output in read_csv(tmp_path / f"fold{fold}/predictions/test.csv"):
            assert output.case_id.tolist() == output.image_id.tolist() == [lesions[fold]]
            assert_allclose(outputs[output.name].scores[fold], output.scores[0], rtol=1e-3, atol=1e-5)
    # As a table, the runs of one lesion each are pooled to what the one run of all has.
    (table,) = make_tables(tmp_path, quiet(), table="habib_1")
    found = {(line.kind, line.facts.get("row")): line for line in table.lines if line.kind != "published"}
    row = variant.replace(",", "_")
    for name, metrics in results["test"].items():
        assert found["pooled", f"{row}_{name}"].values["auc"] == pytest.approx(metrics["auc"])
        assert ("mean", f"{row}_{name}") in found
    assert sum(line.kind == "published" for line in table.lines) == 24


def test_what_a_run_leaves_behind(paired_dir, tmp_path):
    calls = []
    whole = descriptors.compute_descriptors

    def counted(*arguments):
        found = whole(*arguments)
        calls.append(len(found))
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(descriptors, "compute_descriptors", counted)
        run, state, results = trained(tiny(paired_dir), tmp_path)
    table, split = run.data.dataset.table, run.data.split
    assert calls == [len(split.train)]  # descriptors of every pair, once
    history = run.checkpoints.facts(run.checkpoints.latest())["history"]
    assert [("train/combined_loss" in row, "train/mammography_loss" in row) for row in history] == [
        (False, True),
        (False, True),
        (True, False),
        (True, False),
    ]
    single = [(row["val/mammography_loss"], row["val/ultrasound_loss"]) for row in history]
    assert single[1] == single[2] == single[3] != single[0]  # frozen while the fusion network learns
    assert results["selection"]["combined"]["step"] == run.checkpoints.latest()
    for leaf in jax.tree.leaves(state.networks):
        assert len(leaf) == FOLDS
    # A lesion's score is the mean over its pairs, by the networks of its own fold.
    outputs = {output.name: output for output in read_csv(tmp_path / "predictions/test.csv")}
    placed = run.restore(run.checkpoints.latest())
    scored = run.score(placed, "test")
    for output in scored.predictions:
        assert output.image_id.tolist() == table.image_id[np.sort(split.test)].tolist()
        for lesion, score in zip(outputs[output.name].case_id, outputs[output.name].scores, strict=True):
            assert_allclose(score, output.scores[output.case_id == lesion].mean(axis=0), rtol=1e-6)
    # The score of a mammogram is the same in all of its pairs.
    first, _ = run.data.dataset.pictures[scored.rows].T
    mammography = scored.predictions[0].scores[:, 1]
    assert all(np.ptp(mammography[first == row]) < 1e-6 for row in set(first.tolist()))
    assert "leaks_patients" not in results
    for part in ("train", "test"):
        assert (tmp_path / f"splits/{part}.csv").read_text() == (tmp_path / "splits/train.csv").read_text()
    report = (tmp_path / "report.html").read_text()
    for words in ("left out in turn", "fusion network 12-8", "Scores are of cases", "synthetic"):
        assert words in report, words
    # Evaluated again from the folder alone it says the same.
    again = start(tiny(paired_dir), tmp_path)
    assert evaluate(again, read_workdir(tmp_path)[2], quiet()) == results
    again.checkpoints.close()

    # Readers score the same lesions.
    lesions = np.unique(table.case_id[split.test]).tolist()
    scores = "".join(f"{case},R{r},{(i * 3 + r) % 11}\n" for r in (1, 2) for i, case in enumerate(lesions))
    (tmp_path / "readers.txt").write_text("lesion_id,reader,score\n" + scores)
    console = Console(file=io.StringIO(), width=200)
    make_study(tmp_path, tmp_path / "readers.txt", console)
    assert "combined" in console.file.getvalue()


@pytest.mark.parametrize("after", [2, 3])
def test_interrupted_between_the_stages_and_in_the_second(after, paired_dir, tmp_path):
    class Asking(io.StringIO):
        def write(self, text: str) -> int:
            if text.startswith(f"epoch {after}"):
                os.kill(os.getpid(), signal.SIGTERM)
            return super().write(text)

    config = tiny(paired_dir, "separate,lmcl,cnn")
    _, whole, _ = trained(config, tmp_path / "whole")
    run = start(config, tmp_path / "stopped")
    assert not train(run, Console(file=Asking(), width=140))
    run.checkpoints.close()
    _, state, _ = trained(config, tmp_path / "stopped")
    for ours, theirs in zip(*map(jax.tree.leaves, (state, whole)), strict=True):
        assert_array_equal(ours, theirs)


def test_one_network_alone_leaves_lesions_out_too(paired_dir, tmp_path):
    """The re-trained networks of others; a lesion's views are averaged."""
    config = tiny(paired_dir, "hijab")
    config.model.ultrasound.backbone, config.model.ultrasound.width = "habib_cnn", 0.25
    _, state, results = trained(config, tmp_path)
    assert results["test"]["ultrasound"]["images"] == results["test"]["ultrasound"]["cases"] == FOLDS
    assert all(len(leaf) == FOLDS for leaf in jax.tree.leaves(state.networks))
    assert json.loads((tmp_path / "splits/split.json").read_text())["fold"] == -1


def test_describe_names_all_three(paired_dir):
    console = Console(file=io.StringIO(), width=140)
    describe(tiny(paired_dir), console)
    text = console.file.getvalue()
    for words in ("mammography: habib_cnn", "ultrasound: habib_cnn", "combined: fusion network 12-8", "128 and 128"):
        assert words in text, words


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data.split": "kfold"}, "data.fold: found -1, expected 0 or more but for data.split 'leave_one_out'"),
        ({"data.fold": 4}, r"data.fold: found 4, expected 0 to 3 \(data.folds - 1\), or -1 for all"),
        ({"data.fold": -2}, "data.fold: found -2, expected 0 or more, or -1"),
        ({"data.modality": "mammography"}, "data.modality: found 'mammography'.*sees both modalities"),
        ({"model.combined.widths": ()}, r"model.combined.widths: found \(\), expected a tuple of layer widths"),
        ({"model.combined.single_epochs": -1}, "model.combined.single_epochs: found -1, expected a whole number"),
        ({"optimizer.schedule": "cosine", "train.epochs": 3}, "single_epochs: found 2, expected train.epochs, 3"),
        ({"optimizer.plateau.patience": 2}, "optimizer.plateau.patience: found 2, expected 0"),
        ({"model.ultrasound.task": "solid"}, "model.ultrasound.task: found 'solid', expected 'malignant'"),
        ({"train.folds_at_once": -1}, "train.folds_at_once: found -1, expected a whole number of folds"),
        ({"eval.unit": "view"}, "eval.unit: found 'view', expected one of image, case"),
        ({"data.variants": 3}, "data.variants: found 3, expected 0"),
        ({"selection.after": 0.4}, r"selection.after: found 0.4, expected 0.5 or more.*: the last is reported"),
    ],
)
def test_what_is_refused(change, message, paired_dir):
    config = tiny(paired_dir)
    config.update_from_flattened_dict(change)
    with pytest.raises(ConfigError, match=message):
        validate(config)


def test_the_fusion_network_is_not_frozen(paired_dir):
    """Both others have released weights; there are none of it."""
    config = tiny(paired_dir, "separate,bce,googlenet")
    for name in habib.MODALITIES:
        config.pretrained[name].release = habib.GOOGLENET
    method = make_method(config, optax.sgd(0.1))
    config.pretrained.freeze = ("image_tower/*",)
    check_freeze(method, config)
    config.pretrained.freeze = ("image_tower/*", "*/dense1/kernel")
    message = "pretrained.freeze: hidden_layers/dense1/kernel of combined would be frozen with random weights"
    with pytest.raises(ConfigError, match=message):
        check_freeze(method, config)


def test_devices_divide_the_folds(paired_dir):
    config = tiny(paired_dir)
    validate_devices(config, 2, 1)
    with pytest.raises(ConfigError, match=r"data\.folds: found 4, expected a multiple of the 3 devices"):
        validate_devices(config, 3, 1)
    with pytest.raises(ConfigError, match="'leave_one_out' on 2 hosts, expected one"):
        validate_devices(config, 2, 2)


def test_a_dataset_of_one_modality_has_no_pairs(phantom_dir, tmp_path):
    config = tiny(phantom_dir, name="phantom")
    with pytest.raises(DatasetError, match="phantom: found no picture of mammography at all"):
        start(config, tmp_path)


def test_a_method_that_needs_other_networks():
    config = basic.get_config("demo").unlock()
    config.method = "fusion"
    with pytest.raises(ConfigError, match="model: found no network 'mammography', which the method 'fusion' needs"):
        validate(config)


def test_two_lesions_of_a_patient_are_paired_and_scored_apart_and_left_out_together(paired_dir, tmp_path):
    """A group file joins two lesions of one class into a case."""
    dataset = prepare("phantom/paired", paired_dir)
    table = dataset.table
    malignant = np.unique(table.case_id[table.label == 2])[:2]
    write_groups(tmp_path / "groups.csv", [table.image_id[np.isin(table.case_id, malignant)].tolist()])
    config = tiny(paired_dir, groups=str(tmp_path / "groups.csv"))
    run = start(config, tmp_path / "run")
    pairs, units = run.data.dataset, run.data.units
    lesion = dict(zip(table.image_id.tolist(), table.case_id.tolist(), strict=True))
    for name, unit in zip(pairs.table.image_id.tolist(), units.tolist(), strict=True):
        assert [lesion[picture] for picture in name.split("+")] == [unit, unit]
    joined = pairs.table.case_id[np.isin(units, malignant)]
    assert len(set(joined.tolist())) == 1
    assert len(np.unique(units)) == 10
    assert len(np.unique(pairs.table.case_id)) == 9
    state = run.new_state()
    scored = run.score(state, "test")
    found = in_units(scored.predictions, scored.rows, run)[0]
    assert set(found.image_id.tolist()) == set(units[scored.rows].tolist())
    assert set(found.case_id.tolist()) == set(pairs.table.case_id[scored.rows].tolist())
    run.checkpoints.close()


def test_cases_with_several_answers_cannot_be_scored_as_one(phantom_dir, tmp_path):
    config = basic.get_config("demo").unlock()
    config.data.data_dir, config.eval.unit = str(phantom_dir), "case"
    run = start(config, tmp_path / "whole")
    table = run.data.dataset.table
    run.checkpoints.close()
    mixed = [np.flatnonzero(table.label == label)[0] for label in (1, 2)]
    one = dataclasses.replace(run.data.dataset.table)
    data = dataclasses.replace(run.data)
    units = run.data.units.copy()
    units[mixed] = "both"
    data.dataset.own_case, data.dataset.table = units, one
    with pytest.raises(
        SplitError, match="several answers of the task 'malignant' among the images of both; expected one"
    ):
        settle_split(data, Workdir(tmp_path / "new"), ["malignant"], "", by_case=True)


def test_runs_without_the_new_fields_are_read_as_before(phantom_dir, tmp_path):
    config = basic.get_config("demo")
    stored = to_json(config)
    del stored["eval"]["unit"], stored["train"]["folds_at_once"]
    validate(from_json(stored))
    refuse_other(stored, config, "there")
    assert same_results(stored, to_json(config))
