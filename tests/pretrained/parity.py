"""What tests of any framework's releases share: the input, and the comparison."""

import numpy as np


def random_image(size: tuple[int, int]) -> np.ndarray:
    """[1, height, width, 3], normal."""
    return np.random.default_rng(1).normal(size=(1, *size, 3)).astype(np.float32)


def relative_error(ours, theirs) -> float:
    """Largest difference over largest value; an output that is nearly constant would say nothing, and is refused."""
    ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    assert ours.shape == theirs.shape
    assert theirs.std() > 0.05 * np.abs(theirs).max()
    return np.abs(ours - theirs).max() / np.abs(theirs).max()
