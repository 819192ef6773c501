"""The BUS record: what every builder yields and what every reader gets."""

import sys
from dataclasses import dataclass
from pathlib import Path

LABELS = ("normal", "benign", "malignant")
"""Class names; the integer label is the position."""

MALIGNANT = LABELS.index("malignant")

ULTRASOUND, MAMMOGRAPHY = "ultrasound", "mammography"
MODALITIES = (ULTRASOUND, MAMMOGRAPHY)
"""How a picture was taken; the first where nothing says so."""

ANY_SIZE = sys.maxsize
"""For `Record.resize_masks`: masks of any size."""

SPLIT = "images"
"""The one TFDS split of every dataset ("all" is taken by TFDS). Training, validation and test are made elsewhere."""


class DatasetError(ValueError):
    """A fault in what the user gave: a missing folder, a broken image, an unknown label. The message names it."""


SOLID_BY_LABEL = {"normal": 0, "benign": -1, "malignant": 1}
"""Solid nodule where a release tells nothing but the class (the rule of Qi et al. 2019).

A normal breast has none, everything malignant has one; a benign lesion may be a cyst, so there it is unknown.
"""


@dataclass(frozen=True)
class Record:
    """One image as a parser finds it in a release; `builder.BUSBuilder` checks it and writes it.

    Attributes:
        image: the image file, or its encoded bytes (PNG, JPEG or whatever Pillow reads).
        masks: the lesion masks, files or encoded bytes, of the image's size. None means that the dataset has no mask
            for this image; an empty tuple that it is known to hold no lesion (a normal image).
        label: one of `LABELS`, or None where the release tells no class.
        solid: 1 a solid nodule, 0 none, -1 unknown.
        image_id: unique within the dataset; the builder puts "<dataset>/" before it.
        case_id: shared by the images of one patient or lesion; the builder puts "<dataset>/" before it.
        birads: BI-RADS category, "" where unknown.
        histology: as released, "" where unknown.
        device: scanner, "" where unknown.
        fold: the official outer fold counted from 0, -1 where there is none.
        modality: one of `MODALITIES`.
        view: how the breast was seen ("CC", "MLO", "radial"), "" where unknown.
        resize_masks: by how many pixels a mask of this release may differ from its image in height or width; it is then
            resized to the nearest pixel, where a larger difference is an error.
    """

    image: Path | bytes
    masks: tuple[Path | bytes, ...] | None
    label: str | None
    solid: int
    image_id: str
    case_id: str
    birads: str = ""
    histology: str = ""
    device: str = ""
    fold: int = -1
    modality: str = MODALITIES[0]
    view: str = ""
    resize_masks: int = 0
