"""Work directories written by hand."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from busjax.evaluation.predictions import Predictions, write_csv
from busjax.evaluation.results import build_results, write_results
from busjax.evaluation.segmentation import Segmentation
from busjax.evaluation.segmentation_file import write_segmentation
from tests.evaluation.tables.workdirs import config, fold_predictions, write_part


@pytest.fixture(scope="session")
def write_run() -> Callable[..., Path]:
    """Writes the work directory of one fold: `parts` are the predictions of every fold, `fold` the tested one."""

    def write(
        path: Path,
        parts: Sequence[Predictions],
        fold: int,
        *,
        threshold: float = 0.5,
        masks: Segmentation | None = None,
        finished: bool = True,
        **changes: Any,
    ) -> Path:
        path.mkdir(parents=True)
        (path / "config.json").write_text(json.dumps({"config": config(fold, **changes), "launches": []}))
        cases = [dict(zip(p.image_id.tolist(), p.case_id.tolist(), strict=True)) for p in parts]
        val = (fold + 1) % len(parts)
        rest = {image: case for at, part in enumerate(cases) if at not in (fold, val) for image, case in part.items()}
        for name, content in (("train", rest), ("val", cases[val]), ("test", cases[fold])):
            write_part(path / "splits" / f"{name}.csv", content)
        if finished:
            write_csv(path / "predictions" / "test.csv", [parts[fold]])
            drawn = {} if masks is None else {"test": masks}
            results = build_results(
                {"test": [parts[fold]]}, {"step": 1}, threshold=threshold, resamples=0, segmentations=drawn
            )
            write_results(path / "results.json", results)
            if masks is not None:
                write_segmentation(path / "predictions" / "test_segmentation.csv", masks)
        return path

    return write


@pytest.fixture(scope="session")
def three_folds() -> list[Predictions]:
    """Of 8, 6 and 10 images; at 0.5 TP, FN, TN, FP are (3, 1, 3, 1), (2, 1, 2, 1) and (5, 0, 4, 1)."""
    return [
        fold_predictions(0, [1, 1, 1, 1, 0, 0, 0, 0], [0.9, 0.8, 0.7, 0.3, 0.1, 0.2, 0.4, 0.6]),
        fold_predictions(1, [1, 1, 1, 0, 0, 0], [0.6, 0.55, 0.45, 0.35, 0.25, 0.95]),
        fold_predictions(2, [1, 1, 1, 1, 1, 0, 0, 0, 0, 0], [0.9, 0.8, 0.7, 0.6, 0.51, 0.5, 0.1, 0.2, 0.3, 0.65]),
    ]


@pytest.fixture
def sweep(tmp_path: Path, write_run: Callable[..., Path], three_folds: list[Predictions]) -> Path:
    """A folder with the three folds of one setting."""
    for fold in range(3):
        write_run(tmp_path / f"fold={fold}", three_folds, fold)
    return tmp_path
