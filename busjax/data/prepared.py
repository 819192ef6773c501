"""Records decoded and resized once, and kept in memory."""

import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from busjax.data.lesion import Patch
from busjax.data.records import Dataset
from busjax.data.transforms import Example, is_one_channel, three_channels


class PreparedExamples:
    """The deterministic part of the input pipeline for the rows of a dataset, kept in memory if asked.

    The memory lives as long as this object and may be filled by several threads. Pixels are kept as uint8, and an image
    whose channels are all equal as one channel: about 240 kB for a grey image of 299 x 400 and its mask.
    """

    def __init__(self, dataset: Dataset, prepare: Callable[[Example], Example], *, cache: bool = True):
        """Prepares rows of `dataset` with `prepare` (such as a resize), keeping the results if `cache`."""
        self._dataset = dataset
        self._prepare = prepare
        self._kept: dict[int, dict[str, Any]] | None = {} if cache else None
        self._lock = threading.Lock()

    def __getitem__(self, row: int) -> dict[str, Any]:
        """Example (`transforms.Example`, not to be written to), label, solid, has_mask and index of one row; of a
        `Patch` its `extra`, too.

        Raises:
          ValueError: image or mask of a record are not uint8 arrays of one size.
        """
        if self._kept is None:
            return self._read(row)
        with self._lock:
            found = self._kept.get(row)
        if found is None:
            # Outside the lock, so that threads do not wait for each other; should two read one row, the first wins.
            read = self._read(row)
            with self._lock:
                found = self._kept.setdefault(row, read)
        return found

    def _read(self, row: int) -> dict[str, Any]:
        record = self._dataset[row]
        image, mask = np.asarray(record["image"]), np.asarray(record["mask"])
        _require_pixels(record["image_id"], "image", image, (*image.shape[:2], 3))
        _require_pixels(record["image_id"], "mask", mask, (*image.shape[:2], 1))
        example = self._prepare(Example(image, mask))
        extra = {"extra": example.extra} if isinstance(example, Patch) else {}
        return extra | {
            "example": Example(_compact(example.image), _frozen(example.mask)),
            "label": np.int32(record["label"]),
            "solid": np.int32(record["solid"]),
            "has_mask": np.bool_(record["has_mask"]),
            "index": np.int32(row),
        }


def _require_pixels(image_id: str, field: str, array: np.ndarray, shape: tuple[int, ...]) -> None:
    if array.dtype != np.uint8 or array.shape != shape or 0 in shape:
        raise ValueError(
            f"{field} of {image_id!r} is {array.dtype} {list(array.shape)}, expected uint8 {list(shape)}"
            " [height, width, channels]"
        )


def _compact(image: np.ndarray) -> np.ndarray:
    """The same image, read-only; one channel in memory where all three are equal."""
    if is_one_channel(image):
        return image
    if (image == image[..., :1]).all():
        return three_channels(np.ascontiguousarray(image[..., 0]))
    return _frozen(image)


def _frozen(array: np.ndarray) -> np.ndarray:
    view = array.view()
    view.flags.writeable = False
    return view
