"""What this package needs of a dataset: rows of BUS records and a table of their columns, whoever provides them."""

from typing import Any, Protocol, runtime_checkable

import numpy as np


@runtime_checkable
class Table(Protocol):
    """One row per image, as numpy columns of equal length; row numbers are the indices used everywhere in this package.

    `label` is -1 where the class is unknown; `solid` is 1 (solid nodule), 0 (none) or -1 (unknown); `fold` is the
    official outer fold or -1.
    """

    @property
    def dataset(self) -> np.ndarray:
        """Name of the dataset that each image is from, str [images]."""
        ...

    @property
    def image_id(self) -> np.ndarray:
        """Unique names, str [images]."""
        ...

    @property
    def case_id(self) -> np.ndarray:
        """Names shared by a patient's or lesion's images, str [images]."""
        ...

    @property
    def label(self) -> np.ndarray:
        """Positions in `tfds_builders.record.LABELS`, or -1, int [images]."""
        ...

    @property
    def solid(self) -> np.ndarray:
        """1, 0 or -1, int [images]."""
        ...

    @property
    def has_mask(self) -> np.ndarray:
        """Whether there is a mask, which may be empty, bool [images]."""
        ...

    @property
    def fold(self) -> np.ndarray:
        """Official fold or -1, int [images]."""
        ...

    @property
    def modality(self) -> np.ndarray:
        """Each of `tfds_builders.record.MODALITIES`, str [images]."""
        ...

    @property
    def view(self) -> np.ndarray:
        """How the breast was seen ("CC", "radial"), "" where unknown, str [images]."""
        ...


@runtime_checkable
class Dataset(Protocol):
    """Random access to BUS records.

    `dataset[row]` is a dict with at least image (uint8 [height, width, 3]), mask (uint8 [height, width, 1], 0 or 255),
    has_mask (bool), label (int), solid (int) and image_id (str).
    """

    def __len__(self) -> int: ...

    def __getitem__(self, row: int, /) -> dict[str, Any]: ...


@runtime_checkable
class TabledDataset(Dataset, Protocol):
    """A dataset that knows all its records but for the pixels."""

    @property
    def table(self) -> Table:
        """One row per image."""
        ...
