"""Which datasets hold the same pictures, so that nobody trains on what is tested without knowing."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from jaxtyping import Shaped

from tfds_builders.builder import BUSBuilder
from tfds_builders.reading import builder_class
from tfds_builders.record import DatasetError


def refuse_overlap(names: Sequence[str]) -> None:
    """Checks that a run can keep apart what its datasets share.

    Datasets that share pictures may be used together where one names its images after the other (`same_pictures` then
    joins them). Otherwise, as where one holds crops of the other under new names, nothing here can tell which images
    belong together; not even a search for near-duplicates finds crops.

    Args:
        names: of the datasets, as `reading.open_dataset` takes them.

    Raises:
        DatasetError: two of them share pictures that cannot be told.
    """
    classes = {name: builder_class(name) for name in names}
    for one, other in combinations(names, 2):
        keys = [name.partition("/")[0] for name in (one, other)]
        if keys[0] == keys[1] and not classes[one].CUSTOM_CONFIGS:
            raise DatasetError(f"{one} and {other} are one dataset in two forms, expected one of them")
        if _share(keys[0], classes[one], keys[1], classes[other]):
            raise DatasetError(
                f"{one} and {other} hold some of the same pictures under other names, often as crops, so that nothing "
                "keeps a picture from being trained on and tested; use one of them"
            )


def _share(key: str, builder: type[BUSBuilder], other_key: str, other: type[BUSBuilder]) -> bool:
    """Whether two datasets share pictures and neither tells which."""
    told = {key, *builder.NAMED_AFTER} & {other_key, *other.NAMED_AFTER}
    return (other_key in builder.FACTS.overlaps or key in other.FACTS.overlaps) and not told


def same_pictures(name: str, image_id: Shaped[np.ndarray, " images"]) -> dict[str, str]:
    """The picture that an image is known to show, by image_id: its own name, or that of the image it was made of.

    Args:
        name: of the dataset.
        image_id: of its images.
    """
    builder, prefix = builder_class(name), f"{name.partition('/')[0]}/"
    return {image: builder.original(image.removeprefix(prefix)) or image for image in image_id.tolist()}
