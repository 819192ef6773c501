import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.tfds_builders.expected import picture, save
from tests.tfds_builders.releases.buv import write_release
from tfds_builders.reading import prepare
from tfds_builders.record import DatasetError

FIRST = "benign/1dc9ca2f1748c2ec"


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """The folder that has rawframes/ and the two lists in it."""
    write_release(tmp_path / "release")
    return tmp_path / "release" / "miccai_buv"


def refused(release: Path, tmp_path: Path, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        prepare("buv", tmp_path / "data", release)
    assert not (tmp_path / "data" / "buv" / "1.0.0").exists()


def test_the_other_names_of_the_release(release: Path, tmp_path: Path) -> None:
    (release / "train.json").rename(release / "imagenet_vid_train_15frames.json")
    (release / "val.json").rename(release / "imagenet_vid_val.json")
    other = release.rename(release.with_name("Miccai 2022 BUV Dataset"))
    table = prepare("buv", tmp_path / "data", other.parent).table
    assert (table.fold == 0).sum() > 0
    assert len(prepare("buv", tmp_path / "more", other)) == len(table)


def test_the_left_out_copies_may_be_gone(release: Path, tmp_path: Path) -> None:
    whole = len(prepare("buv", tmp_path / "data", release))
    copy = release / "rawframes" / "benign" / "x66ef02e7f1b9a0ef"
    for path in copy.iterdir():
        path.unlink()
    copy.rmdir()
    assert len(prepare("buv", tmp_path / "more", release)) == whole


@pytest.mark.parametrize("name", ["63c9ba1377f35bf6", "x63c9ba1377f35bf6"])
def test_the_erratum_holds_for_both_spellings(release: Path, tmp_path: Path, name: str) -> None:
    folder = release / "rawframes" / "benign"
    (folder / "x63c9ba1377f35bf6").rename(folder / name)
    train = release / "train.json"
    train.write_text(train.read_text().replace("x63c9ba1377f35bf6", name))
    table = prepare("buv", tmp_path / "data", release).table
    video = [f"/benign/{name}/" in image_id for image_id in table.image_id.tolist()]
    assert set(table.label[video].tolist()) == {2}
    assert set(table.case_id[video].tolist()) == {"buv/malignant/2390fbea047347b"}


def change(edit: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    def rewrite(release: Path) -> None:
        content = json.loads((release / "val.json").read_text())
        edit(content)
        (release / "val.json").write_text(json.dumps(content))

    return rewrite


def first(value: Any) -> Callable[[Path], None]:
    return change(lambda content: content["images"].__setitem__(0, value))


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda release: (release / "val.json").write_text("{"), r"val\.json: not a JSON file \(Expecting"),
        (lambda release: (release / "val.json").write_bytes(b'{"images": "\xff"}'), r"val\.json: not a JSON file"),
        (lambda release: (release / "val.json").write_text("[1, 2]"), r"val\.json: \[1, 2\], expected an object"),
        (change(lambda content: content.pop("images")), r"val\.json: no images; found categories, videos, annotations"),
        (change(lambda content: content.update(images={})), r"val\.json, images: {}, expected a list"),
        (first(7), r"val\.json, images\[0\]: 7, expected an object"),
        (first({"id": 1}), r"val\.json, images\[0\]: no file_name; found id"),
        (first({"file_name": 1}), r"val\.json, images\[0\], file_name: 1, expected a text"),
        (
            first({"file_name": "normal/a/000000.png"}),
            r"images\[0\]: file_name 'normal/a/000000\.png', expected benign/",
        ),
        (
            change(lambda content: content["images"].append(content["images"][0])),
            r"val\.json, images\[\d+\]: file_name 'malignant/x9c1c965d274c457/000000\.png' is listed twice, expected",
        ),
        (
            first({"file_name": f"{FIRST}/000000.png"}),
            rf"val\.json: video {FIRST} is in .*train\.json too, expected in one of them",
        ),
        (
            lambda release: (release / "rawframes" / FIRST / "000001.png").unlink(),
            rf"{FIRST}/000001\.png is missing; train\.json and val\.json list it",
        ),
        (
            lambda release: save(release / "rawframes" / FIRST / "000009.png", picture("L", 20, 20, 0)),
            rf"{FIRST}/000009\.png: not in train\.json and val\.json, which list other frames of this video",
        ),
        (
            lambda release: save(release / "rawframes" / FIRST / "cover.png", picture("L", 20, 20, 0)),
            r"cover\.png: unknown file name, expected NNNNNN\.png",
        ),
        (
            lambda release: (release / "rawframes" / "normal").mkdir(),
            r"rawframes: folders benign, malignant, normal, expected benign, malignant",
        ),
        (
            lambda release: [
                save(release / "rawframes/benign" / n / "000000.png", picture("L", 9, 9, 0)) for n in "pq"
            ],
            r"rawframes: 3 videos are in neither of train\.json and val\.json \(.*p, .*q, .*expected at most 2",
        ),
    ],
)
def test_faults(release: Path, tmp_path: Path, edit: Callable[[Path], None], message: str) -> None:
    edit(release)
    refused(release, tmp_path, message)


def test_missing_list(release: Path, tmp_path: Path) -> None:
    (release / "val.json").unlink()
    refused(release, tmp_path, r"has no val\.json")
