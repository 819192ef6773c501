"""The reported numbers for TensorBoard, whose page of hyper-parameters compares runs by them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from busjax.evaluation.multiclass import is_multiclass
from busjax.training.writer import make_writer

SHOWN = ("auc", "f_beta", "accuracy", "balanced_accuracy", "sensitivity", "specificity", "dice", "iou", "iou_average")
OF_CLASSES = ("auc", "accuracy", "accuracy_ovr", "balanced_accuracy", "precision", "recall", "f1", "f1_of_means")


def final_scalars(results: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of results.json by tag, `final/PART/OUTPUT_METRIC`; of predicted masks the means over images.

    Of masks also the mean IoU over the images of each class, `iou_CLASS`, and over those with a lesion, `iou_lesions`.
    They are those of the reported checkpoints, whereas the curves of validation end with the last epoch. Metrics that
    are not defined are left out.
    """
    found = {}
    for part in ("val", "test"):
        for output, metrics in results.get(part, {}).items():
            groups = dict(metrics.get("by_class", {}))
            if "lesions" in metrics:
                groups["lesions"] = metrics["lesions"]
            shown = {name: metrics.get(name) for name in (OF_CLASSES if is_multiclass(metrics) else SHOWN)}
            shown |= {f"iou_{group}": own["iou"] for group, own in groups.items()}
            for name, value in shown.items():
                value = value.get("mean") if isinstance(value, Mapping) else value
                if value is not None:
                    found[f"final/{part}/{output}_{name}"] = float(value)
    return found


def write_final(folder: Path, step: int, results: Mapping[str, Any]) -> None:
    """Adds the numbers of results.json to a run's event files, at the last step of its training."""
    writer = make_writer(folder)
    writer.write_scalars(step, final_scalars(results))
    writer.close()
