"""The trivial baseline: logistic regression on 32x32 grey pixels, on the split of a run.

    python -m benchmarks.pixel_baseline --workdir runs/basic

A network that does no better has learned nothing but brightness. The strength of the penalty is chosen by AUC on the
validation part.
"""

import argparse

import numpy as np
from PIL import Image
from rich.console import Console
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from busjax.evaluation.predictions import Predictions
from busjax.evaluation.results import build_results, print_results
from busjax.methods.tasks import TASKS
from busjax.training.run_data import open_data
from busjax.training.workdir import read_workdir

SIZE = 32
PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)


def main() -> None:
    """Fits and prints a table for the tasks of two classes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workdir", required=True, help="of a run that has begun")
    workdir, config, _ = read_workdir(parser.parse_args().workdir)
    data = open_data(config, workdir)
    table, parts = data.dataset.table, data.split.parts()
    pixels = np.stack([_grey(data.dataset[row]["image"]) for row in range(len(data.dataset))])
    outputs: dict[str, list[Predictions]] = {"val": [], "test": []}
    for task in (task for task in TASKS.values() if len(task.classes) == 2):
        target = np.asarray(task.target({"label": table.label, "solid": table.solid}))
        known = {part: rows[target[rows] >= 0] for part, rows in parts.items()}

        def fitted(penalty: float, rows: np.ndarray, target: np.ndarray = target):
            model = make_pipeline(StandardScaler(), LogisticRegression(C=penalty, max_iter=3000))
            return model.fit(pixels[rows], target[rows])

        models = [fitted(penalty, known["train"]) for penalty in PENALTIES]
        best = max(
            models, key=lambda m: roc_auc_score(target[known["val"]], m.predict_proba(pixels[known["val"]])[:, 1])
        )
        for part, predictions in outputs.items():
            rows = parts[part]
            scores = best.predict_proba(pixels[rows])
            ids = (table.image_id[rows], table.case_id[rows])
            predictions.append(Predictions(f"pixels_{task.name}", task.classes, *ids, target[rows], scores))
    print_results(build_results(outputs, {}), Console(width=140))


def _grey(image: np.ndarray) -> np.ndarray:
    small = Image.fromarray(image).convert("L").resize((SIZE, SIZE), Image.Resampling.BILINEAR)
    return np.asarray(small, np.float64).ravel() / 255


if __name__ == "__main__":
    main()
