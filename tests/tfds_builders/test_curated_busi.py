from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.tfds_builders.expected import box, picture, save
from tests.tfds_builders.releases.curated_busi import write_release
from tfds_builders.curated_busi.curated_busi import MAPPING, CuratedBusi
from tfds_builders.reading import prepare
from tfds_builders.record import DatasetError


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_bytes().decode()
    assert old in text
    path.write_bytes(text.replace(old, new).encode())


@pytest.mark.parametrize("layout", ["the folder itself", "both folders at the top", "without the mapping"])
def test_layouts(tmp_path: Path, layout: str) -> None:
    release = tmp_path / "release"
    names = [f"curated_busi/{record.image_id}" for record in write_release(release)]
    if layout == "the folder itself":
        (release / MAPPING).rename(release / "Curated BUSI" / MAPPING)
        release = release / "Curated BUSI"
    elif layout == "both folders at the top":
        for part in ("images", "masks"):
            (release / "Curated BUSI" / part).rename(release / part)
    else:
        (release / MAPPING).unlink()
    assert prepare("curated_busi", tmp_path / "data", release).table.image_id.tolist() == names


def test_sums_of_masks_count_as_lesion(tmp_path: Path) -> None:
    write_release(tmp_path / "release")
    dataset = prepare("curated_busi", tmp_path / "data", tmp_path / "release")
    row = dataset.table.image_id.tolist().index("curated_busi/benign_id_195")
    np.testing.assert_array_equal(dataset[row]["mask"][5:10, 4:9], 255)


def test_known_duplicates_carry_the_names_used_here() -> None:
    groups = CuratedBusi.known_duplicates()
    assert ["benign_id_1", "benign_id_318"] in groups
    # The one group of which this part has several members.
    chain = {f"benign_id_{number}" for number in (61, 94, 108, 114, 116, 119, 122)}
    assert chain in [set(group) for group in groups]


def extra_image(release: Path) -> None:
    save(release / "Curated BUSI" / "images" / "benign_id_21.png", picture("L", 9, 9, 0))
    save(release / "Curated BUSI" / "masks" / "benign_id_21_mask.png", box(9, 9, 2, 2, 5, 5))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda release: (release / "Curated BUSI" / "masks" / "benign_id_22_mask.png").unlink(),
            r"images.benign_id_22\.png: no mask of it in .*masks, expected one for every image",
        ),
        (
            lambda release: (release / "Curated BUSI" / "images" / "benign_id_22.png").unlink(),
            r"masks.benign_id_22_mask\.png: no image to this mask in .*images, expected one for every mask",
        ),
        (
            lambda release: (release / "Curated BUSI" / "images" / "normal_id_2.png").rename(
                release / "Curated BUSI" / "images" / "normal (2).png"
            ),
            r"normal \(2\)\.png: unknown file name, expected 'benign_id_N\.png', 'malignant_id_N\.png' or",
        ),
        (
            lambda release: (release / "Curated BUSI" / "masks" / "normal_id_2_mask.png").rename(
                release / "Curated BUSI" / "masks" / "normal_id_2.png"
            ),
            r"normal_id_2\.png: unknown file name, expected such a name that ends in '_mask\.png'",
        ),
        (
            lambda release: edit(release / MAPPING, "benign;22", "benign;23"),
            r"BUSI\.csv, line 3: .*images.benign_id_23\.png is missing",
        ),
        (
            lambda release: edit(release / MAPPING, "benign;22\r\n", "benign;20\r\n"),
            r"BUSI\.csv, line 3: benign_id_20 stands already in .*BUSI\.csv, line 2, expected once",
        ),
        (
            lambda release: edit(release / MAPPING, "benign;22", "Benign;22"),
            r"BUSI\.csv, line 3: class 'Benign', expected one of 'normal', 'benign', 'malignant'",
        ),
        (
            lambda release: edit(release / MAPPING, "benign;22", "benign;22a"),
            r"BUSI\.csv, line 3: id '22a', expected an integer",
        ),
        (
            lambda release: edit(release / MAPPING, "class;id", "class,id"),
            r"BUSI\.csv: no column class, id; found class,id",
        ),
        (extra_image, r"benign_id_21\.png: not in .*BUSI\.csv, expected a row for every image"),
        (
            lambda release: save(release / "Curated BUSI" / "masks" / "benign_id_20_mask.png", box(25, 30, 2, 2, 5, 5)),
            r"benign_id_20_mask\.png is 25x30 pixels, its image .*benign_id_20\.png is 24x30",
        ),
    ],
)
def test_faults(tmp_path: Path, change: Callable[[Path], object], message: str) -> None:
    write_release(tmp_path / "release")
    change(tmp_path / "release")
    with pytest.raises(DatasetError, match=message):
        prepare("curated_busi", tmp_path / "data", tmp_path / "release")
