"""How well class activation maps find the lesion, as numbers.

A map may look convincing on a few images and still follow the frame, a caption or the calliper marks. Both numbers
here stand beside their chance level, which is the share of the image that the lesion covers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from busjax.evaluation.examples import CamExample


@dataclass(frozen=True)
class Localisation:
    """A mean over the examples that have a lesion mask.

    Attributes:
      value: from 0 to 1; NaN if no example has a lesion mask.
      chance: what a map without any information reaches: the mean share of the image inside the mask.
      images: examples counted.
      skipped: examples left out, without a mask or with an empty one.
    """

    value: float
    chance: float
    images: int
    skipped: int


def pointing_game(examples: Sequence[CamExample]) -> Localisation:
    """Share of images whose map has its maximum inside the lesion mask.

    The pointing game of Zhang et al., Top-down neural attention by excitation backprop, IJCV 126 (2018), without
    its tolerance of 15 pixels. Where several pixels tie for the maximum, the image counts with the share of
    them that lies inside, so that a constant map scores at chance.
    """
    return _mean_inside(examples, lambda cam: cam == cam.max())


def energy_inside(examples: Sequence[CamExample]) -> Localisation:
    """Share of a map's sum that lies inside the lesion mask, averaged over images.

    An all-zero map counts as a constant one, that is, at chance. (The energy-based pointing game of Wang et al.,
    Score-CAM, CVPR Workshops 2020, with masks instead of boxes.)
    """
    return _mean_inside(examples, lambda cam: cam if cam.any() else np.ones_like(cam))


def _mean_inside(examples: Sequence[CamExample], weights_of: Callable[[np.ndarray], np.ndarray]) -> Localisation:
    shares, areas = [], []
    for example in examples:
        if example.mask is None or not example.mask.any():
            continue
        inside = example.mask > 0
        weights = np.asarray(weights_of(example.cam), dtype=np.float64)
        shares.append(weights[inside].sum() / weights.sum())
        areas.append(inside.mean())
    skipped = len(examples) - len(shares)
    if not shares:
        return Localisation(float("nan"), float("nan"), 0, skipped)
    return Localisation(float(np.mean(shares)), float(np.mean(areas)), len(shares), skipped)
