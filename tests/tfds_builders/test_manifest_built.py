"""The names of a manifest's images, and built copies: apart from each other, and only of what is there now."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tfds_builders.expected import box, picture, save
from tests.tfds_builders.releases.manifest import dataset, save_dicom
from tfds_builders import manifest
from tfds_builders.manifest.files import image_ids
from tfds_builders.reading import prepare
from tfds_builders.record import DatasetError

GREY = picture("L", 20, 16, seed=3)
MASK = box(20, 16, 2, 3, 10, 9)
OTHER = box(20, 16, 12, 3, 19, 9)


@settings(deadline=None)
@given(st.sets(st.from_regex(r"(x/)?[ab](\.a)?(\.png|\.jpg|\.7)?", fullmatch=True), min_size=1))
def test_image_ids_differ(names: set[str]) -> None:
    ids = image_ids(sorted(names))
    assert len(set(ids.values())) == len(names)
    for name, image_id in ids.items():
        stem = name.removesuffix(".png").removesuffix(".jpg")
        assert image_id in (name, stem)
        if not any(other != name and stem in (other, ids[other]) for other in names):
            assert image_id == stem or any(other != name and other.startswith(f"{stem}.") for other in names)


def test_image_ids_by_hand() -> None:
    names = ["s/a.png", "s/b.png", "s/b.JPG", "c.png.tif", "c.png", "1.2.840.5", "d.jpeg"]
    assert list(image_ids(names).values()) == ["s/a", "s/b.png", "s/b.JPG", "c.png.tif", "c", "1.2.840.5", "d"]


@pytest.fixture
def hospital(tmp_path: Path) -> Path:
    """A folder with three good images."""
    for number, letter in enumerate("abc"):
        save(tmp_path / f"hospital/{letter}.png", picture("L", 20, 16, seed=number))
    save(tmp_path / "hospital/m.png", MASK)
    save(tmp_path / "hospital/m2.png", OTHER)
    save(tmp_path / "hospital/ones.png", MASK.astype(np.uint8))
    text = "image,label,mask\na.png,benign,m.png\nb.png,malignant,m2.png\nc.png,normal,none\n"
    (tmp_path / "hospital/manifest.csv").write_text(text)
    return tmp_path / "hospital"


def test_own_names_side_by_side(hospital: Path, tmp_path: Path) -> None:
    (tmp_path / "second").mkdir()
    save(tmp_path / "second/z.png", GREY)
    (tmp_path / "second/manifest.csv").write_text("image;label;case_id\nz.png;malignant;7\n")
    first = prepare("manifest/hospital_a", tmp_path / "data", hospital)
    second = prepare("manifest/hospital_b", tmp_path / "data", tmp_path / "second")
    assert first.table.image_id.tolist() == [f"manifest/hospital_a/{letter}" for letter in "abc"]
    assert first.table.case_id.tolist() == first.table.image_id.tolist()
    assert second.table.image_id.tolist() == ["manifest/hospital_b/z"]
    assert second.table.case_id.tolist() == ["manifest/hospital_b/7"]
    np.testing.assert_array_equal(second[0]["image"], np.stack([GREY] * 3, axis=-1))


def test_example_of_the_readme(tmp_path: Path) -> None:
    readme = Path(manifest.__file__).with_name("README.md").read_text(encoding="utf-8")
    found = re.search(r"^    image,label.*?\n\n", readme, re.DOTALL | re.MULTILINE)
    assert found is not None
    lines = [line.strip() for line in found[0].strip().split("\n")]
    save_dicom(tmp_path / "anna/left 2.dcm", dataset(GREY))
    for name in ("anna/left 1.png", "berta.jpg", "clara.tif", "dora.bmp"):
        save(tmp_path / name, GREY)
    for name in ("anna left 1", "a", "b"):
        save(tmp_path / f"masks/{name}.png", OTHER if name == "b" else MASK)
    (tmp_path / "manifest.csv").write_text("\n".join(lines))
    example = prepare("manifest", tmp_path / "data", tmp_path)
    table = example.table
    names = ["anna/left 1", "anna/left 2", "berta", "clara", "dora"]
    assert table.image_id.tolist() == [f"manifest/{name}" for name in names]
    assert table.case_id.tolist() == [f"manifest/{name.split('/')[0]}" for name in names]
    assert table.label.tolist() == [2, 2, 1, 0, -1]
    assert table.solid.tolist() == [1, 1, 0, 0, -1]
    assert table.fold.tolist() == [0, 0, 1, 1, -1]
    assert table.has_mask.tolist() == [True, True, False, True, False]
    assert table.histology.tolist() == ["IDC, grade 2", "IDC, grade 2", "cyst", "", ""]
    np.testing.assert_array_equal(example[1]["mask"][..., 0] > 0, MASK | OTHER)


def test_nothing_is_built_from_a_table_with_faults(hospital: Path, tmp_path: Path) -> None:
    with (hospital / "manifest.csv").open("a") as file:
        file.write("a.png,benign,ones.png\n,benign,\n")
    with pytest.raises(DatasetError) as caught:
        prepare("manifest/own", tmp_path / "data", hospital)
    messages = str(caught.value).split("\n")
    assert messages[0] == f"{hospital / 'manifest.csv'}: 3 errors"
    assert [message.split(":")[0] for message in messages[1:]] == ["line 5", "line 5", "line 6"]
    assert not list((tmp_path / "data").rglob("*.array_record*"))


CHANGES: dict[str, Callable[[Path], object]] = {
    "mask": lambda folder: save(folder / "m.png", OTHER),
    "image": lambda folder: save(folder / "c.png", GREY),
    "label": lambda folder: (folder / "manifest.csv").write_text("image,label,mask\na.png,malignant,m.png\n"),
    "gone": lambda folder: (folder / "b.png").unlink(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_built_copy_of_changed_files_is_refused(change: str, hospital: Path, tmp_path: Path) -> None:
    prepare("manifest/own", tmp_path / "data", hospital)
    # The same files with other dates, elsewhere, beside a new one that the table does not name.
    moved = tmp_path / "moved"
    shutil.copytree(hospital, moved, symlinks=True, copy_function=shutil.copyfile)
    save(moved / "new.png", GREY)
    assert len(prepare("manifest/own", tmp_path / "data", moved)) == 3
    CHANGES[change](moved)
    with pytest.raises(DatasetError, match=r"built from other files than those now in .*; remove it and build"):
        prepare("manifest/own", tmp_path / "data", moved)
    assert len(prepare("manifest/own", tmp_path / "data")) == 3
    # A folder without a table is that of another dataset of the same run.
    assert len(prepare("manifest/own", tmp_path / "data", tmp_path)) == 3
