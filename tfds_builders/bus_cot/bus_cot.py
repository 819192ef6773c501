"""BUS-CoT builder: lesion crops, listed in one JSON file; another tells the patient and the set each came from."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import tensorflow_datasets as tfds

from tfds_builders.builder import BUSBuilder
from tfds_builders.bus_cot.solidity import solidity
from tfds_builders.json_files import member, read_json
from tfds_builders.record import DatasetError, Record
from tfds_builders.release import Facts, Part, list_files, require_file

FOLDER = "BUSCoT"
CROPS, IMAGES = Path("DatasetFiles/lesion_dataset.json"), Path("DatasetFiles/BUS-Expert_dataset.json")
FOLD_BY_SPLIT = {"trainval": -1, "test": 0}

_PATH = re.compile(r"BUS-Lesion/(?P<split>trainval|test)/(?P<name>(?P<image>\d+)@\d+)\.png")
_CROP = re.compile(r"\d+@\d+\.png")


class BusCot(BUSBuilder):
    """BUS-CoT (Yu et al. 2026): 5211 lesion crops from eleven datasets, BUS-BRA and BUSI among them, without masks."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {"1.0.0": "The lesion crops (BUS-Lesion) of figshare 30838715."}
    HOMEPAGE = "https://figshare.com/articles/dataset/30838715"
    LICENSE = "Not verified (public projects that use it say CC BY 4.0); the datasets in it have licences of their own"
    STEPS = "download BUSCoT.zip (6.9 GB) from the page below and put it, or its folder BUSCoT/, in DIR."
    PARTS = (Part((FOLDER,), archive="BUSCoT.zip"),)
    FACTS = Facts(
        images=5211,
        cases="patients, 4838 in the whole release",
        solid="malignant, and benign where histology or echo pattern settle it",
        masks="none for the crops",
        overlaps=("bus_benchmark", "bus_bra", "busi", "curated_busi", "dataset_b"),
    )

    def records(self, release: Mapping[str, Path]) -> list[Record]:
        """Parses the release: one record per entry of lesion_dataset.json, in its order.

        Raises:
            DatasetError: a file that is not JSON, a member that is missing or of another kind, an unknown pathology or
                split, a crop of an image that BUS-Expert_dataset.json does not have, a crop that is listed but missing
                or there but not listed.
        """
        folder = release[FOLDER]
        table = folder / CROPS
        images = read_json(folder / IMAGES, dict)
        records = [_record(folder, f"{table}, {key!r}", crop, images) for key, crop in read_json(table, dict).items()]
        listed = {record.image for record in records}
        for split in FOLD_BY_SPLIT:
            for path, _ in list_files(folder / "BUS-Lesion" / split, _CROP, "NNNNNN@N.png"):
                if path not in listed:
                    raise DatasetError(f"{path}: no entry in {table}")
        return records


def _record(folder: Path, where: str, crop: Any, images: Mapping[str, Any]) -> Record:
    if not isinstance(crop, dict):
        raise DatasetError(f"{where}: {crop!r}, expected an object")
    path = member(crop, "image_path", str, where)
    match = _PATH.fullmatch(path)
    if match is None:
        raise DatasetError(f"{where}: image_path {path!r}, expected BUS-Lesion/trainval/NNNNNN@N.png or test/...")
    split = member(crop, "split", str, where)
    if split != match["split"]:
        raise DatasetError(f"{where}: split {split!r}, but its image_path is {path!r}; expected the same part")
    pathology = member(crop, "pathology_histology", dict, where)
    report = {} if crop.get("us_report") is None else member(crop, "us_report", dict, where)
    label, histology = _label(pathology, where), _histology(pathology, where)
    dataset, patient = _origin(match["image"], images, folder / IMAGES, where)
    return Record(
        image=require_file(folder / path, where),
        masks=None,
        label=label,
        solid=solidity(label, histology, _text(report.get("EchoCharacteristics"))),
        image_id=f"{dataset}-{match['name']}",
        case_id=patient,
        birads=_text(report.get("BIRADS")),
        histology="; ".join(histology),
        fold=FOLD_BY_SPLIT[split],
    )


def _label(pathology: Mapping[str, Any], where: str) -> str | None:
    found = _text(pathology.get("pathology")).lower()
    if found not in ("", "benign", "malignant"):
        raise DatasetError(f"{where}: pathology {pathology['pathology']!r}, expected benign, malignant or nothing")
    return found or None


def _histology(pathology: Mapping[str, Any], where: str) -> list[str]:
    """The names of a lesion's histologies: `histology` of each subtype, its key where that is empty."""
    subtypes = pathology.get("subtype") or {}
    if not isinstance(subtypes, dict) or not all(isinstance(subtype, dict) for subtype in subtypes.values()):
        raise DatasetError(f"{where}: subtype {subtypes!r}, expected objects by name")
    return [_text(subtype.get("histology")) or key for key, subtype in subtypes.items()]


_ORIGIN = ("dataset", "patient_id")


def _origin(image: str, images: Mapping[str, Any], table: Path, where: str) -> tuple[str, str]:
    """The source dataset of an image and its patient, whose number is unique within that dataset alone."""
    if image not in images:
        raise DatasetError(f"{where}: image {image!r} has no entry in {table}")
    if not isinstance(images[image], dict):
        raise DatasetError(f"{table}, {image!r}: {images[image]!r}, expected an object")
    dataset, patient = (_text(member(images[image], name, object, f"{table}, {image!r}")) for name in _ORIGIN)
    if not dataset or not patient:
        raise DatasetError(f"{table}, {image!r}: dataset {dataset!r}, patient_id {patient!r}, expected both")
    return dataset, patient if patient.startswith(f"{dataset}@") else f"{dataset}@{patient}"


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()
