"""BUV builder: frames of ultrasound videos; the folder is the label, two COCO-VID files tell the official parts."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import tensorflow_datasets as tfds

from tfds_builders.builder import BUSBuilder
from tfds_builders.buv.erratum import CASES, LABELS, LEFT_OUT
from tfds_builders.json_files import member, read_json
from tfds_builders.record import SOLID_BY_LABEL, DatasetError, Record
from tfds_builders.release import CLUTTER, Facts, Part, list_files, natural, require_folder

FRAMES, TRAIN, VAL = "rawframes", "train.json", "val.json"
CLASSES = ("benign", "malignant")
FOLDERS = ("", "miccai_buv/", "Miccai 2022 BUV Dataset/")
"""What the folder that holds the three parts may be called inside the user's."""


UNLISTED_VIDEOS = 2
"""The paper has 188 videos, the two lists have 149 + 37."""

_LISTED = re.compile(rf"(?P<video>(?:{'|'.join(CLASSES)})/[^/]+)/(?P<frame>\d+\.png)")
_FRAME = re.compile(r"\d+\.png")


def _part(*names: str) -> Part:
    return Part(tuple(folder + name for folder in FOLDERS for name in names))


class Buv(BUSBuilder):
    """BUV (Lin et al. 2022): 188 videos of breast lesions, 25,272 frames, without lesion masks; all frames."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {"1.0.0": "The release of 2022 with the erratum of 2023-03-25."}
    HOMEPAGE = "https://github.com/jhl-Det/CVA-Net"
    LICENSE = "Research and education only, not for commercial use"
    STEPS = "follow the links of the page below, unpack the archive, and put rawframes/ and the two json files in DIR."
    PARTS = (
        _part(FRAMES),
        _part(TRAIN, "imagenet_vid_train_15frames.json"),
        _part(VAL, "imagenet_vid_val.json"),
    )
    FACTS = Facts(
        images=25272,
        cases="188 videos (75 benign, 113 malignant); the erratum takes one away, six are two cases",
        solid="malignant",
        masks="none (boxes only)",
    )

    def records(self, release: Mapping[str, Path]) -> Iterator[Record]:
        """Parses the release: one record per frame, by folder, video and number of the frame.

        All frames are compared with the two lists before the first one is read.

        Raises:
            DatasetError: a list that is not COCO-VID, a video in both lists or twice in one, a frame that is listed but
                missing or there but not listed, more videos in neither list than are known of, an unknown folder.
        """
        train, val = (_read_list(release[name]) for name in (TRAIN, VAL))
        if both := sorted(train.keys() & val.keys()):
            raise DatasetError(f"{release[VAL]}: video {both[0]} is in {release[TRAIN]} too, expected in one of them")
        videos = _find_videos(release[FRAMES])
        lists = f"{release[TRAIN].name} and {release[VAL].name}"
        _compare(videos, {**train, **val}, release[FRAMES], lists)
        # Where a case has videos in both official parts, all of them count as tested: none may be trained on.
        tested = {video.case_id for video in videos if video.name in val}
        return (record for video in videos for record in video.records(0 if video.case_id in tested else -1))


@dataclass(frozen=True)
class _Video:
    """A video as released: `name` is its folder and id, "benign/x28f299ceb056964c"."""

    name: str
    frames: tuple[Path, ...]

    @property
    def case_id(self) -> str:
        return CASES.get(_key(self.name), self.name)

    @property
    def label(self) -> str:
        return LABELS.get(_key(self.name), self.name.partition("/")[0])

    def records(self, fold: int) -> Iterator[Record]:
        for frame in self.frames:
            yield Record(
                image=frame,
                masks=None,
                label=self.label,
                solid=SOLID_BY_LABEL[self.label],
                image_id=f"{self.name}/{frame.stem}",
                case_id=self.case_id,
                fold=fold,
            )


def _key(name: str) -> tuple[str, str]:
    """A video as `erratum` names it: the two spellings in use differ in the first letter."""
    folder, _, video = name.partition("/")
    return folder, video.removeprefix("x")


def _read_list(path: Path) -> dict[str, set[str]]:
    """Frames by video, of a COCO-VID file; the left-out videos are passed over."""
    listed: dict[str, set[str]] = {}
    for number, image in enumerate(member(read_json(path, dict), "images", list, str(path))):
        where = f"{path}, images[{number}]"
        if not isinstance(image, dict):
            raise DatasetError(f"{where}: {image!r}, expected an object")
        name = member(image, "file_name", str, where)
        match = _LISTED.fullmatch(name)
        if match is None:
            raise DatasetError(f"{where}: file_name {name!r}, expected benign/VIDEO/000000.png or malignant/...")
        if _key(match["video"]) in LEFT_OUT:
            continue
        frames = listed.setdefault(match["video"], set())
        if match["frame"] in frames:
            raise DatasetError(f"{where}: file_name {name!r} is listed twice, expected once")
        frames.add(match["frame"])
    return listed


def _find_videos(folder: Path) -> list[_Video]:
    """The videos on disk but for the left-out ones."""
    found = sorted(path.name for path in require_folder(folder).iterdir() if path.is_dir() and path.name not in CLUTTER)
    if found != sorted(CLASSES):
        raise DatasetError(f"{folder}: folders {', '.join(found) or 'none'}, expected {', '.join(CLASSES)}")
    videos = []
    for label in CLASSES:
        for path in sorted((folder / label).iterdir(), key=lambda item: natural(item.name)):
            name = f"{label}/{path.name}"
            if not path.is_dir() or path.name in CLUTTER or path.name.startswith(".") or _key(name) in LEFT_OUT:
                continue
            frames = tuple(frame for frame, _ in list_files(path, _FRAME, "NNNNNN.png"))
            videos.append(_Video(name, frames))
    return videos


def _compare(videos: list[_Video], listed: Mapping[str, set[str]], folder: Path, lists: str) -> None:
    """Checks that the lists and the disk have the same frames."""
    there = {video.name: {frame.name for frame in video.frames} for video in videos}
    for name, frames in listed.items():
        if missing := sorted(frames - there.get(name, set())):
            raise DatasetError(f"{folder / name / missing[0]} is missing; {lists} list it")
        if extra := sorted(there[name] - frames):
            raise DatasetError(f"{folder / name / extra[0]}: not in {lists}, which list other frames of this video")
    unlisted = [video.name for video in videos if video.name not in listed]
    if len(unlisted) > UNLISTED_VIDEOS:
        raise DatasetError(
            f"{folder}: {len(unlisted)} videos are in neither of {lists} ({', '.join(unlisted[:3])}, ...), expected at "
            f"most {UNLISTED_VIDEOS}"
        )
