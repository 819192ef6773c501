"""Opening datasets: a random-access sequence of plain dicts, and its table of everything but pixels."""

import importlib
import operator
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, SupportsIndex

import numpy as np
import tensorflow_datasets as tfds
from jaxtyping import Bool, Int32, Shaped
from tensorflow_datasets.core.utils import tqdm_utils

from busjax.names import hint
from tfds_builders import BUILDERS, pixels
from tfds_builders.builder import BUSBuilder
from tfds_builders.example import VIEW_COLUMNS
from tfds_builders.record import SPLIT, DatasetError


@dataclass(frozen=True)
class Table:
    """Everything about the images of a dataset but their pixels; row i belongs to `dataset[i]`.

    Texts are numpy string arrays; dataset is the name under which it is opened, with its config; label counts as in
    `record.LABELS`, -1 is unknown; solid is 1, 0 or -1 (unknown); fold is -1 where there is none; height and width are
    the image's own, in pixels; mask_height and mask_width are the mask's as released (masks of another size are
    resized when a dataset is built), 0 where there is none; modality is one of `record.MODALITIES`.
    """

    dataset: Shaped[np.ndarray, " images"]
    image_id: Shaped[np.ndarray, " images"]
    case_id: Shaped[np.ndarray, " images"]
    label: Int32[np.ndarray, " images"]
    solid: Int32[np.ndarray, " images"]
    fold: Int32[np.ndarray, " images"]
    has_mask: Bool[np.ndarray, " images"]
    birads: Shaped[np.ndarray, " images"]
    histology: Shaped[np.ndarray, " images"]
    device: Shaped[np.ndarray, " images"]
    height: Int32[np.ndarray, " images"]
    width: Int32[np.ndarray, " images"]
    mask_height: Int32[np.ndarray, " images"]
    mask_width: Int32[np.ndarray, " images"]
    modality: Shaped[np.ndarray, " images"]
    view: Shaped[np.ndarray, " images"]

    def __len__(self) -> int:
        return len(self.image_id)


class BUSDataset:
    """A built dataset: `len(ds)`, `ds[i]`, `ds.table`. Picklable, and safe to read from several threads.

    `ds[i]` is a dict: image uint8 [height, width, 3], mask uint8 [height, width, 1] (0 or 255), has_mask bool; label,
    solid, fold, mask_height and mask_width as int; and image_id, case_id, birads, histology, device,
    modality, view as str.
    """

    def __init__(self, name: str, data_dir: str | Path):
        """Opens the files of dataset `name` in `data_dir`.

        Raises:
            DatasetError: unknown name, or the dataset is not built there.
        """
        builder = make_builder(name, data_dir)
        if not builder.is_built():
            raise DatasetError(f"{name} is not built: looked for {builder.data_dir}. {builder.how_to_get()}")
        self.name = builder.full_name
        self.data_dir = str(builder.data_dir_root)
        skip = tfds.decode.SkipDecoding()
        # TFDS would decode with OpenCV where it is installed, whose JPEG pixels differ from Pillow's.
        self._source = builder.as_data_source(SPLIT, decoders={"image": skip, "mask": skip})

    def __reduce__(self) -> tuple[Any, ...]:
        return (BUSDataset, (self.name, self.data_dir))

    def __len__(self) -> int:
        return len(self._source)

    def __getitem__(self, index: SupportsIndex) -> dict[str, Any]:
        """Reads and decodes one image with its record.

        Raises:
            IndexError: index outside 0 .. len - 1.
        """
        example = self._example(index)
        image, mask = example.pop("image"), example.pop("mask")
        return {"image": pixels.decode_image(image), "mask": pixels.decode_mask(mask), **_plain(example)}

    @cached_property
    def table(self) -> Table:
        """All columns but the pixels, without decoding them."""
        rows = []
        for index in range(len(self)):
            example = self._example(index)
            width, height = pixels.image_size(example.pop("image"))
            del example["mask"]
            rows.append({**_plain(example), "dataset": self.name, "height": height, "width": width})
        integers = ("label", "solid", "fold", "height", "width", "mask_height", "mask_width")
        types = {"has_mask": np.bool_, **dict.fromkeys(integers, np.int32)}
        columns: dict[str, Any] = {
            field.name: np.array([row[field.name] for row in rows], dtype=types.get(field.name, np.str_))
            for field in fields(Table)
        }
        return Table(**columns)

    def _example(self, index: SupportsIndex) -> dict[str, Any]:
        row = operator.index(index)
        if not 0 <= row < len(self):
            raise IndexError(f"{self.name}: index {row} is outside 0 .. {len(self) - 1}")
        return {**VIEW_COLUMNS, **self._source[row]}


def _plain(example: Mapping[str, Any]) -> dict[str, Any]:
    """Turns TFDS's numpy scalars and bytes into Python's own bool, int and str."""
    return {
        name: value.decode("utf-8") if isinstance(value, bytes) else value.item() if hasattr(value, "item") else value
        for name, value in example.items()
    }


def default_data_dir() -> Path:
    """TFDS's own default: TFDS_DATA_DIR where set, else ~/tensorflow_datasets."""
    return Path(tfds.core.constants.get_default_data_dir()).expanduser()


def builder_class(name: str) -> type[BUSBuilder]:
    """The builder of a dataset, by a key of `BUILDERS` or "key/config".

    Raises:
        DatasetError: an unknown name.
    """
    key = name.partition("/")[0]
    if key not in BUILDERS:
        raise DatasetError(f"unknown dataset {key!r}{hint(key, sorted(BUILDERS))}")
    module, attribute = BUILDERS[key].split(":")
    return getattr(importlib.import_module(module), attribute)


def make_builder(name: str, data_dir: str | Path) -> BUSBuilder:
    """Returns the builder of a dataset by name.

    Args:
        name: a key of `BUILDERS`, or "key/config" for one of its configs (the first where none is named).
        data_dir: where built datasets live.

    Raises:
        DatasetError: an unknown name or config, or a `data_dir` that is a file.
    """
    cls = builder_class(name)
    folder = Path(data_dir).expanduser().absolute()
    if folder.exists() and not folder.is_dir():
        raise DatasetError(f"data_dir {folder} is a file, expected a folder")
    key, _, config = name.partition("/")
    return cls(data_dir=str(folder), config=_config(cls, key, config))


def _config(cls: type[BUSBuilder], key: str, config: str) -> str | tfds.core.BuilderConfig | None:
    """What TFDS wants for the part of a name after the slash."""
    if not config:
        return None
    for extra in cls.EXTRA_CONFIGS:
        if extra.name == config:
            return extra
    if cls.CUSTOM_CONFIGS:
        if not re.fullmatch("[a-z0-9_]+", config):
            raise DatasetError(f"dataset {key}/{config}: expected small letters, digits and _ after the slash")
        return tfds.core.BuilderConfig(name=config)
    known = [known.name for known in (*cls.BUILDER_CONFIGS, *cls.EXTRA_CONFIGS)]
    if config not in known:
        expected = f"expected one of {', '.join(f'{key}/{name}' for name in known)}" if known else "it has none"
        raise DatasetError(f"dataset {key} has no config {config!r}; {expected}")
    return config


def open_dataset(name: str, data_dir: str | Path | None = None) -> BUSDataset:
    """Opens a dataset that is built in `data_dir` (default: `default_data_dir()`).

    Raises:
        DatasetError: unknown name, or not built there; the message says how to build it.
    """
    return BUSDataset(name, data_dir if data_dir is not None else default_data_dir())


def prepare(
    name: str,
    data_dir: str | Path | None = None,
    manual_dir: str | Path | None = None,
    *,
    download: bool = True,
    progress: bool = False,
) -> BUSDataset:
    """Builds a dataset where it is not built yet, and opens it.

    TFDS writes to a temporary folder and renames it at the end, so an interrupted build is never taken for a whole one.

    Args:
        name: a key of `BUILDERS`, or "key/config".
        data_dir: where built datasets live (default: `default_data_dir()`).
        manual_dir: where the user has put the release: its folder, the folder that contains it, or its zip.
        download: whether the release may be fetched where its licence allows that and it is not in `manual_dir`.
        progress: show a progress bar.

    Raises:
        DatasetError: unknown name; the release cannot be found or fetched (the message says how to get it); it is
            broken (the message names the file); or what is built came from an earlier state of the user's own files.
    """
    data_dir = data_dir if data_dir is not None else default_data_dir()
    builder = make_builder(name, data_dir)
    if builder.is_built():
        if manual_dir is not None:
            builder.require_same_source(Path(manual_dir).expanduser().absolute())
    else:
        builder.allow_download, builder.show_progress = download, progress
        config = tfds.download.DownloadConfig(
            manual_dir=str(Path(manual_dir).expanduser()) if manual_dir is not None else None, try_download_gcs=False
        )
        shown = tqdm_utils._active
        tqdm_utils.display_progress_bar(enable=False)
        try:
            builder.download_and_prepare(download_config=config)
        except OSError as error:
            # Another process may have finished the same build first; then its result is as good as ours.
            if not builder.is_built():
                raise DatasetError(f"{name}: cannot be built in {data_dir}: {error}") from error
        finally:
            tqdm_utils.display_progress_bar(enable=shown)
    return BUSDataset(name, data_dir)
