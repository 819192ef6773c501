"""Parts of work directories, written by hand."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from busjax.evaluation.predictions import Predictions

CLASSES = ("not_malignant", "malignant")


def write_part(path: Path, cases: Mapping[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image_id", "case_id", "label", "solid"])
        writer.writerows([image, case, "", -1] for image, case in cases.items())


def fold_predictions(fold: int, target: Sequence[int], score: Sequence[float], name: str = "net") -> Predictions:
    """Images 'f0 i0', 'f0 i1', ... of cases of two images each: 'f0 c0', 'f0 c0', 'f0 c1', ..."""
    positive = np.asarray(score, dtype=np.float64)
    return Predictions(
        name,
        CLASSES,
        np.array([f"f{fold} i{index}" for index in range(len(positive))]),
        np.array([f"f{fold} c{index // 2}" for index in range(len(positive))]),
        np.asarray(target, dtype=np.int64),
        np.stack([1 - positive, positive], axis=1),
    )


def config(fold: int = 0, **changes: Any) -> dict[str, Any]:
    """A config with the fields that tables look at; changes by dotted names with '__' for the dot."""
    made: dict[str, Any] = {
        "method": "classification",
        "seed": 0,
        "data": {
            "name": "busi",
            "split": "kfold",
            "split_seed": 0,
            "fold": fold,
            "folds": 3,
            "data_dir": "",
            "test": "",
        },
        "loss": {"name": "bce", "positive_weight": 1.0},
        "optimizer": {"name": "adam"},
        "pretrained": {"head_from": ""},
        "table": {"name": "", "row": ""},
    }
    for field, value in changes.items():
        *path, last = field.split("__")
        section = made
        for word in path:
            section = section[word]
        section[last] = value
    return made
