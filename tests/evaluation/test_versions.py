"""A run that tests versions of images: results.json, terminal and report tell images from versions, and their leak."""

import io

import numpy as np
import pytest
from rich.console import Console

from busjax.evaluation.predictions import Predictions
from busjax.evaluation.report import write_report
from busjax.evaluation.results import build_results, print_results
from busjax.evaluation.segmentation import Segmentation
from tests.evaluation.test_report import Page

# Ten versions of five images, of which i4 is of unknown class.
NAMES = np.array(["i0", "i0#1", "i0#2", "i1#1", "i1#3", "i2", "i2#1", "i3#2", "i4", "i4#1"])
CASES = np.array(["p", "p", "p", "p", "p", "q", "q", "r", "s", "s"])
TUMOUR = ("normal", "benign", "malignant")
LEAK = "images are multiplied and then divided: versions of 3 of the 5 images tested are in training or validation, too"


@pytest.fixture(scope="module")
def outputs():
    rng = np.random.default_rng(0)
    three = rng.dirichlet(np.ones(3), 10)
    target = np.array([2, 2, 2, 1, 1, 0, 0, 1, -1, -1])
    malignant = np.where(target < 0, -1, (target == 2).astype(np.int64))
    two = np.stack([1 - three[:, 2], three[:, 2]], axis=1)
    return [
        Predictions("net", ("not_malignant", "malignant"), NAMES, CASES, malignant, two),
        Predictions("tumour", TUMOUR, NAMES, CASES, target, three),
    ]


@pytest.fixture(scope="module")
def drawn():
    """Masks of all but the versions of i4; those of i2 are empty."""
    lesion = np.array([4, 4, 4, 3, 3, 0, 0, 5, 0, 0])
    counts = np.stack([lesion, 0 * lesion, 10 - lesion, 0 * lesion], axis=1).astype(np.int64)
    label = np.array(["malignant"] * 3 + ["benign"] * 2 + ["normal"] * 2 + ["benign", "", ""])
    return Segmentation(NAMES, CASES, np.arange(10) < 8, counts, label)


@pytest.fixture(scope="module")
def results(outputs, drawn):
    return build_results({"test": outputs}, {}, resamples=20, segmentations={"test": drawn}, versions=True, leak=LEAK)


def test_results_count_both(results, outputs):
    for name in ("net", "tumour"):
        entry = results["test"][name]
        assert (entry["images"], entry["versions"], entry["cases"], entry["unknown"]) == (4, 8, 3, 2)
    net = results["test"]["net"]
    assert net["tp"] + net["fn"] + net["tn"] + net["fp"] == 8
    sizes = {name: (own["images"], own["versions"]) for name, own in results["test"]["tumour"]["per_class"].items()}
    assert sizes == {"normal": (1, 2), "benign": (2, 3), "malignant": (1, 3)}
    masks = results["test"]["segmentation"]
    assert (masks["images"], masks["versions"]) == (4, 8)
    assert (masks["lesion_images"], masks["lesion_versions"]) == (3, 6)
    assert {name: (own["images"], own["versions"]) for name, own in masks["by_class"].items()} == sizes
    assert results["leaks_patients"] == LEAK
    # The same rows where images are not multiplied: names are names.
    plain = build_results({"test": outputs}, {}, resamples=0)["test"]["net"]
    assert plain["images"] == 8
    assert "versions" not in plain


@pytest.mark.parametrize("width", [60, 200])
def test_the_terminal(results, width):
    console = Console(file=io.StringIO(), width=width)
    print_results(results, console)
    text = console.file.getvalue()
    assert text.count("4 (3), 8 versions") == 3  # two outputs, and their masks
    assert "3 (2), 6 versions" in text
    assert "2, 3 versions" in text
    assert "2 more versions of images have no known target" in " ".join(text.split())
    assert "metrics are over versions" in " ".join(text.split())
    for title in ("test, leaks patients: masks,", "test, leaks patients: threshold", "test, leaks patients: decided"):
        assert title in text
    assert f"leaks patients: {LEAK}. The figures are too high." in " ".join(text.split())


def test_the_report(results, outputs, drawn, tmp_path):
    path = tmp_path / "report.html"
    write_report(
        path,
        title="run",
        run_facts={},
        results=results,
        predictions={"test": outputs},
        segmentations={"test": drawn},
    )
    page = Page(path.read_text())
    sizes = {row[0]: row[1] for row in page.rows if len(row) > 1}
    assert sizes["net"] == sizes["tumour"] == sizes["all with a mask"] == "4 (3), 8 versions"
    assert sizes["with a lesion"] == "3 (2), 6 versions"
    assert sizes["benign"] in ("2 (2), 3 versions", "2, 3 versions")
    assert "metrics are over versions" in page.text
    assert "Versions of images, and percent of the versions of images of the true class" in page.text
    assert {"Test results, leaks patients", "Segmentation, leaks patients"} <= {*page.headings}
    assert f"Leaks patients: {LEAK}. The figures are too high." in page.text


def test_a_run_that_does_not_leak_says_nothing(outputs, tmp_path):
    honest = build_results({"test": outputs}, {}, resamples=0, versions=True)
    console = Console(file=io.StringIO(), width=200)
    print_results(honest, console)
    write_report(tmp_path / "report.html", title="run", run_facts={}, results=honest)
    page = Page((tmp_path / "report.html").read_text())
    assert "eaks patients" not in console.file.getvalue() + page.text
    assert "Test results" in page.headings
