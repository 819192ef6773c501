"""Predictions and examples made up for the tests of evaluation."""

from collections.abc import Callable

import numpy as np
import pytest

from busjax.evaluation.examples import CamExample
from busjax.evaluation.predictions import Predictions

MT = ("not_malignant", "malignant")


@pytest.fixture(scope="session")
def make() -> Callable[..., Predictions]:
    """Builds two-class predictions from targets, scores of the positive class, and cases (default: one per image)."""

    def build(target, score, case=None, *, name="mt", classes=MT) -> Predictions:
        score = np.asarray(score, dtype=np.float64)
        case = range(len(score)) if case is None else case
        return Predictions(
            name=name,
            classes=classes,
            image_id=np.array([f"image {index}" for index in range(len(score))]),
            case_id=np.array([f"case {value}" for value in case]),
            target=np.asarray(target, dtype=np.int64),
            scores=np.stack([1 - score, score], axis=1),
        )

    return build


@pytest.fixture(scope="session")
def from_counts(make) -> Callable[..., Predictions]:
    """Builds predictions with the given confusion counts at threshold 0.5."""

    def build(tp, fn, tn, fp, **kwargs) -> Predictions:
        target = [1] * (tp + fn) + [0] * (tn + fp)
        score = [0.9] * tp + [0.1] * fn + [0.2] * tn + [0.8] * fp
        return make(target, score, **kwargs)

    return build


@pytest.fixture(scope="session")
def random_predictions(make) -> Callable[..., Predictions]:
    """Plausible predictions: about three images per case, a third of them positive, some tied, some unknown."""

    def build(images=90, seed=0, **kwargs) -> Predictions:
        random = np.random.default_rng(seed)
        case = random.integers(0, images // 3, images)
        target = (random.random(images) < 0.35).astype(int)
        score = np.round(1 / (1 + np.exp(-(2 * target - 1) - random.normal(size=images))), 2)
        target[random.random(images) < 0.1] = -1
        return make(target, score, case, **kwargs)

    return build


@pytest.fixture(scope="session")
def cam_example() -> Callable[..., CamExample]:
    """Builds an example of 20 by 30 pixels whose lesion is the square [5:15, 10:20]."""

    def build(cam=None, *, target=1, score=0.9, mask="square", image_id="image", output="mt") -> CamExample:
        if cam is None:
            cam = np.zeros((20, 30))
            cam[8, 12] = 1.0
        square = np.zeros((20, 30), dtype=np.uint8)
        square[5:15, 10:20] = 255
        image = np.full((20, 30, 3), 90, dtype=np.uint8)
        return CamExample(image_id, image, cam, square if isinstance(mask, str) else mask, target, score, output)

    return build
