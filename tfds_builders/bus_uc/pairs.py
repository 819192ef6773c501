"""Images in one folder, their masks in another."""

import re
from pathlib import Path

from tfds_builders.record import DatasetError
from tfds_builders.release import list_files


def list_pairs(
    images: Path, image_name: re.Pattern[str], masks: Path, mask_name: re.Pattern[str], expected: tuple[str, str]
) -> list[tuple[re.Match[str], Path, Path]]:
    """Finds the mask of every image.

    Args:
        images: the folder of images.
        image_name: what a whole file name there looks like; its group `name` tells the image.
        masks: the folder of masks.
        mask_name: the same for masks; an image and its mask agree in `name`.
        expected: both patterns in words, for error messages.

    Returns:
        The match of the image's name, the image and its mask, images in natural order.

    Raises:
        DatasetError: a folder that is missing, a file with another name, an image without a mask or a mask without an
            image.
    """
    found = list_files(images, image_name, expected[0])
    mask_of = {match["name"]: path for path, match in list_files(masks, mask_name, expected[1])}
    for path, match in found:
        if match["name"] not in mask_of:
            raise DatasetError(f"{path}: no mask of it in {masks}, expected one for every image")
    for name in sorted(mask_of.keys() - {match["name"] for _, match in found}):
        raise DatasetError(f"{mask_of[name]}: no image to this mask in {images}, expected one for every mask")
    return [(match, path, mask_of[match["name"]]) for path, match in found]
