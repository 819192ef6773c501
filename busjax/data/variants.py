"""Every image several times, in fixed random versions.

Hijab et al. 2019 multiply their images by 24 before anything else, and divide the versions into training and test
parts: those of one image then stand on both sides. The protocol 'augmented_image' does so, and 'augmented_case' the
same without the leak: it divides the versions by case. With every other protocol the images are divided first, and
those of the training part alone are multiplied.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Int

from busjax.data.augmentation import Augmentation
from busjax.data.records import Table, TabledDataset
from busjax.data.splits import Split
from busjax.data.transforms import Example
from busjax.names import VERSION, image_of


class VariantDataset:
    """The records of a dataset, each so many times: version 0 is the image as it is, the others are random.

    The versions of an image follow each other. Version k of the image 'ID' is called 'ID#k', version 0 'ID' as before,
    so that an image that is tested has the same name in all runs. A version is a function of (seed, image_id, k) alone.
    It is made of the image at its own size: turned by 90 degrees, height and width change places.

    Luminance and a filter of speckle act on the released image (`despeckle.first_steps`), so before a version is made
    of it: a warp resamples the grain that the filter is for, and fills in a border.
    """

    def __init__(
        self,
        dataset: TabledDataset,
        count: int,
        augmentation: Augmentation,
        seed: int,
        first: Callable[[Example], Example] = lambda example: example,
    ):
        """Multiplies `dataset`, whose table is a dataclass.

        Args:
          dataset: the images.
          count: versions of each, at least 2.
          augmentation: how versions 1, 2, ... are made.
          seed: of all versions.
          first: what is done to every image before versions are made of it; of version 0, all that is done here.
        """
        self._dataset, self._count, self._augmentation, self._seed = dataset, count, augmentation, seed
        self._first = first
        self.images = np.repeat(np.arange(len(dataset)), count)
        """Of every row, the row in the dataset beneath."""
        self.own_case = getattr(dataset, "own_case", dataset.table.case_id)[self.images]
        table: Any = dataset.table
        columns = {field.name: getattr(table, field.name)[self.images] for field in dataclasses.fields(table)}
        numbers = np.tile(np.arange(count), len(dataset)).tolist()
        names = zip(columns["image_id"].tolist(), numbers, strict=True)
        columns["image_id"] = np.array([f"{name}{VERSION}{k}" if k else name for name, k in names])
        self.table: Table = dataclasses.replace(table, **columns)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, row: int, /) -> dict[str, Any]:
        """The record of one version."""
        if not 0 <= row < len(self):
            raise IndexError(f"row {row} is outside 0 .. {len(self) - 1}")
        image, number = divmod(row, self._count)
        record = self._dataset[image]
        example = self._first(Example(np.asarray(record["image"]), np.asarray(record["mask"])))
        if number:
            key = [self._seed, number, *str(record["image_id"]).encode()]
            example = self._augmentation.apply(example, 0, crop=False, rng=np.random.default_rng(key))
        return {**record, "image": example.image, "mask": example.mask, "image_id": str(self.table.image_id[row])}

    def multiply_training(self, split: Split) -> Split:
        """A split of the images as one of the versions: all those of training images, the others as they are."""
        versions = split.train[:, None] * self._count + np.arange(self._count)
        return dataclasses.replace(
            split, train=versions.reshape(-1), val=split.val * self._count, test=split.test * self._count
        )


def images_on_both_sides(split: Split, table: Table) -> Int[np.ndarray, " images"]:
    """Rows of the test part, one for each image, of which another version is in the training or validation part."""
    names = np.array([image_of(name) for name in np.asarray(table.image_id).tolist()])
    seen = np.concatenate([split.train, split.val])
    shared = split.test[np.isin(names[split.test], names[seen])]
    return shared[np.unique(names[shared], return_index=True)[1]]
