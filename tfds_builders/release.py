"""What a dataset states about itself: the parts of its release, and the facts of the page that lists all datasets."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tfds_builders.record import DatasetError

CLUTTER = {"__MACOSX", "Thumbs.db", "desktop.ini"}
"""What file managers leave behind; names that begin with a dot are passed over too."""


@dataclass(frozen=True)
class Part:
    """One piece of a release: a folder, which may come in a zip, or a single file.

    Attributes:
        names: the names it goes by on disk, the usual one first; a name may have several components ("A/B").
        archive: file name of the zip that holds it; "" where it comes without one.
        url: where anyone may download the zip, or the file where there is no zip; None: to be got by hand.
        checksum: "sha256:..." or "md5:..." of what is at `url`.
        optional: whether the dataset can be built without it.
        holds: pattern of a file or folder in it, where a name alone says too little ("images").
    """

    names: tuple[str, ...]
    archive: str = ""
    url: str | None = None
    checksum: str = ""
    optional: bool = False
    holds: str = ""

    def fits(self, path: Path) -> bool:
        """Whether something on disk can be this part."""
        return path.exists() and (not self.holds or (path.is_dir() and any(path.glob(self.holds))))

    @property
    def name(self) -> str:
        """The key under which a builder gets it."""
        return self.names[0]


@dataclass(frozen=True)
class Facts:
    """What is released, for the list of datasets.

    Attributes:
        images: number of images in the whole release; a user may have fewer. 0 where it is the user's own.
        cases: how many cases, and what a case is ("1064 patients", "188 videos", "780, an image each").
        classes: number of images by class name; empty where classes are not released.
        solid: for which images it is known whether there is a solid nodule.
        masks: which images have a lesion mask.
        overlaps: names of other datasets that hold some of the same pictures.
    """

    images: int
    cases: str
    solid: str
    masks: str
    classes: Mapping[str, int] = field(default_factory=dict)
    overlaps: tuple[str, ...] = ()


def require_file(path: Path, where: str) -> Path:
    """Returns `path` if it is a file.

    Args:
        path: the file.
        where: what refers to it ("bus_data.csv, line 5"), for the error message.

    Raises:
        DatasetError: it is not there.
    """
    if not path.is_file():
        raise DatasetError(f"{where}: {path} is missing")
    return path


def require_folder(path: Path) -> Path:
    """Returns `path` if it is a folder.

    Raises:
        DatasetError: it is not; the message lists what is beside it.
    """
    if not path.is_dir():
        beside = ", ".join(sorted(item.name for item in path.parent.iterdir())) if path.parent.is_dir() else ""
        raise DatasetError(f"{path}: no such folder; {path.parent} has {beside or 'nothing'}")
    return path


def list_files(folder: Path, pattern: re.Pattern[str], expected: str) -> list[tuple[Path, re.Match[str]]]:
    """Lists the files of a folder whose names must all match a pattern, in natural order (2 before 10).

    Args:
        folder: where they are; folders in it and `CLUTTER` are passed over.
        pattern: what a whole file name looks like.
        expected: the same in words, for the error message.

    Returns:
        Each file with the match of its name.

    Raises:
        DatasetError: the folder is not there or empty, or a name does not match.
    """
    found = []
    for path in sorted(require_folder(folder).iterdir(), key=lambda item: (natural(item.name), item.name)):
        if path.name.startswith(".") or path.name in CLUTTER or path.is_dir():
            continue
        match = pattern.fullmatch(path.name)
        if match is None:
            raise DatasetError(f"{path}: unknown file name, expected {expected}")
        found.append((path, match))
    if not found:
        raise DatasetError(f"{folder}: no files, expected {expected}")
    return found


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


def natural(name: str) -> list[tuple[int, int | str]]:
    """A sort key under which numbers inside names count as numbers."""
    return [(0, int(part)) if part.isdigit() else (1, part) for part in re.split(r"(\d+)", name) if part]
