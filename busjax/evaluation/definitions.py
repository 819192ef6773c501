"""What the terms of the report mean."""

from collections.abc import Mapping
from html import escape
from typing import Any

from busjax.evaluation.bootstrap import LEVEL
from busjax.evaluation.multiclass import is_multiclass
from busjax.evaluation.results import PARTS
from busjax.evaluation.rows import MISSING, classes_of, outputs_of


def definitions_html(results: Mapping[str, Any]) -> str:
    """The terms of a run's tables in words; '' where it has no output.

    Args:
      results: as from `build_results`.
    """
    outputs = {name: metrics for part in PARTS for name, metrics in outputs_of(results, part).items()}
    if not outputs:
        return ""
    of_more = {name: classes_of(metrics) for name, metrics in outputs.items() if is_multiclass(metrics)}
    of_two = {name: metrics for name, metrics in outputs.items() if name not in of_more}
    terms = _of_more_classes(of_more) if of_more else {}
    terms = (_of_two_classes(of_two) if of_two else {}) | terms | _COMMON
    return "<dl>" + "".join(f"<div><dt>{escape(t)}</dt><dd>{escape(d)}</dd></div>" for t, d in terms.items()) + "</dl>"


_COMMON = {
    "Interval": f"{100 * LEVEL:g} % percentile interval over resamples of whole cases, since images of one case are"
    " not independent. Resamples in which a metric is undefined are left out, and counted.",
    MISSING: "undefined (nothing to divide by), or not published.",
    "Unknown target": "images whose true class is not known are in no metric.",
}


def _of_two_classes(outputs: Mapping[str, Any]) -> dict[str, str]:
    """The terms of the table of two classes, in words."""
    beta = f"{next(iter(outputs.values()))['beta']:g}"
    classes = ", ".join(f"{metrics['positive_class'].replace('_', ' ')} ({name})" for name, metrics in outputs.items())
    return {
        "Positive": f"the class in question: {classes}. An image is called positive where the score of that class is"
        " above the threshold; at threshold 0.5 that is the class with the higher score, and a tie is negative.",
        "TP, FN, TN, FP": "images: positives found, positives missed, negatives recognised, negatives called positive.",
        "Accuracy": "(TP + TN) / all images.",
        "Sensitivity": "TP / (TP + FN).",
        "Specificity": "TN / (TN + FP).",
        "Precision": "TP / (TP + FP).",
        f"F{beta}": f"(β² + 1) / (β² / sensitivity + 1 / precision) with β = {beta}; 0 where no positive is found.",
        "Balanced accuracy": "the mean of sensitivity and specificity. Some papers print it under the name of AUC.",
        "AUC": "area under the ROC curve of the scores: the probability that a positive image scores higher than a"
        " negative one, a tie counting one half.",
    }


def _of_more_classes(classes: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """The terms of the table, in words.

    Args:
      classes: of every output with more than two.
    """
    asked = "; ".join(f"{' or '.join(c.replace('_', ' ') for c in names)} ({name})" for name, names in classes.items())
    return {
        "More than two classes": f"{asked}. An image is decided as the class with the highest score; no threshold.",
        "Accuracy of classes": "images decided rightly / all images (micro).",
        "Accuracy, one against the rest": "the mean over classes of (TP + TN) / all images, where images that are"
        " rightly not called a class count, too. It is higher than the accuracy of classes, and another metric.",
        "Precision, recall, F1, AUC (macro)": "of each class against the rest, then the unweighted mean over classes;"
        " undefined where it is for one of them. Macro recall is the balanced accuracy.",
        "F1 of means": "the harmonic mean of macro precision and macro recall, which some papers print as F1.",
        "Accuracy as printed": "what a paper calls accuracy and does not define by class.",
    }
