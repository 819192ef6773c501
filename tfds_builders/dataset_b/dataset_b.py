"""Dataset B builder: DatasetB.xlsx is the list of images; its diagnoses tell cysts from solid lesions."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import tensorflow_datasets as tfds

from tfds_builders import pixels
from tfds_builders.builder import BUSBuilder
from tfds_builders.record import DatasetError, Record
from tfds_builders.release import Facts, Part, list_files, require_file
from tfds_builders.tables import Row, index_rows, read_xlsx

FOLDER = "BUS"
TABLE = "DatasetB.xlsx"
DEVICE = "Siemens ACUSON Sequoia C512"
MASK_ABOVE = 150
"""Values of a released mask that are lesion lie above this: compression has blurred 0 and 255."""

DIAGNOSES: dict[tuple[str, str], tuple[str, int]] = {
    # (Type, Diagnosis) as released: histology in words, solid nodule. The words are those of the legend beside the
    # table, but for CYST and ILC, which it leaves out.
    ("Benign", "CYST"): ("cyst", 0),
    # A mass of tissue: Qi et al. 2019 name fibroadenoma and everything malignant; node and papilloma are as in
    # bus_bra/solidity.py.
    ("Benign", "FA"): ("fibroadenoma", 1),
    ("Benign", "LN"): ("lymph node", 1),
    ("Benign", "PAP"): ("papilloma", 1),
    ("Malignant", "IDC"): ("invasive ductal carcinoma", 1),
    ("Malignant", "DCIS"): ("ductal carcinoma in situ", 1),
    ("Malignant", "ILC"): ("invasive lobular carcinoma", 1),
    ("Malignant", "LP"): ("lymphoma", 1),
    ("Malignant", "UNK"): ("", 1),  # malignant, of unknown histology
}
_ID = re.compile(r"\d{6}")
_NAME = re.compile(r"(?P<id>\d{6})\.png")


class DatasetB(BUSBuilder):
    """Dataset B of UDIAT, Sabadell (Yap et al. 2018): 163 images of 163 women, cysts told from solid lesions."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {"1.0.0": "The release of 2017."}
    HOMEPAGE = "https://helward.mmu.ac.uk/STAFF/M.Yap/dataset.php"
    LICENSE = "Release agreement with the authors; not to be passed on"
    STEPS = f"ask the authors with the form of the page below and put BUS.zip, or its folder {FOLDER}/, in DIR."
    PARTS = (Part((FOLDER,), archive="BUS.zip"),)
    FACTS = Facts(
        images=163,
        cases="163 women, an image each",
        classes={"benign": 109, "malignant": 54},
        solid="every image",
        masks="every image",
    )

    def records(self, release: Mapping[str, Path]) -> Iterator[Record]:
        """As `parse`."""
        return self.parse(release)

    @classmethod
    def parse(cls, release: Mapping[str, Path]) -> Iterator[Record]:
        """Parses the release: one record per row of DatasetB.xlsx, in its order.

        Raises:
            DatasetError: a column or a file that is missing, an image or a mask without a row, a (Type, Diagnosis) that
                is not in `DIAGNOSES`, a mask without a lesion.
        """
        folder = release[FOLDER]
        rows = index_rows(read_xlsx(folder / TABLE, ("Image", "Type", "Diagnosis")), "Image")
        for part in ("original", "GT"):
            for path, match in list_files(folder / part, _NAME, "six digits and .png"):
                if match["id"] not in rows:
                    raise DatasetError(f"{path}: no row in {folder / TABLE}")
        return (_record(folder, row) for row in rows.values())


def _record(folder: Path, row: Row) -> Record:
    image_id = row["Image"]
    if not _ID.fullmatch(image_id):
        raise DatasetError(f"{row.where}: Image {image_id!r}, expected six digits, zeros first (a text, no number)")
    kind = (row["Type"], row["Diagnosis"])
    if kind not in DIAGNOSES:
        expected = ", ".join(" ".join(known) for known in DIAGNOSES)
        raise DatasetError(f"{row.where}: Type {kind[0]!r} with Diagnosis {kind[1]!r}, expected one of {expected}")
    histology, solid = DIAGNOSES[kind]
    return Record(
        image=require_file(folder / "original" / f"{image_id}.png", row.where),
        masks=(_mask(require_file(folder / "GT" / f"{image_id}.png", row.where)),),
        label=row["Type"].lower(),
        solid=solid,
        image_id=image_id,
        case_id=image_id,
        histology=histology,
        device=DEVICE,
    )


def _mask(path: Path) -> bytes:
    """A released mask as PNG of 0 and 255."""
    lesion = pixels.read_mask(path, str(path), threshold=MASK_ABOVE + 1)
    if not lesion.any():
        raise DatasetError(f"{path}: a black mask, expected a lesion in every mask")
    return pixels.encode_mask(lesion)
