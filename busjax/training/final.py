"""The reported numbers for TensorBoard, whose page of hyper-parameters compares runs by them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from busjax.training.writer import make_writer

SHOWN = ("auc", "f_beta", "accuracy", "balanced_accuracy", "sensitivity", "specificity", "dice", "iou")


def final_scalars(results: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of results.json by tag, `final/PART/OUTPUT_METRIC`; of predicted masks the means over images.

    They are those of the reported checkpoints, whereas the curves of validation end with the last epoch. Metrics that
    are not defined are left out.
    """
    found = {}
    for part in ("val", "test"):
        for output, metrics in results.get(part, {}).items():
            for name in SHOWN:
                value = metrics.get(name)
                value = value.get("mean") if isinstance(value, Mapping) else value
                if value is not None:
                    found[f"final/{part}/{output}_{name}"] = float(value)
    return found


def write_final(folder: Path, step: int, results: Mapping[str, Any]) -> None:
    """Adds the numbers of results.json to a run's event files, at the last step of its training."""
    writer = make_writer(folder)
    writer.write_scalars(step, final_scalars(results))
    writer.close()
