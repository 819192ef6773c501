"""How many images were scored: where versions of images are (`data.variants`), fewer than rows.

An entry of results.json counts `images`; where its run makes versions, `versions` beside them is the number of rows,
which is what its metrics are computed on.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Shaped

from busjax.evaluation.predictions import Predictions
from busjax.names import image_of

OF_VERSIONS = "Versions of images are tested: metrics are over versions, of which one image has several"
"""What stands beside such metrics."""

OF_CASES = "Scores are of cases, each the mean over its images or pairs of images; where images are counted, cases are"
"""What stands beside metrics of a run with `eval.unit` 'case'."""


def counted(image_id: Shaped[np.ndarray, " n"], versions: bool) -> dict[str, int]:
    """The number of images; with `versions` that of the images they are of, and their own under 'versions'."""
    if not versions:
        return {"images": len(image_id)}
    return {"images": len({image_of(name) for name in image_id.tolist()}), "versions": len(image_id)}


def with_versions(entry: Mapping[str, Any], predictions: Predictions) -> dict[str, Any]:
    """The entry in results.json of an output whose rows are versions, with images and versions counted apart.

    Args:
      entry: of the output, its `images` the number of rows.
      predictions: it was computed from.
    """
    found = {**entry, **counted(predictions.image_id[predictions.known], True)}
    if "per_class" in entry:
        found["per_class"] = {
            name: {**own, **counted(predictions.image_id[predictions.target == predictions.classes.index(name)], True)}
            for name, own in entry["per_class"].items()
        }
    return found


def has_versions(entry: Mapping[str, Any]) -> bool:
    """Whether an entry's rows are more than its images."""
    return entry.get("versions", entry["images"]) > entry["images"]


def size_text(images: object, cases: object, versions: object = None) -> str:
    """'57 (28)' for images and their cases; '57 (28), 120 versions' where there are more versions than images."""
    told = f"{images} ({cases})"
    return told if versions in (None, images) else f"{told}, {versions} versions"


def size_of(entry: Mapping[str, Any]) -> str:
    """`size_text` of an entry of results.json."""
    return size_text(entry["images"], entry["cases"], entry.get("versions"))
