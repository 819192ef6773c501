"""Whole runs that tell normal, benign and malignant images apart, on the phantom: every place a number comes to."""

import csv
import json

import numpy as np
import pytest
import sklearn.metrics as reference
from ml_collections import ConfigDict
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from busjax.evaluation.predictions import read_csv
from busjax.evaluation.segmentation_file import read_segmentation
from busjax.evaluation.tables.command import make_tables
from busjax.training.config import ConfigError, validate
from busjax.training.evaluate import evaluate
from busjax.training.loop import train
from busjax.training.workdir import read_workdir
from configs import basic, dizaj
from tests.training.test_loop import quiet, start

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorboard")

CLASSES = ("normal", "benign", "malignant")


def segmenting(phantom_dir):
    config = dizaj.get_config("small,unet")
    config.data.image_size = 32
    config.model.net.width = 0.05
    return config


def mapping(phantom_dir):
    """A classifier with class activation maps."""
    config = basic.get_config("demo")
    config.data.image_size = 64
    config.model.mt.backbone, config.model.mt.options = "alexnet", ConfigDict()
    config.model.mt.width = 0.05
    config.model.mt.task = "tumour"
    config.model.mt.head.outputs = 3
    config.selection.metric = "balanced_accuracy"
    return config


@pytest.mark.parametrize(("make", "name"), [(segmenting, "net"), (mapping, "mt")])
def test_a_run_from_start_to_report(make, name, phantom_dir, tmp_path):
    config = make(phantom_dir)
    config.data.name, config.data.data_dir = "phantom", str(phantom_dir)
    config.train.epochs, config.selection.after = 2, 0.0
    validate(config)
    run = start(config, tmp_path)
    assert train(run, quiet())
    console = quiet()
    results = evaluate(run, read_workdir(tmp_path)[2], console)
    history = run.checkpoints.facts(run.checkpoints.latest())["history"]
    run.checkpoints.close()
    assert json.loads((tmp_path / "results.json").read_text()) == results

    (predictions,) = read_csv(tmp_path / "predictions/test.csv")
    assert predictions.classes == CLASSES
    with (tmp_path / "splits/test.csv").open(newline="") as file:
        label = {row["image_id"]: row["label"] for row in csv.DictReader(file)}
    assert [CLASSES[t] for t in predictions.target] == [label[i] for i in predictions.image_id]
    target, decided = predictions.target, predictions.scores.argmax(axis=1)
    told = results["test"][name]
    assert told["classes"] == list(CLASSES)
    assert np.array_equal(told["confusion"], reference.confusion_matrix(target, decided, labels=[0, 1, 2]))
    assert told["accuracy"] == pytest.approx(reference.accuracy_score(target, decided))
    assert told["balanced_accuracy"] == pytest.approx(reference.balanced_accuracy_score(target, decided))
    assert told["auc"] == pytest.approx(reference.roc_auc_score(target, predictions.scores, multi_class="ovr"))
    assert told["intervals"]["auc"]["low"] < told["auc"] < told["intervals"]["auc"]["high"]
    best = next(row for row in history if row["step"] == results["selection"][name]["step"])
    assert best[f"val/{name}_accuracy"] == pytest.approx(results["val"][name]["accuracy"])
    if name == "mt":
        assert results["selection"]["mt"]["value"] == pytest.approx(results["val"]["mt"]["balanced_accuracy"])

    text = " ".join(console.file.getvalue().split())
    report = (tmp_path / "report.html").read_text()
    for words in ("Acc one vs rest", "as malignant", "highest score"):
        assert words in text, words
        assert words in report, words
    assert "Confusion matrix of" in report
    events = EventAccumulator(str(tmp_path), size_guidance={"tensors": 0})
    events.Reload()
    expected = {"val/roc", f"val/{name}_confusion", f"val/{name}_accuracy_ovr", f"final/test/{name}_accuracy"}
    assert expected <= set(events.Tags()["tensors"])

    if name == "net":
        masks = read_segmentation(tmp_path / "predictions/test_segmentation.csv")
        assert [label[i] for i in masks.image_id] == masks.label.tolist()
        iou = masks.figures()["iou"]
        own = [results["test"]["segmentation"]["by_class"][one]["iou"]["mean"] for one in CLASSES]
        assert own == pytest.approx([iou[masks.label == one].mean() for one in CLASSES])
        assert results["test"]["segmentation"]["iou_average"] == pytest.approx(np.mean(own))
        assert set(iou[masks.label == "normal"]) <= {0.0, 1.0}
        assert "mean of the classes" in text
        assert {"final/test/segmentation_iou_normal", "final/test/segmentation_iou_lesions"} <= set(
            events.Tags()["tensors"]
        )
        # The published rows of both tables stand beside it.
        assert "87.86" in text
        assert "Table 2 and Table 3 of Dizaj and Valizadeh 2021" in text
        assert [table.name for table in make_tables(tmp_path, quiet())] == ["dizaj_2", "dizaj_3"]
    else:
        assert "Class activation maps" in report
        assert "Over it the class that is decided" in report


def test_a_selection_that_three_classes_do_not_have(phantom_dir):
    config = mapping(phantom_dir)
    config.selection.metric = "f_beta"
    expected = "selection.metric: found 'f_beta', expected one of accuracy, balanced_accuracy, auc, loss of the task"
    with pytest.raises(ConfigError, match=expected):
        validate(config)
