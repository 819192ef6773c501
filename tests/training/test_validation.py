"""Best epochs and early stopping, by hand."""

import numpy as np
import pytest
from ml_collections import ConfigDict

from busjax.training.scoring import mean_loss
from busjax.training.validation import best_epochs, selected, stopped_early


def history(mt, sn):
    return [
        {"epoch": i, "val/mt_f_beta": a, "val/sn_f_beta": b} for i, (a, b) in enumerate(zip(mt, sn, strict=True), 1)
    ]


def config(mode="max", patience=2, after=0.0):
    return ConfigDict(
        {"selection": {"metric": "f_beta", "mode": mode, "after": after}, "train": {"patience": patience, "epochs": 4}}
    )


@pytest.mark.parametrize(
    ("mt", "sn", "mode", "best", "stopped"),
    [
        ([0.1, 0.3, 0.2], [0.5, 0.4, 0.5], "max", {"mt": 2, "sn": 1}, False),
        ([0.1, 0.3, 0.2, 0.3], [0.5, 0.4, 0.5, 0.1], "max", {"mt": 2, "sn": 1}, True),
        ([0.1, 0.3, 0.2, 0.3], [0.5, 0.4, 0.5, 0.6], "max", {"mt": 2, "sn": 4}, False),
        ([0.1, 0.3, 0.2], [0.5, 0.4, 0.5], "min", {"mt": 1, "sn": 2}, False),
        ([None, None], [None, 0.2], "max", {"mt": 0, "sn": 2}, False),
    ],
)
def test_best_and_stop(mt, sn, mode, best, stopped):
    rows = history(mt, sn)
    assert best_epochs(rows, ("mt", "sn"), config(mode)) == best
    assert stopped_early(rows, ("mt", "sn"), config(mode)) == stopped


def test_early_epochs_cannot_be_chosen():
    rows = history([0.9, 0.3, 0.2], [0.5, 0.4, 0.5])
    late = config(after=0.25)
    assert best_epochs(rows, ("mt", "sn"), late) == {"mt": 2, "sn": 3}
    assert selected(rows[0], ("mt", "sn"), late) == {"mt": None, "sn": None}
    assert not stopped_early(rows[:1], ("mt", "sn"), config(after=0.5, patience=1))


def test_nothing_has_happened_yet():
    assert not stopped_early([], ("mt",), config())


def test_the_loss_may_choose():
    rows = [{"epoch": i, "val/net_loss": value} for i, value in enumerate((0.7, None, 0.5, 0.5, 0.6), 1)]
    by_loss = ConfigDict(
        {"selection": {"metric": "loss", "mode": "min", "after": 0.0}, "train": {"patience": 9, "epochs": 5}}
    )
    assert best_epochs(rows, ("net",), by_loss) == {"net": 3}


def test_the_mean_loss_is_over_images_that_count():
    """By hand: of two terms, 3 (1 and 5 by one and one) and 0.5; the rest is padding or unknown."""
    values = np.array([[1.0, 0.25], [5.0, 9.0], [100.0, 0.75], [100.0, 7.0]], np.float32)
    weights = np.array([[1, 1], [1, 0], [0, 1], [0, 0]], np.float32)
    assert mean_loss(values, weights) == pytest.approx(3.5)
    assert mean_loss(values, weights * [[1, 0]]) == pytest.approx(3.0)
    assert mean_loss(values, 0 * weights) is None
    # It does not depend on how images are batched, and small terms are not lost among many.
    many = np.full((10_000, 1), 0.1, np.float32)
    assert mean_loss(many, np.ones_like(many)) == pytest.approx(float(np.float32(0.1)), rel=1e-12)
