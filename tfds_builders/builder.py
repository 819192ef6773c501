"""The base of every dataset builder: a dataset is a short parser that yields `Record`s; all checks are here."""

import abc
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds
from rich.console import Console
from rich.progress import track

from tfds_builders import pixels, sources
from tfds_builders.record import LABELS, SPLIT, DatasetError, Record


def features() -> tfds.features.FeaturesDict:
    """The features of every dataset here; `record.Record` says what each one means."""
    return tfds.features.FeaturesDict(
        {
            "image": tfds.features.Image(shape=(None, None, 3)),
            "mask": tfds.features.Image(shape=(None, None, 1), encoding_format="png"),
            "has_mask": np.bool_,
            "label": tfds.features.ClassLabel(names=LABELS),
            "solid": np.int32,
            "image_id": tfds.features.Text(),
            "case_id": tfds.features.Text(),
            "birads": tfds.features.Text(),
            "histology": tfds.features.Text(),
            "device": tfds.features.Text(),
            "fold": np.int32,
        }
    )


class BUSBuilder(tfds.core.GeneratorBasedBuilder):
    """A breast-ultrasound dataset: a subclass states where it comes from and parses it.

    The description and the citation are the README.md and CITATIONS.bib beside the subclass's module. Records are
    kept in the order in which the parser yields them, as one split, `record.SPLIT`, in array_record files.
    """

    HOMEPAGE: ClassVar[str] = ""
    LICENSE: ClassVar[str] = ""
    FOLDER: ClassVar[str | None] = None
    """The top folder of the release; None where nothing is to be found on disk (a synthetic dataset)."""
    ARCHIVE: ClassVar[str] = ""
    """The file name of the release's zip."""
    URL: ClassVar[str | None] = None
    """A zip of `FOLDER` that anyone may download, registered in `checksums.tsv`; None: manual download only."""
    STEPS: ClassVar[str] = ""
    """How to get the release by hand, one sentence."""
    RELEASED_IMAGES: ClassVar[int] = 0
    """Images in the whole release; a user may have fewer."""

    allow_download: bool = True
    show_progress: bool = False

    def __init__(self, *, file_format: Any = "array_record", **kwargs: Any):
        """As TFDS's own, but for the file format, which can be written and read without TensorFlow."""
        super().__init__(file_format=file_format, **kwargs)

    @abc.abstractmethod
    def records(self, folder: Path | None) -> Iterable[Record]:
        """Parses the release in `folder` (None for a synthetic dataset) and yields its records in a fixed order."""

    @classmethod
    def how_to_get(cls) -> str:
        """The page, the steps and the command, for an error message."""
        if cls.FOLDER is None:
            return f"Run: python -m tfds_builders {cls.name} --data_dir DIR"
        command = f"python -m tfds_builders {cls.name} --manual_dir DIR --data_dir DIR"
        return f"To get it by hand: {cls.STEPS} Page: {cls.HOMEPAGE} Then run: {command}"

    def is_built(self) -> bool:
        """Whether the whole dataset is in its folder.

        Raises:
            DatasetError: the folder is there but is not a whole dataset.
        """
        if not self.data_path.exists():
            return False
        if not self.is_prepared():
            raise DatasetError(f"{self.data_path} is not a whole dataset; remove it and build again")
        return True

    def _log_download_bytes(self) -> None:
        """Keeps TFDS from printing sizes it does not know."""

    def _log_download_done(self) -> None:
        """As above; the caller says where the dataset is."""

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=features(), homepage=self.HOMEPAGE, license=self.LICENSE, disable_shuffling=True
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator[tuple[int, Any]]]:
        return {SPLIT: self._generate_examples(self._find_source(dl_manager))}

    def _find_source(self, dl_manager: tfds.download.DownloadManager) -> Path | None:
        """The release's folder: where the user says, else below TFDS's own manual folder, else downloaded."""
        if self.FOLDER is None:
            return None
        download_dir = Path(os.fspath(dl_manager.download_dir))
        unpack_dir = download_dir / "extracted"
        # TFDS's public property refuses a missing folder with a message of its own, many lines long.
        manual_dir = Path(os.fspath(dl_manager._manual_dir or download_dir / "manual")).absolute()
        found = sources.find_release(manual_dir, self.FOLDER, self.ARCHIVE, unpack_dir) if manual_dir.is_dir() else None
        if found is not None:
            return found
        if manual_dir != (download_dir / "manual").absolute():
            state = f"has no {self.FOLDER}/ and no {self.ARCHIVE}" if manual_dir.is_dir() else "does not exist"
            raise DatasetError(f"{self.name}: the folder {manual_dir} {state}. {self.how_to_get()}")
        if self.URL is None or not self.allow_download:
            reason = "downloading is switched off" if self.URL else "it cannot be downloaded by a program"
            raise DatasetError(
                f"{self.name} is not built in {self.data_dir_root}, no manual_dir was given, "
                f"nothing is in {manual_dir}, and {reason}. {self.how_to_get()}"
            )
        sha256 = self.url_infos[self.URL].checksum
        return sources.download(dl_manager, self.URL, sha256, self.FOLDER, unpack_dir, self.how_to_get())

    def _generate_examples(self, folder: Path | None) -> Iterator[tuple[int, dict[str, Any]]]:
        records = self.records(folder)
        if self.show_progress:
            total = len(records) if isinstance(records, list) else self.RELEASED_IMAGES
            records = track(records, description=f"Building {self.name}", total=total, console=Console(stderr=True))
        seen: set[str] = set()
        for row, record in enumerate(records):
            if record.image_id in seen:
                raise DatasetError(f"{self.name}: image_id {record.image_id!r} occurs twice, expected once")
            seen.add(record.image_id)
            yield row, to_example(record, self.name)
        if not seen:
            raise DatasetError(f"{self.name}: no images in {folder}, expected at least one")


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
    if record.label not in LABELS:
        raise DatasetError(f"{where}: label {record.label!r}, expected one of {', '.join(LABELS)}")
    if record.solid not in (-1, 0, 1):
        raise DatasetError(f"{where}: solid {record.solid}, expected 1 (yes), 0 (no) or -1 (unknown)")
    if record.fold < -1:
        raise DatasetError(f"{where}: fold {record.fold}, expected 0 or more, or -1 (none)")
    image_name = _name(record.image, f"{where}, image")
    encoded, (width, height) = pixels.encode_image(record.image, image_name)
    lesion = np.zeros((height, width), dtype=bool)
    for mask in record.masks or ():
        mask_name = _name(mask, f"{where}, mask")
        part = pixels.read_mask(mask, mask_name)
        if part.shape != lesion.shape:
            raise DatasetError(
                f"{mask_name} is {part.shape[1]}x{part.shape[0]} pixels, its image {image_name} is {width}x{height}; "
                "expected the same size"
            )
        lesion |= part
    return {
        "image": encoded,
        "mask": pixels.encode_png(np.where(lesion, np.uint8(255), np.uint8(0))),
        "has_mask": record.masks is not None,
        "label": record.label,
        "solid": record.solid,
        "image_id": f"{dataset}/{record.image_id}",
        "case_id": f"{dataset}/{record.case_id}",
        "birads": record.birads,
        "histology": record.histology,
        "device": record.device,
        "fold": record.fold,
    }


def _name(source: Path | bytes, otherwise: str) -> str:
    return str(source) if isinstance(source, Path) else otherwise
