"""Tables of an output with three classes and of masks by class (Dizaj and Valizadeh 2021)."""

import json
from pathlib import Path

import numpy as np
import pytest
import sklearn.metrics as reference

from busjax.evaluation.literature import QUESTIONS
from busjax.evaluation.tables.errors import TableError
from tests.evaluation.tables.systems import drawn, made, scored, write_system
from tests.evaluation.tables.workdirs import write_part


def test_tables_of_dizaj(tmp_path):
    for seed, row in enumerate(("unet", "vgg16")):
        write_system(tmp_path / row, "dizaj2021", row, ["net"], seed=seed, masks=True)
    tables, text = made(tmp_path)
    assert list(tables) == ["dizaj_2", "dizaj_3"]
    for name in tables:
        kinds = [(line["row"], line["kind"]) for line in tables[name] if line["row"] in ("unet", "vgg16")]
        assert kinds == [("vgg16", "published"), ("vgg16", "run"), ("unet", "published"), ("unet", "run")]
    ours = [line for line in tables["dizaj_2"] if line["kind"] == "run"][1]
    predictions = scored("net", "test", 0)
    target, decided = predictions.target, predictions.scores.argmax(axis=1)
    precision, recall, f1, _ = reference.precision_recall_fscore_support(target, decided, average="macro")
    expected = {
        "accuracy": reference.accuracy_score(target, decided),
        "accuracy_ovr": np.mean([np.mean((target == k) == (decided == k)) for k in range(3)]),
        "precision_macro": precision,
        "recall_macro": recall,
        "f1_macro": f1,
        "f1_of_means": 2 * precision * recall / (precision + recall),
        "auc_macro": reference.roc_auc_score(target, predictions.scores, multi_class="ovr"),
    }
    for metric, value in expected.items():
        assert float(ours[metric]) == pytest.approx(value), metric
    # Those of two classes are of no such output, and the printed accuracy is none of ours.
    assert {ours[name] for name in ("sensitivity", "auc", "f1", "balanced_accuracy", "printed_accuracy")} == {""}
    published = next(line for line in tables["dizaj_2"] if line["row"] == "unet")
    assert (published["printed_accuracy"], published["accuracy"], published["accuracy_ovr"]) == ("0.8786", "", "")
    assert ours["data"].endswith("decided by the highest score")
    counts, label = drawn(predictions, 0).counts, np.array(QUESTIONS["tumour"])[target]
    union = counts[:, [0, 1, 3]].sum(axis=1)
    iou = np.where(union > 0, counts[:, 0] / np.maximum(union, 1), 1.0)
    by_class = [iou[label == name].mean() for name in QUESTIONS["tumour"]]
    line = [line for line in tables["dizaj_3"] if line["kind"] == "run"][1]
    assert [float(line[f"iou_{name}"]) for name in QUESTIONS["tumour"]] == pytest.approx(by_class)
    assert float(line["iou_average"]) == pytest.approx(np.mean(by_class))
    assert float(line["iou_lesions"]) == pytest.approx(iou[label != "normal"].mean())
    assert float(line["iou"]) == pytest.approx(iou.mean())
    for heading in ("one-vs-rest", "as-printed", "(macro)", "of-means", "normal", "lesions"):
        assert heading in text
    assert "at most 80.9" in " ".join(text.split())
    markdown = (tmp_path / "table.md").read_text()
    assert "Dice and IoU of two empty masks are 1" in markdown
    assert "| Acc % | Acc one-vs-rest % | Acc as-printed % | Prec (macro) % | Recall (macro) % |" in markdown


def test_a_confusion_matrix_that_is_another_is_refused(tmp_path):
    write_system(tmp_path / "unet", "dizaj2021", "unet", ["net"])
    path = tmp_path / "unet" / "results.json"
    results = json.loads(path.read_text())
    results["test"]["net"]["confusion"][0][0] += 1
    path.write_text(json.dumps(results))
    with pytest.raises(
        TableError, match=r"test.net.confusion: found \[\[.*expected \[\[.*as predictions/test.csv has it;"
    ):
        made(tmp_path)


def test_folds_of_more_than_two_classes_are_pooled(tmp_path):
    for fold in range(3):
        how = {"split": "kfold", "data__fold": fold, "prefix": f"{fold} "}
        write_system(tmp_path / f"{fold}", "dizaj2021", "unet", ["net"], seed=fold, masks=True, **how)
        path = tmp_path / f"{fold}" / "config.json"
        path.write_text(path.read_text().replace('"folds": 5', '"folds": 3'))
    for fold in range(3):  # what the other folds test trains
        images = {n: c for other in range(3) if other != fold for n, c in cases_of(tmp_path, other).items()}
        write_part(tmp_path / f"{fold}" / "splits" / "train.csv", images)
        write_part(tmp_path / f"{fold}" / "splits" / "val.csv", {})
    tables, _ = made(tmp_path, table="dizaj_2")
    (pooled,) = [line for line in tables["dizaj_2"] if line["kind"] == "pooled"]
    outputs = [scored("net", "test", fold, f"{fold} ") for fold in range(3)]
    target = np.concatenate([output.target for output in outputs])
    scores = np.concatenate([output.scores for output in outputs])
    assert float(pooled["accuracy"]) == pytest.approx(np.mean(scores.argmax(axis=1) == target))
    assert float(pooled["auc_macro"]) == pytest.approx(reference.roc_auc_score(target, scores, multi_class="ovr"))
    assert pooled["images"] == "90 (90)"
    assert pooled["iou_average"]


def cases_of(folder: Path, fold: int) -> dict[str, str]:
    output = scored("net", "test", fold, f"{fold} ")
    return dict(zip(output.image_id.tolist(), output.case_id.tolist(), strict=True))
