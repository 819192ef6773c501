"""What results, terminal and report show of three classes, and of a split that leaks."""

import io

import numpy as np
import pytest
from rich.console import Console

from busjax.evaluation.predictions import Predictions
from busjax.evaluation.report import write_report
from busjax.evaluation.results import build_results, print_results, read_results, write_results
from busjax.training.final import final_scalars
from busjax.training.picked import varied
from busjax.training.scoring import Scored
from tests.evaluation.test_multiclass import from_confusion
from tests.evaluation.test_report import Page

# 133, 437 and 210 images, 90, 400 and 120 of them decided rightly.
CONFUSION = [[90, 40, 3], [20, 400, 17], [10, 80, 120]]
PLACE = ("dizaj2021", "unet")


@pytest.fixture(scope="module")
def tumour() -> Predictions:
    return from_confusion(CONFUSION)


@pytest.fixture(scope="module")
def results(tumour, random_predictions):
    return build_results({"test": [tumour, random_predictions()]}, {}, resamples=20, leak="divided by image")


def printed(results, width=200, **how) -> str:
    console = Console(file=io.StringIO(), width=width)
    print_results(results, console, **how)
    return console.file.getvalue()


def test_its_entry_in_the_results(results, tmp_path):
    write_results(tmp_path / "results.json", results)
    assert read_results(tmp_path / "results.json") == results
    entry = results["test"]["tumour"]
    assert entry["confusion"] == CONFUSION
    assert entry["accuracy"] == pytest.approx(610 / 780)
    assert entry["averaging"] == "macro"
    assert entry["per_class"]["malignant"]["recall"] == pytest.approx(120 / 210)
    assert "threshold" not in entry
    assert results["test"]["mt"]["threshold"] == 0.5
    assert results["leaks_patients"] == "divided by image"


@pytest.mark.parametrize("width", [60, 110, 200])
def test_the_terminal_shows_every_number(results, width):
    text = printed(results, width, place=PLACE)
    # 610 / 780; 1 - 2/3 (170 / 780); recall (90/133 + 400/437 + 120/210) / 3.
    for number in ("78.21", "85.47", "72.12", "87.86", "91.04", "64.18", "0.7529"):
        assert number in text, number
    for words in ("Acc one vs rest", "Acc as printed", "Prec (macro)", "F1 of means", "as malignant", "120", "437"):
        assert words in text, words
    assert "leaks patients: divided by image. The figures are too high." in " ".join(text.split())
    assert all(len(line) <= width for line in text.splitlines())
    assert "…" not in text
    assert "87.86" not in printed(results, width)
    mt = results["test"]["mt"]
    assert f"{mt['tp']}/{mt['fn']}/{mt['tn']}/{mt['fp']}" in text


def test_the_report(results, tumour, tmp_path):
    path = tmp_path / "report.html"
    predictions = {"test": [tumour]}
    write_report(
        path, title="run", run_facts={"notice": "Beware."}, results=results, predictions=predictions, place=PLACE
    )
    page = Page(path.read_text())
    heads = [row for row in page.rows if row[:1] == ["Output"]]
    assert len(heads) == 2  # of two classes, and of three
    ours = dict(zip(heads[1], next(row for row in page.rows if row[0] == "tumour"), strict=True))
    assert ours["Acc"].startswith("78.21[")
    assert ours["Acc one vs rest"].startswith("85.47[")
    assert ours["Acc as printed"] == "–"
    unet = dict(zip(heads[1], next(row for row in page.rows if row[0] == "U-Net"), strict=True))
    assert (unet["Acc"], unet["Acc one vs rest"], unet["Acc as printed"]) == ("–", "–", "87.86")
    assert unet["Images (cases)"] == "other data"
    assert sum(row[0] in ("VGG-16", "ResNet-50", "DenseNet-161", "AlexNet", "U-Net") for row in page.rows if row) == 5
    (malignant,) = [row for row in page.rows if row[:1] == ["malignant"]]
    assert malignant[-3:] == ["10", "80", "120"]
    assert "at most 80.9" in page.text
    assert "Beware. Leaks patients: divided by image. The figures are too high." in page.text
    assert "harmonic mean of macro precision and macro recall" in page.text
    assert len(page.sources) == 2  # ROC curves and the confusion matrix


def test_scalars_of_the_end(results):
    scalars = final_scalars(results)
    assert scalars["final/test/tumour_accuracy"] == pytest.approx(610 / 780)
    assert scalars["final/test/tumour_accuracy_ovr"] == results["test"]["tumour"]["accuracy_ovr"]
    assert scalars["final/test/mt_auc"] == results["test"]["mt"]["auc"]
    assert "final/test/mt_accuracy_ovr" not in scalars


def test_varied_images_are_of_every_class_and_outcome(tumour):
    scored = Scored([tumour], {}, {}, np.arange(780), {})
    picked = varied(scored, "tumour", 2, 0.5)
    assert len(set(picked.tolist())) == len(picked) == 12
    found = [(int(tumour.target[at]), bool(tumour.predicted[at] == tumour.target[at])) for at in picked]
    assert found == [(t, right) for t in range(3) for right in (False, True) for _ in range(2)]
