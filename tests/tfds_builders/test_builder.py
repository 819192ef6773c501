import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import tensorflow_datasets as tfds
from etils import epath
from PIL import Image
from tensorflow_datasets.core import registered

from tfds_builders.builder import BUSBuilder
from tfds_builders.example import features, to_example
from tfds_builders.record import LABELS, DatasetError, Record


def png(width: int, height: int, value: int = 255) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((height, width), value, dtype=np.uint8)).save(buffer, format="PNG")
    return buffer.getvalue()


def record(**changes: Any) -> Record:
    fields: dict[str, Any] = {
        "image": png(8, 6),
        "masks": (png(8, 6),),
        "label": "benign",
        "solid": 1,
        "image_id": "a",
        "case_id": "c",
    }
    return Record(**{**fields, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"label": "cancer"}, r"demo: a: label 'cancer', expected one of normal, benign, malignant, or None"),
        ({"solid": 2}, r"demo: a: solid 2, expected 1 \(yes\), 0 \(no\) or -1 \(unknown\)"),
        ({"modality": "MG"}, r"demo: a: modality 'MG', expected one of ultrasound, mammography"),
        ({"fold": -2}, r"demo: a: fold -2, expected 0 or more"),
        ({"case_id": ""}, r"demo: a: case_id is empty"),
        ({"image_id": ""}, r"image_id is empty"),
        ({"masks": (png(6, 8),)}, r"mask is 6x8 pixels, its image demo: a, image is 8x6; expected the same size"),
        ({"image": b"not a png"}, r"demo: a, image: not a whole image file"),
        ({"image": Path("nowhere") / "a.png"}, r"nowhere.a\.png: cannot be read \(No such file or directory\)"),
    ],
)
def test_faults_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        to_example(record(**changes), "demo")


def test_mask_of_another_size_names_both_files(tmp_path: Path) -> None:
    (tmp_path / "image.png").write_bytes(png(8, 6))
    (tmp_path / "mask.png").write_bytes(png(8, 7))
    with pytest.raises(DatasetError, match=r"mask\.png is 8x7 pixels, its image .*image\.png is 8x6"):
        to_example(record(image=tmp_path / "image.png", masks=(tmp_path / "mask.png",)), "demo")


def test_unknown_and_empty_masks_differ() -> None:
    unknown, empty = to_example(record(masks=None), "demo"), to_example(record(masks=()), "demo")
    assert (unknown["has_mask"], empty["has_mask"]) == (False, True)
    for example in (unknown, empty):
        mask = np.asarray(Image.open(io.BytesIO(example["mask"])))
        assert mask.shape == (6, 8)
        assert not mask.any()


def test_an_unknown_class_is_minus_one() -> None:
    assert to_example(record(label=None), "demo")["label"] == -1


def test_masks_are_resized_where_the_release_is_known_for_it() -> None:
    large = np.zeros((12, 16), dtype=np.uint8)
    large[2:6, 4:8] = 255
    buffer = io.BytesIO()
    Image.fromarray(large).save(buffer, format="PNG")
    example = to_example(record(masks=(buffer.getvalue(),), resize_masks=8), "demo")
    mask = np.zeros((6, 8), dtype=np.uint8)
    mask[1:3, 2:4] = 255
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(example["mask"]))), mask)
    assert (example["mask_height"], example["mask_width"]) == (12, 16)
    with pytest.raises(DatasetError, match="mask is 16x12 pixels, its image demo: a, image is 8x6"):
        to_example(record(masks=(buffer.getvalue(),), resize_masks=7), "demo")


def test_what_a_dataset_of_one_modality_does_not_store_is_not_lost(tmp_path: Path) -> None:
    """Its files are as they were before there were modalities, and a record of another is refused."""
    builder = make([record()], tmp_path / "one")
    builder.download_and_prepare()
    stored = json.loads((Path(builder.data_dir) / "features.json").read_text())["featuresDict"]["features"]
    assert sorted(stored) == sorted(features())
    assert {"modality", "view"} == set(features(views=True)) - set(features())
    for changes, message in (
        ({"modality": "mammography"}, "made/a: modality 'mammography', expected 'ultrasound': its dataset stores none"),
        ({"view": "CC"}, "made/a: view 'CC', expected '': its dataset stores none"),
    ):
        with pytest.raises(DatasetError, match=message):
            make([record(**changes)], tmp_path / "other").download_and_prepare()


def make(parsed: Iterable[Record], data_dir: Path) -> BUSBuilder:
    with registered.skip_registration():

        class Made(BUSBuilder):
            """Records handed in."""

            VERSION = tfds.core.Version("1.0.0")
            RELEASE_NOTES: ClassVar[dict[str, str]] = {}
            pkg_dir_path = epath.Path(__file__).parent  # TFDS looks for a package around the class

            def records(self, release: Mapping[str, Path]) -> Iterable[Record]:
                return parsed

    return Made(data_dir=str(data_dir))


def test_records_keep_their_order_and_get_the_dataset_in_their_ids(tmp_path: Path) -> None:
    ids = [f"z{9 - number}" for number in range(10)]
    parsed = [record(image_id=name, label=LABELS[row % 3], fold=row % 2) for row, name in enumerate(ids)]
    builder = make(parsed, tmp_path)
    builder.download_and_prepare()
    assert builder.is_built()
    source = builder.as_data_source("images", decoders={"image": tfds.decode.SkipDecoding()})
    read = [source[index] for index in range(len(source))]
    assert [example["image_id"].decode() for example in read] == [f"made/{name}" for name in ids]
    assert [int(example["label"]) for example in read] == [row % 3 for row in range(10)]
    assert {example["case_id"] for example in read} == {b"made/c"}


def test_image_id_that_occurs_twice(tmp_path: Path) -> None:
    builder = make([record(), record()], tmp_path)
    with pytest.raises(DatasetError, match="made: image_id 'a' occurs twice, expected once"):
        builder.download_and_prepare()
    assert not builder.is_built()


def test_no_records(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"made: no images in .*, expected at least one"):
        make([], tmp_path).download_and_prepare()


def test_folder_that_is_not_a_whole_dataset(tmp_path: Path) -> None:
    builder = make([record()], tmp_path)
    (tmp_path / "made" / "1.0.0").mkdir(parents=True)
    with pytest.raises(DatasetError, match=r"made.1\.0\.0 is not a whole dataset; remove it"):
        builder.is_built()
