"""NRRD volumes of automated breast ultrasound, and the slices of them that show a lesion."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Shaped, UInt8

from tfds_builders.record import DatasetError

SLICE_AXIS = 2
"""Slices are planes of the first two axes of the file (lateral, depth): the plane that the transducer scans."""


def lesion_slices(
    volume_path: Path, mask_path: Path
) -> Iterator[tuple[int, UInt8[np.ndarray, "depth lateral"], Bool[np.ndarray, "depth lateral"]]]:
    """Every slice whose mask is not empty, from the first to the last.

    Args:
        volume_path: 8-bit volume, axes (lateral, depth, slice).
        mask_path: its mask, 0 and 1.

    Returns:
        Number of the slice counted from 0, image and mask, depth downwards.

    Raises:
        DatasetError: not NRRD files of 3-D volumes, other values than stated, different sizes, an empty mask.
    """
    mask = _read(mask_path)
    if mask.dtype.kind not in "biu" or mask.min() < 0 or mask.max() != 1:
        values = f"{mask.dtype} {float(mask.min()):g} to {float(mask.max()):g}"
        raise DatasetError(f"{mask_path}: values {values}, expected integers, 0 and, at the lesion, 1")
    volume = _read(volume_path)
    if volume.dtype != np.uint8:
        raise DatasetError(f"{volume_path}: {volume.dtype} values, expected uint8")
    if volume.shape != mask.shape:
        raise DatasetError(
            f"{mask_path} has the size {_size(mask)}, its volume {volume_path} {_size(volume)}; expected the same"
        )
    other_axes = tuple(axis for axis in range(3) if axis != SLICE_AXIS)
    for number in np.flatnonzero(mask.any(axis=other_axes)):
        image, lesion = (np.take(values, number, axis=SLICE_AXIS).T for values in (volume, mask))
        yield int(number), np.ascontiguousarray(image), lesion.astype(bool)


def _read(path: Path) -> Shaped[np.ndarray, "lateral depth slice"]:
    import nrrd  # few datasets need it

    try:
        values, _ = nrrd.read(str(path))  # axes in the order of the file's header
    except Exception as error:  # pynrrd, zlib and header errors of many kinds
        raise DatasetError(f"{path}: not a whole NRRD file ({error})") from error
    if values.ndim != 3 or not values.size:
        raise DatasetError(f"{path}: size {_size(values)}, expected a volume of three axes")
    return values


def _size(values: np.ndarray) -> str:
    return "x".join(map(str, values.shape))
