"""One record as what a dataset stores of it, checked."""

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from tfds_builders import pixels
from tfds_builders.record import LABELS, MODALITIES, DatasetError, Record

UNKNOWN = -1
VIEW_COLUMNS = {"modality": MODALITIES[0], "view": ""}
"""What only datasets of several modalities store, and what is true of all images of the others."""


def features(*, views: bool = False) -> tfds.features.FeaturesDict:
    """The features of every dataset here; `record.Record` says what each one means.

    Args:
        views: with `VIEW_COLUMNS`. A dataset of one modality goes without, so that what was built before there were
            others is read as ever.
    """
    return tfds.features.FeaturesDict(
        {
            "image": tfds.features.Image(shape=(None, None, 3)),
            "mask": tfds.features.Image(shape=(None, None, 1), encoding_format="png"),
            "has_mask": np.bool_,
            "mask_height": np.int32,
            "mask_width": np.int32,
            "label": tfds.features.ClassLabel(names=LABELS),
            "solid": np.int32,
            "image_id": tfds.features.Text(),
            "case_id": tfds.features.Text(),
            "birads": tfds.features.Text(),
            "histology": tfds.features.Text(),
            "device": tfds.features.Text(),
            "fold": np.int32,
            **({column: tfds.features.Text() for column in VIEW_COLUMNS} if views else {}),
        }
    )


def to_example(record: Record, dataset: str) -> dict[str, Any]:
    """Checks one record and turns it into the features of `features()`.

    Args:
        record: what the parser found.
        dataset: the dataset's name, put before image_id and case_id.

    Raises:
        DatasetError: a broken image or mask, a mask of another size than its image, a field outside its values.
    """
    where = f"{dataset}: {record.image_id}"
    for field, value in (("image_id", record.image_id), ("case_id", record.case_id)):
        if not value:
            raise DatasetError(f"{where}: {field} is empty")
    if record.label is not None and record.label not in LABELS:
        raise DatasetError(f"{where}: label {record.label!r}, expected one of {', '.join(LABELS)}, or None (unknown)")
    if record.solid not in (-1, 0, 1):
        raise DatasetError(f"{where}: solid {record.solid}, expected 1 (yes), 0 (no) or -1 (unknown)")
    if record.modality not in MODALITIES:
        raise DatasetError(f"{where}: modality {record.modality!r}, expected one of {', '.join(MODALITIES)}")
    if record.fold < -1:
        raise DatasetError(f"{where}: fold {record.fold}, expected 0 or more, or -1 (none)")
    image_name = _name(record.image, f"{where}, image")
    encoded, (width, height) = pixels.encode_image(record.image, image_name)
    lesion = np.zeros((height, width), dtype=bool)
    released = lesion.shape if record.masks is not None else (0, 0)
    for mask in record.masks or ():
        mask_name = _name(mask, f"{where}, mask")
        part = pixels.read_mask(mask, mask_name)
        if part.shape != lesion.shape:
            if max(abs(part.shape[0] - height), abs(part.shape[1] - width)) > record.resize_masks:
                size = f"{part.shape[1]}x{part.shape[0]}"
                raise DatasetError(
                    f"{mask_name} is {size} pixels, its image {image_name} is {width}x{height}; expected the same size"
                )
            released = part.shape
            part = pixels.resize_mask(part, height, width)
        lesion |= part
    return {
        "image": encoded,
        "mask": pixels.encode_mask(lesion),
        "has_mask": record.masks is not None,
        "mask_height": released[0],
        "mask_width": released[1],
        "label": UNKNOWN if record.label is None else record.label,
        "solid": record.solid,
        "image_id": f"{dataset}/{record.image_id}",
        "case_id": f"{dataset}/{record.case_id}",
        "birads": record.birads,
        "histology": record.histology,
        "device": record.device,
        "fold": record.fold,
        "modality": record.modality,
        "view": record.view,
    }


def drop_views(example: dict[str, Any]) -> None:
    """Removes `VIEW_COLUMNS` from what `to_example` gave.

    Raises:
        DatasetError: they say something that a dataset without them would lose.
    """
    for column, otherwise in VIEW_COLUMNS.items():
        if (found := example.pop(column)) != otherwise:
            raise DatasetError(
                f"{example['image_id']}: {column} {found!r}, expected {otherwise!r}: its dataset stores none"
            )


def _name(source: Path | bytes, otherwise: str) -> str:
    return str(source) if isinstance(source, Path) else otherwise
