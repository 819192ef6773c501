"""Runs that test versions of images: tables tell images from versions, and a leak on every line and in every file."""

import csv
import io
import json
import re

import numpy as np
import pytest
from rich.console import Console

from busjax.evaluation.predictions import Predictions, write_csv
from busjax.evaluation.results import build_results, write_results
from busjax.evaluation.tables.command import make_tables
from tests.evaluation.tables.workdirs import CLASSES, config, write_part

# Image and version of every row, by part. Tested are seven versions of four images, of which a and c are seen, too; d
# is validated only by its name's beginning.
PARTS = {
    "train": ["a", "a#2", "b", "c#11"],
    "val": ["a#3", "d#1x"],
    "test": ["a#1", "c", "c#1", "d", "d#1", "e", "e#23"],
}
TARGETS = {"train": [1, 1, 0, 0], "val": [1, 0], "test": [1, 0, 0, 1, 1, 0, 0]}


def scored(part, seed):
    names = PARTS[part]
    positive = np.random.default_rng(seed).uniform(0.05, 0.95, len(names))
    cases = [f"case {re.split('#', name)[0]}" for name in names]
    scores = np.stack([1 - positive, positive], axis=1)
    return Predictions("net", CLASSES, np.array(names), np.array(cases), np.array(TARGETS[part]), scores)


def write_run(path, seed, split, variants=24):
    path.mkdir(parents=True)
    made = config(0, seed=seed, table__name="hijab2019", table__row="features", data__split=split)
    made["data"]["variants"] = variants
    made["model"] = {"network": "net", "net": {"task": "malignant"}}
    (path / "config.json").write_text(json.dumps({"config": made, "launches": []}))
    for part in PARTS:
        found = scored(part, seed)
        write_part(
            path / "splits" / f"{part}.csv", dict(zip(found.image_id.tolist(), found.case_id.tolist(), strict=True))
        )
    found = scored("test", seed)
    write_csv(path / "predictions" / "test.csv", [found])
    results = build_results({"test": [found]}, {"step": 1}, resamples=0, versions=bool(variants))
    write_results(path / "results.json", results)


def outputs(folder, width=200, **how):
    """What is printed, and the three files."""
    console = Console(file=io.StringIO(), width=width)
    make_tables(folder, console, **how)
    return {
        "terminal": console.file.getvalue(),
        **{kind: (folder / f"table.{kind}").read_text() for kind in ("md", "csv", "html")},
    }


@pytest.mark.parametrize("width", [200, 60])
def test_images_and_versions_are_told_apart_in_every_file(tmp_path, width):
    for seed in range(2):
        write_run(tmp_path / f"run{seed}", seed, "augmented_case")
    texts = outputs(tmp_path, width, seeds_together=True)
    for kind, text in texts.items():
        lines = " ".join(text.split())
        if kind == "terminal" and width == 200:  # one under the other
            assert re.search(r" 4 \(4\), .* 7 versions ", lines)
        else:
            assert "4 (4), 7 versions" in lines, kind
        assert "7 (4)" not in lines, kind
        assert "metrics are over versions, of which one image has several" in lines, kind
    rows = [row for row in csv.DictReader(io.StringIO(texts["csv"])) if row["kind"] in ("run", "mean")]
    assert [row["images"] for row in rows] == ["4 (4), 7 versions"] * 3


def test_a_leak_of_versions_is_counted_and_stands_on_every_line(tmp_path):
    for seed in range(2):
        write_run(tmp_path / f"run{seed}", seed, "augmented_image")
    texts = outputs(tmp_path, seeds_together=True)
    # By hand: of a, c, d and e the first two have versions in training or validation.
    why = "images are multiplied and then divided: versions of 2 of the 4 images tested are in training or validation"
    for kind, text in texts.items():
        assert why in " ".join(text.split()), kind
    rows = [row for row in csv.DictReader(io.StringIO(texts["csv"])) if row["kind"] != "published"]
    assert [row["kind"] for row in rows] == ["mean", "run", "run", "deviation"]
    assert all("leaks patients" in row["what"] for row in rows)
    assert all(why in row["note"] for row in rows)
    for line in texts["md"].splitlines():
        if line.startswith("|") and "ours" in line:
            assert "leaks patients" in line
    ours = re.findall(r'<tr class="ours">.*?</tr>', texts["html"])
    assert len(ours) == 4
    assert all("leaks patients" in row for row in ours)
    assert "Rows marked “leaks patients” have images of one patient on both sides" in texts["html"]
    shown = [line for line in texts["terminal"].splitlines() if "± deviation of 2" in line]
    assert shown
    assert all("leaks patients" in line for line in shown)


def test_without_versions_a_name_is_a_name(tmp_path):
    write_run(tmp_path / "run", 0, "holdout", variants=0)
    texts = outputs(tmp_path)
    for kind, text in texts.items():
        assert "7 (4)" in " ".join(text.split()), kind
        assert "metrics are over versions" not in text, kind
