"""The base of every dataset builder: a dataset is a short parser that yields `Record`s; all checks are here."""

import abc
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import tensorflow_datasets as tfds
from rich.console import Console
from rich.progress import track

from tfds_builders import sources
from tfds_builders.example import drop_views, features, to_example
from tfds_builders.record import SPLIT, DatasetError, Record
from tfds_builders.release import CLUTTER, Facts, Part

FINGERPRINTS = "fingerprints"


class BUSBuilder(tfds.core.GeneratorBasedBuilder):
    """A breast-ultrasound dataset: a subclass states where it comes from and parses it.

    The description and the citation are the README.md and CITATIONS.bib beside the subclass's module. Records are
    kept in the order in which the parser yields them, as one split, `record.SPLIT`, in array_record files.
    """

    HOMEPAGE: ClassVar[str] = ""
    LICENSE: ClassVar[str] = ""
    STEPS: ClassVar[str] = ""
    """How to get the release by hand, one sentence."""
    PARTS: ClassVar[tuple[Part, ...]] = ()
    """The pieces of the release; none where nothing is to be found on disk (a synthetic dataset)."""
    FACTS: ClassVar[Facts]
    """What is in the whole release."""
    CUSTOM_CONFIGS: ClassVar[bool] = False
    """Whether the user may name configs of his own, which then are part of the images' names."""

    EXTRA_CONFIGS: ClassVar[tuple[tfds.core.BuilderConfig, ...]] = ()
    """Configs beside the dataset without any; TFDS's own BUILDER_CONFIGS would make the first of them the default."""

    NAMED_AFTER: ClassVar[tuple[str, ...]] = ()
    """Datasets whose pictures are in this one, under names that tell which; see `original`."""

    allow_download: bool = True
    show_progress: bool = False

    def __init__(self, *, file_format: Any = "array_record", **kwargs: Any):
        """As TFDS's own, but for the file format, which can be written and read without TensorFlow."""
        super().__init__(file_format=file_format, **kwargs)

    @abc.abstractmethod
    def records(self, release: Mapping[str, Path]) -> Iterable[Record]:
        """Parses the release and yields its records in a fixed order.

        Args:
            release: the folders and files of `parts`, by `Part.name`; optional ones may be missing.
        """

    @property
    def facts(self) -> Facts:
        """What is in the whole release, as this config reads it."""
        return self.FACTS

    def parts(self) -> tuple[Part, ...]:
        """The pieces of the release that this config needs."""
        return self.PARTS

    def fingerprint(self, path: Path) -> str:
        """Tells one state of a part on the user's disk from another: here by the number of its files and their size."""
        files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
        kept = [file for file in files if not file.name.startswith(".") and not CLUTTER & {*file.parts}]
        return f"{len(kept)} files, {sum(file.stat().st_size for file in kept)} bytes"

    @classmethod
    def known_duplicates(cls) -> list[list[str]]:
        """Groups of images (`Record.image_id`) that are known to show nearly the same picture."""
        return []

    @classmethod
    def original(cls, image_id: str) -> str | None:
        """The image of a dataset of `NAMED_AFTER` ("busi/benign (1)") that `Record.image_id` shows, None of others."""
        return None

    @property
    def several_modalities(self) -> bool:
        """Whether it stores the modality and the view of every image; otherwise all are ultrasound."""
        return False

    @property
    def full_name(self) -> str:
        """Under which it is opened: "name", or "name/config"."""
        return f"{self.name}/{self.builder_config.name}" if self.builder_config else self.name

    @property
    def prefix(self) -> str:
        """What stands before image_id and case_id; configs of one release share their images' names."""
        return self.full_name if self.CUSTOM_CONFIGS else self.name

    def how_to_get(self) -> str:
        """The page, the steps and the command, for an error message."""
        if not self.parts():
            return f"Run: python -m tfds_builders {self.full_name} --data_dir DIR"
        command = f"python -m tfds_builders {self.full_name} --manual_dir DIR --data_dir DIR"
        page = f" Page: {self.HOMEPAGE}" if self.HOMEPAGE else ""
        return f"To get it by hand: {self.STEPS}{page} Then run: {command}"

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
            features=features(views=self.several_modalities),
            homepage=self.HOMEPAGE,
            license=self.LICENSE,
            disable_shuffling=True,
            metadata=tfds.core.MetadataDict(),
        )

    def built_from(self) -> dict[str, str]:
        """The parts that a built dataset was made of, with their fingerprints."""
        return (self.info.metadata or {}).get(FINGERPRINTS, {})

    def require_same_source(self, manual_dir: Path) -> None:
        """Checks that a built dataset was built from what is in `manual_dir` now.

        Only folders and files are compared, not zips; a folder without any of them may be that of another dataset.

        Raises:
            DatasetError: the folder does not exist, or a part of the release in it is not as it was.
        """
        if not manual_dir.is_dir():
            raise DatasetError(f"{self.full_name}: the folder {manual_dir} does not exist")
        built = self.built_from()
        for name, path in self._search(manual_dir, None).items() if built else ():
            now = self.fingerprint(path)
            if now != built.get(name):
                raise DatasetError(
                    f"{self.full_name} in {self.data_path} was built from other files than those now in {manual_dir}: "
                    f"{name} had {built.get(name, 'not been there')}, now {now}; remove it and build again"
                )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator[tuple[int, Any]]]:
        release = self._find_release(dl_manager)
        self.info.metadata[FINGERPRINTS] = {name: self.fingerprint(path) for name, path in release.items()}
        return {SPLIT: self._generate_examples(release)}

    def _search(self, manual_dir: Path, unpack_dir: Path | None) -> dict[str, Path]:
        """The parts that are in a folder; zips only with a folder to unpack them in."""
        needed = [part for part in self.parts() if not part.optional]
        found = {
            part.name: sources.find_part(part, manual_dir, unpack_dir, alone=[part] == needed) for part in self.parts()
        }
        return {name: path for name, path in found.items() if path is not None}

    def _find_release(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Path]:
        """Its parts: where the user says, else below TFDS's own manual folder, else downloaded."""
        if not self.parts():
            return {}
        download_dir = Path(os.fspath(dl_manager.download_dir))
        unpack_dir = download_dir / "extracted"
        # TFDS's public property refuses a missing folder with a message of its own, many lines long.
        manual_dir = Path(os.fspath(dl_manager._manual_dir or download_dir / "manual")).absolute()
        release = self._search(manual_dir, unpack_dir) if manual_dir.is_dir() else {}
        missing = [part for part in self.parts() if part.name not in release and not part.optional]
        if not missing:
            return release
        wanted = ", ".join(_asked(part) for part in missing)
        named = manual_dir != (download_dir / "manual").absolute()
        if named and not manual_dir.is_dir():
            raise DatasetError(f"{self.full_name}: the folder {manual_dir} does not exist. {self.how_to_get()}")
        by_hand = any(part.url is None for part in missing)
        if by_hand or not self.allow_download:
            reason = "it cannot be downloaded by a program" if by_hand else "downloading is switched off"
            given = "" if named else "no manual_dir was given, "
            raise DatasetError(
                f"{self.full_name} is not built in {self.data_dir_root}, {given}{manual_dir} has no {wanted}, and "
                f"{reason}. {self.how_to_get()}"
            )
        help_text = f"{manual_dir} has no {wanted}. {self.how_to_get()}"
        for part in missing:
            release[part.name] = sources.download(dl_manager, part, unpack_dir, help_text)
        return release

    def _generate_examples(self, release: Mapping[str, Path]) -> Iterator[tuple[int, dict[str, Any]]]:
        records = self.records(release)
        if self.show_progress:
            total = len(records) if isinstance(records, list) else self.facts.images or None
            records = track(
                records, description=f"Building {self.full_name}", total=total, console=Console(stderr=True)
            )
        seen: set[str] = set()
        for row, record in enumerate(records):
            if record.image_id in seen:
                raise DatasetError(f"{self.full_name}: image_id {record.image_id!r} occurs twice, expected once")
            seen.add(record.image_id)
            example = to_example(record, self.prefix)
            if not self.several_modalities:
                drop_views(example)
            yield row, example
        if not seen:
            where = ", ".join(map(str, release.values()))
            raise DatasetError(f"{self.full_name}: no images in {where}, expected at least one")


def _asked(part: Part) -> str:
    """How a part is called in an error message."""
    return f"{part.name} (or {part.archive})" if part.archive else part.name
