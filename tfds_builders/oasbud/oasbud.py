"""OASBUD builder: radio-frequency scans in one MATLAB file, turned into B-mode images."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds

from tfds_builders.builder import BUSBuilder
from tfds_builders.oasbud.b_mode import LINES, b_mode, nearest_rows
from tfds_builders.oasbud.matlab import matrix, read_structs, scalar
from tfds_builders.pixels import encode_mask, encode_png
from tfds_builders.record import SOLID_BY_LABEL, DatasetError, Record
from tfds_builders.release import Facts, Part

FILE = "OASBUD.mat"
FIELDS = ("id", "rf1", "rf2", "roi1", "roi2", "birads", "class")
LESIONS, MALIGNANT_LESIONS = 100, 52
DEVICE = "Ultrasonix SonixTouch, L14-5/38"

LABELS_BY_CLASS = {0.0: "benign", 1.0: "malignant"}


class Oasbud(BUSBuilder):
    """OASBUD (Piotrzkowska-Wróblewska et al. 2017): 100 lesions of 78 women, two orthogonal scans each."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {"1.0.0": "The release of 2017 (Zenodo record 545928)."}
    HOMEPAGE = "https://zenodo.org/records/545928"
    LICENSE = "CC BY-NC 4.0: not for commercial use"
    STEPS = "download OASBUD.mat from the page below (no registration) and put it in DIR."
    PARTS = (
        Part(
            (FILE,),
            url="https://zenodo.org/record/545928/files/OASBUD.mat?download=1",
            checksum="md5:e2b770a6ee2f06ebe480ed0962252100",
        ),
    )
    FACTS = Facts(
        images=200,
        cases="100 lesions, 2 scans each; lesions with one id are one case",
        classes={"benign": 96, "malignant": 104},
        solid="malignant",
        masks="every image",
    )

    def records(self, release: Mapping[str, Path]) -> Iterator[Record]:
        """Parses the file: two records per lesion, in its order.

        Raises:
            DatasetError: not a MATLAB file, a field that is missing or of another kind, scan and mask of different
                sizes, a class other than 0 and 1, or 100 lesions of which not 52 are malignant.
        """
        path = release[FILE]
        structs = read_structs(path, "data", FIELDS)
        lesions = [_lesion(path, number, fields) for number, fields in enumerate(structs, start=1)]
        _check_classes(path, [lesion.label for lesion in lesions])
        seen: Counter[str] = Counter()
        for lesion in lesions:
            seen[lesion.id] += 1
            # A second lesion of one id is told apart as "<id>.2".
            name = lesion.id if seen[lesion.id] == 1 else f"{lesion.id}.{seen[lesion.id]}"
            for plane in (1, 2):
                image, mask = _plane(lesion, plane)
                yield Record(
                    image=image,
                    masks=(mask,),
                    label=lesion.label,
                    solid=SOLID_BY_LABEL[lesion.label],
                    image_id=f"{name}-{plane}",
                    case_id=lesion.id,
                    birads=lesion.birads,
                    device=DEVICE,
                )


@dataclass(frozen=True)
class _Lesion:
    where: str
    id: str
    label: str
    birads: str
    fields: Mapping[str, Any]


def _lesion(path: Path, number: int, fields: Mapping[str, Any]) -> _Lesion:
    where = f"{path}, data({number})"
    identifier, birads = (_text(scalar(fields[name], f"{where}, {name}")) for name in ("id", "birads"))
    if not identifier:
        raise DatasetError(f"{where}: id is empty")
    value = scalar(fields["class"], f"{where}, class")
    if value not in LABELS_BY_CLASS:
        raise DatasetError(f"{where}: class {_text(value)!r}, expected 0 (benign) or 1 (malignant)")
    return _Lesion(where, identifier, LABELS_BY_CLASS[float(value)], birads, fields)


def _text(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:g}"


def _check_classes(path: Path, labels: list[str]) -> None:
    """The release does not say what class 1 means; the paper's counts do: 52 malignant, 48 benign."""
    found = labels.count("malignant")
    if len(labels) == LESIONS and found != MALIGNANT_LESIONS:
        raise DatasetError(
            f"{path}: {found} of {LESIONS} lesions are of class 1, expected {MALIGNANT_LESIONS}, the malignant ones of "
            "the paper"
        )


def _plane(lesion: _Lesion, plane: int) -> tuple[bytes, bytes]:
    """B-mode image and mask of one scan, encoded."""
    rf_name, roi_name = f"{lesion.where}, rf{plane}", f"{lesion.where}, roi{plane}"
    rf, roi = matrix(lesion.fields[f"rf{plane}"], rf_name), matrix(lesion.fields[f"roi{plane}"], roi_name)
    if rf.shape[1] != LINES:
        raise DatasetError(f"{rf_name}: {rf.shape[1]} lines, expected {LINES}, over which the aperture is known")
    if roi.shape != rf.shape:
        raise DatasetError(f"{roi_name} has the size {list(roi.shape)}, rf{plane} {list(rf.shape)}; expected the same")
    if not np.isin(roi, (0, 1)).all() or not roi.any():
        values = f"{float(roi.min()):g} to {float(roi.max()):g}"
        raise DatasetError(f"{roi_name}: values {values}, expected 0 and 1, and 1 at the lesion")
    mask = nearest_rows(roi.astype(bool))
    return encode_png(b_mode(rf)), encode_mask(mask)
