"""What this package needs of a dataset: rows of BUS records and a table of their columns, whoever provides them."""

from typing import Any, Protocol, runtime_checkable

import numpy as np

from tfds_builders.record import LABELS

MALIGNANT = LABELS.index("malignant")


@runtime_checkable
class Table(Protocol):
    """One row per image, as numpy columns of equal length; row numbers are the indices used everywhere in this package.

    `solid` is 1 (solid nodule), 0 (none) or -1 (unknown); `fold` is the official outer fold or -1.
    """

    image_id: np.ndarray
    case_id: np.ndarray
    label: np.ndarray
    solid: np.ndarray
    fold: np.ndarray


@runtime_checkable
class Dataset(Protocol):
    """Random access to BUS records.

    `dataset[row]` is a dict with at least image (uint8 [height, width, 3]), mask (uint8 [height, width, 1], 0 or 255),
    has_mask (bool), label (int), solid (int) and image_id (str).
    """

    def __len__(self) -> int: ...

    def __getitem__(self, row: int, /) -> dict[str, Any]: ...
