"""Work directories of the systems that papers compare, written by hand."""

import csv
import io
import json
from pathlib import Path

import numpy as np
from rich.console import Console

from busjax.evaluation.literature import QUESTIONS
from busjax.evaluation.predictions import Predictions, write_csv
from busjax.evaluation.results import build_results, write_results
from busjax.evaluation.segmentation import Segmentation
from busjax.evaluation.segmentation_file import write_segmentation
from busjax.evaluation.tables.command import make_tables
from tests.evaluation.tables.workdirs import config, write_part

IMAGES = {"train": 6, "val": 24, "test": 30}
TASKS = {"mt": "malignant", "mt_without_map": "malignant", "sn": "solid", "net": "tumour"}


def scored(output: str, part: str, seed: int, prefix: str = "") -> Predictions:
    """Made up scores; images of a part have the same names and targets whatever the seed."""
    classes = QUESTIONS[TASKS[output]]
    names = [f"{prefix}{part} {index}" for index in range(IMAGES[part])]
    target = np.arange(len(names)) * 7 % 5 % len(classes)
    random = np.random.default_rng((seed, len(names)))
    scores = random.dirichlet(np.ones(len(classes)), len(names)) + 0.4 * np.eye(len(classes))[target]
    scores /= scores.sum(axis=1, keepdims=True)
    return Predictions(output, classes, np.array(names), np.array([f"case {n}" for n in names]), target, scores)


def drawn(predictions: Predictions, seed: int) -> Segmentation:
    """Masks of 100 pixels; those of normal images are empty."""
    random = np.random.default_rng(seed)
    label = np.array(QUESTIONS["tumour"])[predictions.target]
    tp, fn, fp = (random.integers(1, 20, len(label)) * (label != "normal") for _ in range(3))
    fp = fp + (label == "normal") * random.integers(0, 2, len(label))
    counts = np.stack([tp, fn, 100 - tp - fn - fp, fp], axis=1).astype(np.int64)
    return Segmentation(predictions.image_id, predictions.case_id, np.ones(len(label), bool), counts, label)


def write_system(path: Path, paper: str, row: str, outputs: list[str], seed: int = 0, **how) -> None:
    """The work directory of a run with a holdout split; `prefix` gives it other images."""
    prefix, masks, split = how.pop("prefix", ""), how.pop("masks", False), how.pop("split", "holdout")
    finished = how.pop("finished", True)
    path.mkdir(parents=True)
    made = config(0, table__name=paper, table__row=row, seed=how.pop("run_seed", 0), data__split=split, **how)
    made["data"]["folds"] = 5
    made["optimizer"]["rate"] = row  # something that differs between systems
    made["method"] = "cross_training" if len(outputs) > 1 else "classification"
    made["model"] = {"network": outputs[0]} | {name: {"task": TASKS[name]} for name in ("mt", "sn", "net")}
    (path / "config.json").write_text(json.dumps({"config": made, "launches": []}))
    for part in IMAGES:
        first = scored(outputs[0], part, seed, prefix)
        write_part(
            path / "splits" / f"{part}.csv", dict(zip(first.image_id.tolist(), first.case_id.tolist(), strict=True))
        )
    if not finished:
        return
    found = {part: [scored(name, part, seed, prefix) for name in outputs] for part in ("val", "test")}
    segmentations = {part: drawn(own[0], seed) for part, own in found.items()} if masks else {}
    for part, own in found.items():
        write_csv(path / "predictions" / f"{part}.csv", own)
        if masks:
            write_segmentation(path / "predictions" / f"{part}_segmentation.csv", segmentations[part])
    selection = {name: {"metric": "auc", "step": 1} for name in outputs if name != "mt_without_map"}
    write_results(path / "results.json", build_results(found, selection, resamples=0, segmentations=segmentations))


def made(folder, **how) -> tuple[dict[str, list[dict[str, str]]], str]:
    """The lines of table.csv by table, and what is printed."""
    console = Console(file=io.StringIO(), width=200)
    make_tables(folder, console, **how)
    tables: dict[str, list[dict[str, str]]] = {}
    for row in csv.DictReader(io.StringIO((folder / "table.csv").read_text())):
        tables.setdefault(row["table"], []).append(row)
    return tables, console.file.getvalue()
