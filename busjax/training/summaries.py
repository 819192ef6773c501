"""Pictures of a validation for TensorBoard."""

import io
from collections.abc import Mapping

import numpy as np
from jaxtyping import UInt8
from matplotlib.figure import Figure
from PIL import Image

from busjax.evaluation.examples import CamExample, MaskExample
from busjax.evaluation.figures import confusion_matrix, png_bytes, roc_curves
from busjax.evaluation.galleries import overlay
from busjax.evaluation.predictions import Predictions
from busjax.evaluation.segmentation_figures import outline_gallery


def _pixels(figure: Figure) -> UInt8[np.ndarray, "1 height width 3"]:
    return np.asarray(Image.open(io.BytesIO(png_bytes(figure, dpi=90))).convert("RGB"))[None]


def validation_images(
    predictions: list[Predictions],
    examples: Mapping[str, list[CamExample]],
    threshold: float,
    masks: Mapping[str, list[MaskExample]],
    mask_threshold: float,
) -> dict[str, np.ndarray]:
    """Images by tag, uint8 [n, height, width, 3]: ROC curves, a confusion matrix per output, inputs beside their maps,
    and a gallery of outlines.

    Args:
      predictions: of the validation part.
      examples: a few images with maps for each output.
      threshold: of the decision.
      masks: rows of images with predicted masks; empty of a method that draws none.
      mask_threshold: of a pixel.
    """
    images = {"val/roc": _pixels(roc_curves(predictions))}
    for output in predictions:
        images[f"val/{output.name}_confusion"] = _pixels(confusion_matrix(output, threshold=threshold))
    for name, shown in examples.items():
        if shown:
            pairs = [np.concatenate([e.image, overlay(e.image, e.cam)], axis=1) for e in shown]
            images[f"val/{name}_cam"] = np.stack(pairs)
    if any(masks.values()):
        images["val/segmentation_outlines"] = _pixels(outline_gallery(masks, threshold=mask_threshold))
    return images
