"""The data of a run: its dataset, its split, its batches."""

import dataclasses
import functools
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import grain
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding
from ml_collections import ConfigDict

from busjax.atomic import write_atomic
from busjax.data.augmentation import Augmentation
from busjax.data.despeckle import first_steps
from busjax.data.folds import Folds
from busjax.data.joined import JoinedDataset
from busjax.data.modality import of_modality
from busjax.data.pairs import PairDataset
from busjax.data.pipeline import EvaluationBatches, evaluation_batches, training_batches
from busjax.data.split_files import read_split, write_split
from busjax.data.splits import AUGMENTED, Split, SplitError, check_masks, check_targets, make_split
from busjax.data.variants import VariantDataset
from busjax.methods import sees_pairs
from busjax.methods.tasks import TASKS
from busjax.training.config import dataset_names
from busjax.training.releases import preprocessing
from busjax.training.workdir import Workdir
from tfds_builders.groups import read_groups
from tfds_builders.overlaps import refuse_overlap, same_pictures
from tfds_builders.reading import prepare


@dataclasses.dataclass(frozen=True)
class RunData:
    """One or several datasets and how they are divided.

    Attributes:
      dataset: the records of all; with `data.variants`, of all their versions; of a method that sees pairs, the pairs.
      split: rows for training, validation and test.
      steps_per_epoch: as many as make up the training part, to the nearest whole number.
    """

    dataset: JoinedDataset | VariantDataset | PairDataset
    split: Split
    steps_per_epoch: int

    @property
    def images(self) -> np.ndarray:
        """A number for every row, which the versions of one image share."""
        return self.dataset.images if isinstance(self.dataset, VariantDataset) else np.arange(len(self.dataset))

    @functools.cached_property
    def folds(self) -> Folds | None:
        """What each fold leaves out, of a split that leaves cases out in turn."""
        return self.split.folds(self.dataset.table)

    @property
    def drawn(self) -> np.ndarray:
        """The rows that training batches are drawn from; folds draw from those of all of them (`data/folds.py`)."""
        return self.split.train if self.folds is None else np.union1d(self.split.train, self.split.test)

    @property
    def units(self) -> np.ndarray:
        """Of every row, the case as its dataset has it, which is scored as one where `eval.unit` is 'case'."""
        return self.dataset.own_case

    def images_text(self, rows: np.ndarray) -> str:
        """How many images some rows are: '57 images', or '120 versions of 57 images'."""
        images = len(np.unique(self.images[rows]))
        return f"{images} images" if images == len(rows) else f"{len(rows)} versions of {images} images"


def open_data(config: ConfigDict, workdir: Workdir) -> RunData:
    """Opens the datasets of a config, building those that are missing where that may be, and their split.

    A run that has begun has its split in the work directory; it is read from there.

    Raises:
      DatasetError: a dataset or the file of duplicate groups cannot be had, or two datasets share pictures that
        cannot be told, or one has no picture of the config's modality.
      SplitError: it cannot be split, or the files of the split do not fit it.
    """
    data = config.data
    progress = jax.process_index() == 0
    train = dataset_names(data.train) or dataset_names(data.name)
    test = dataset_names(data.test) or train
    names = dict.fromkeys(train + test)
    refuse_overlap(list(names))
    opened = {name: prepare(name, data.data_dir or None, data.manual_dir or None, progress=progress) for name in names}
    pictures: dict[str, str] = {}
    for one in opened.values():
        pictures |= same_pictures(one.name, one.table.image_id)
    groupings = [pictures]
    if data.groups:
        groupings.append(read_groups(workdir.groups if workdir.begun() else Path(data.groups).expanduser()))
    paired = sees_pairs(config)
    joined = JoinedDataset(
        [one if paired else of_modality(one, data.modality) for one in opened.values()],
        groupings,
    )
    dataset: JoinedDataset | VariantDataset | PairDataset = PairDataset(joined) if paired else joined
    if data.variants:
        augmentation = Augmentation.from_mapping(data.augment.to_dict())
        # By the seed of the split, so that runs of several seeds have the same versions.
        first = first_steps(data.grey, data.despeckle)
        dataset = VariantDataset(joined, data.variants, augmentation, data.split_seed, first)
    if workdir.begun():
        split = read_split(workdir.splits, dataset.table)
    else:
        split = make_split(
            dataset.table if paired or data.split in AUGMENTED else joined.table,
            data.split,
            seed=data.split_seed,
            fold=data.fold,
            folds=data.folds,
            shares=tuple(data.shares),
            train=[opened[name].name for name in train],
            test=[opened[name].name for name in test],
        )
        if isinstance(dataset, VariantDataset) and data.split not in AUGMENTED:
            split = dataset.multiply_training(split)
    found = RunData(dataset, split, 1)
    return dataclasses.replace(found, steps_per_epoch=max(1, round(len(found.drawn) / config.train.batch_size)))


def settle_split(
    data: RunData, workdir: Workdir, tasks: Iterable[str], groups: str, *, masks: bool = False, by_case: bool = False
) -> None:
    """Writes the split of a run that has not begun, once it is known to serve its tasks, and a copy of the group file.

    Args:
      data: of the run.
      workdir: of the run.
      tasks: that the split must serve.
      groups: the field `data.groups`: a path, or ''.
      masks: whether masks are learned, too.
      by_case: whether a case's images are scored together.

    Raises:
      SplitError: a part lacks images of a class that a task tells, or the training part masks, or cases that are to be
        scored as one have images of several classes.
    """
    if workdir.begun():
        return
    check_targets(data.split, data.dataset.table, sorted(set(tasks)))
    for task in sorted(set(tasks)) if by_case else ():
        _require_one_target(data, task)
    if masks:
        check_masks(data.split, data.dataset.table)
    if jax.process_index() == 0:
        if groups:
            write_atomic(workdir.groups, Path(groups).expanduser().read_text(encoding="utf-8"))
        write_split(data.split, data.dataset.table, workdir.splits)


def _first_steps_left(config: ConfigDict) -> dict[str, Any]:
    """Luminance and filter, of images that have not had them: those of versions come before the versions."""
    if config.data.variants:
        return {"grey": False, "despeckle": ""}
    return {"grey": config.data.grey, "despeckle": config.data.despeckle}


def _require_one_target(data: RunData, task: str) -> None:
    """Checks that the images of each case have one answer.

    Raises:
      SplitError: listing the cases that have several.
    """
    table = data.dataset.table
    columns = {"label": jnp.asarray(table.label), "solid": jnp.asarray(table.solid)}
    target = np.asarray(TASKS[task].target(columns))
    names, case = np.unique(data.units, return_inverse=True)
    first = np.zeros(len(names), target.dtype)
    first[case] = target
    if len(mixed := names[np.unique(case[target != first[case]])]):
        raise SplitError(
            f"eval.unit: found 'case', and several answers of the task {task!r} among the images of "
            f"{', '.join(mixed.tolist())}; expected one for each case, or eval.unit 'image'"
        )


def training_stream(config: ConfigDict, data: RunData, sharding: NamedSharding) -> grain.IterDataset:
    """Endless training batches on the devices."""
    return training_batches(
        data.dataset,
        data.drawn,
        image_size=config.data.image_size,
        resize=config.data.resize,
        augment={} if config.data.variants else config.data.augment.to_dict(),  # variants are augmented already
        batch_size=config.train.batch_size,
        seed=config.seed,
        sharding=sharding,
        process_index=jax.process_index(),
        process_count=jax.process_count(),
        cache=config.data.cache,
        preprocessing=preprocessing(config),
        **_first_steps_left(config),
        folds=data.folds,
    )


def evaluation_stream(
    config: ConfigDict,
    data: RunData,
    rows: np.ndarray,
    sharding: NamedSharding | None,
    batch_size: int | None = None,
    *,
    cache: bool = True,
) -> EvaluationBatches:
    """Batches that hold each of the given rows once, of the size of the config or the next that the devices divide.

    With `cache`, images stay in memory if `data.cache` says so.
    """
    wanted = batch_size or config.eval.batch_size
    devices = 1 if sharding is None else len(sharding.device_set)
    return evaluation_batches(
        data.dataset,
        rows,
        image_size=config.data.image_size,
        resize=config.data.resize,
        views=config.data.views,
        batch_size=devices * math.ceil(wanted / devices),
        sharding=sharding,
        process_index=jax.process_index() if sharding is not None else 0,
        process_count=jax.process_count() if sharding is not None else 1,
        cache=cache and config.data.cache,
        preprocessing=preprocessing(config),
        **_first_steps_left(config),
        folds=data.folds if data.folds is not None and data.folds.together else None,
    )
