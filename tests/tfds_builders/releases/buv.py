"""BUV: videos as folders of frames, the videos of the erratum, a video in neither list, a patient in both parts."""

import json
from pathlib import Path
from typing import Any

from tests.tfds_builders.expected import Expected, picture, rgb, save

# Video, list it is in, case, label expected (2 malignant), fold expected; None: left out.
# Folders in alphabetic order, videos by the numbers in their names.
VIDEOS: tuple[tuple[str, str, tuple[str, int, int] | None], ...] = (
    ("benign/1dc9ca2f1748c2ec", "train", ("benign/1dc9ca2f1748c2ec", 1, -1)),
    ("benign/2a00000000000000", "train", ("benign/2a00000000000000", 1, -1)),
    ("benign/3a00000000000000", "val", ("benign/3a00000000000000", 1, 0)),
    ("benign/4a00000000000000", "val", ("benign/4a00000000000000", 1, 0)),
    ("benign/10a0000000000000", "train", ("benign/10a0000000000000", 1, -1)),
    ("benign/x1a00000000000000", "train", ("benign/x1a00000000000000", 1, -1)),
    # The same patient as malignant/2390fbea047347b, which is in the validation part; truly malignant.
    ("benign/x5a1c46ec6377e946", "train", ("malignant/2390fbea047347b", 2, 0)),
    ("benign/x7a00000000000000", "train", ("benign/x7a00000000000000", 1, -1)),
    ("benign/x28f299ceb056964c", "train", ("benign/x28f299ceb056964c", 1, -1)),
    ("benign/x63c9ba1377f35bf6", "train", ("malignant/2390fbea047347b", 2, 0)),
    # A copy of a malignant video.
    ("benign/x66ef02e7f1b9a0ef", "train", None),
    # Nearly a copy of a malignant video of the validation part: which label is right is not known.
    ("benign/x1282311c38f808f", "train", ("malignant/9c1c965d274c457", 1, 0)),
    ("benign/xaa00000000000000", "", ("benign/xaa00000000000000", 1, -1)),
    ("malignant/1b00000000000000", "train", ("malignant/1b00000000000000", 2, -1)),
    ("malignant/2b00000000000000", "train", ("malignant/2b00000000000000", 2, -1)),
    ("malignant/3b00000000000000", "train", ("malignant/3b00000000000000", 2, -1)),
    ("malignant/4b00000000000000", "train", ("malignant/4b00000000000000", 2, -1)),
    ("malignant/5b00000000000000", "train", ("malignant/5b00000000000000", 2, -1)),
    ("malignant/7a39ab5d4970bf89", "train", ("malignant/2390fbea047347b", 2, 0)),
    ("malignant/2390fbea047347b", "val", ("malignant/2390fbea047347b", 2, 0)),
    ("malignant/x3b88488853e8b7d1", "train", ("malignant/x3b88488853e8b7d1", 2, -1)),
    ("malignant/x9c1c965d274c457", "val", ("malignant/9c1c965d274c457", 2, 0)),
)


def listing(part: str) -> dict[str, Any]:
    """COCO-VID with the frames of a part, last video first, one box drawn from right to left."""
    images: list[dict[str, Any]] = []
    videos = [name for name, listed, _ in reversed(VIDEOS) if listed == part]
    for video, name in enumerate(videos, start=1):
        for frame in range(frames(name)):
            images.append(
                {"file_name": f"{name}/{frame:06d}.png", "id": len(images) + 1, "video_id": video, "frame_id": frame}
            )
    return {
        "categories": [{"id": 1, "name": "benign"}, {"id": 2, "name": "malignant"}],
        "videos": [{"id": number, "name": name} for number, name in enumerate(videos, start=1)],
        "images": images,
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [9, 3, -4, 5]}],
    }


def frames(video: str) -> int:
    """How many frames a video has here."""
    return 2 + len(video) % 2


def write_release(folder: Path) -> list[Expected]:
    """Writes rawframes/, train.json and val.json below `folder`, in miccai_buv/."""
    release = folder / "miccai_buv"
    expected = []
    for seed, (video, _, facts) in enumerate(VIDEOS):
        for frame in range(frames(video)):
            image = picture(("RGB", "L")[seed % 2], 20 + seed, 18 + frame, seed=10 * seed + frame)
            save(release / "rawframes" / video / f"{frame:06d}.png", image)
            if facts is None:
                continue
            case, label, fold = facts
            solid = 1 if label == 2 else -1
            expected.append(Expected(f"{video}/{frame:06d}", case, label, solid, rgb(image), None, fold=fold))
    for part in ("train", "val"):
        (release / f"{part}.json").write_text(json.dumps(listing(part)))
    return expected
