import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from busjax.data.splits import make_split
from tfds_builders.bus_bra.solidity import SOLID_BY_HISTOLOGY
from tfds_builders.reading import prepare
from tfds_builders.record import LABELS, DatasetError


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_the_folder_itself_may_be_given(bus_bra_release: Path, tmp_path: Path) -> None:
    assert len(prepare("bus_bra", tmp_path / "data", bus_bra_release / "BUSBRA")) == 32


def refused(release: Path, tmp_path: Path, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        prepare("bus_bra", tmp_path / "data", release)
    assert not (tmp_path / "data" / "bus_bra" / "1.1.0").exists()


def test_unknown_histology(bus_bra_release: Path, tmp_path: Path) -> None:
    edit(bus_bra_release / "BUSBRA" / "bus_data.csv", "fibroadenoma", "fibrodenoma")
    refused(
        bus_bra_release, tmp_path, r"bus_data\.csv, line 5: Pathology 'benign' with Histology 'fibrodenoma' is not in"
    )


def test_label_outside_the_classes(bus_bra_release: Path, tmp_path: Path) -> None:
    edit(bus_bra_release / "BUSBRA" / "bus_data.csv", "cyst,benign", "cyst,Benign")
    refused(bus_bra_release, tmp_path, r"bus_data\.csv, line 4: Pathology 'Benign'")


def test_image_twice_in_the_csv(bus_bra_release: Path, tmp_path: Path) -> None:
    edit(bus_bra_release / "BUSBRA" / "bus_data.csv", "bus_0001-r", "bus_0001-l")
    refused(
        bus_bra_release, tmp_path, r"bus_data\.csv, line 3: ID 'bus_0001-l' stands already in .*bus_data\.csv, line 2"
    )


@pytest.mark.parametrize("name", ["Images/bus_0099-s.png", "Masks/mask_0099-s.png"])
def test_file_without_a_row(bus_bra_release: Path, tmp_path: Path, name: str) -> None:
    (bus_bra_release / "BUSBRA" / name).write_bytes(b"")
    refused(bus_bra_release, tmp_path, rf"BUSBRA.{name}: no row in .*bus_data\.csv")


@pytest.mark.parametrize("name", ["Images/bus_0007-s.png", "Masks/mask_0007-s.png"])
def test_missing_image_or_mask(bus_bra_release: Path, tmp_path: Path, name: str) -> None:
    (bus_bra_release / "BUSBRA" / name).unlink()
    refused(bus_bra_release, tmp_path, rf"bus_data\.csv, line 5: .*{name} is missing")


def test_truncated_image(bus_bra_release: Path, tmp_path: Path) -> None:
    path = bus_bra_release / "BUSBRA" / "Images" / "bus_0007-s.png"
    path.write_bytes(path.read_bytes()[:600])
    refused(bus_bra_release, tmp_path, r"bus_0007-s\.png: not a whole image file")


def test_mask_of_another_size(bus_bra_release: Path, tmp_path: Path) -> None:
    path = bus_bra_release / "BUSBRA" / "Masks" / "mask_0007-s.png"
    Image.open(path).resize((20, 20)).save(path)
    refused(bus_bra_release, tmp_path, r"mask_0007-s\.png is 20x20 pixels, its image .*bus_0007-s\.png is 43x56")


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("bus_data.csv", "Histology", "Diagnosis", r"bus_data\.csv: no column Histology; found ID, Case, Diagnosis"),
        ("bus_data.csv", "bus_0007-s,7,", "bus_0007-s,seven,", r"line 5: Case 'seven', expected an integer"),
        ("bus_data.csv", "bus_0007-s,7,", "img7,7,", r"line 5: ID 'img7', expected bus_NNNN"),
        ("5-fold-cv.csv", "bus_0007-s", "bus_0008-s", r"line 5: ID 'bus_0007-s' has no row in 5-fold-cv\.csv"),
        (
            "5-fold-cv.csv",
            "benign,5",
            "benign,6",
            r"5-fold-cv\.csv, line 5: kFold '6', expected one of '1', '2', '3', '4', '5'",
        ),
    ],
)
def test_csv_faults(bus_bra_release: Path, tmp_path: Path, file: str, old: str, new: str, message: str) -> None:
    edit(bus_bra_release / "BUSBRA" / file, old, new)
    refused(bus_bra_release, tmp_path, message)


def test_missing_csv(bus_bra_release: Path, tmp_path: Path) -> None:
    (bus_bra_release / "BUSBRA" / "bus_data.csv").unlink()
    refused(bus_bra_release, tmp_path, r"bus_data\.csv: cannot be read")


def test_histologies_follow_qi() -> None:
    assert all(solid == 1 for (label, _), solid in SOLID_BY_HISTOLOGY.items() if label == "malignant")
    benign = {histology: solid for (label, histology), solid in SOLID_BY_HISTOLOGY.items() if label == "benign"}
    assert {name for name, solid in benign.items() if solid == 0} == {"cyst", "galactocele", "duct ectasia"}
    assert benign["fibroadenoma"] == benign["lipoma"] == 1
    assert len(SOLID_BY_HISTOLOGY) == 29
    assert {label for label, _ in SOLID_BY_HISTOLOGY} == set(LABELS) - {"normal"}


@pytest.mark.real_data
def test_real_release(real_data: Path, tmp_path: Path) -> None:
    dataset = prepare("bus_bra", tmp_path, real_data)
    with (real_data / "BUSBRA" / "bus_data.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    with (real_data / "BUSBRA" / "5-fold-cv.csv").open(newline="") as file:
        folds = {row["ID"]: int(row["kFold"]) for row in csv.DictReader(file)}
    table = dataset.table
    assert table.image_id.tolist() == [f"bus_bra/{row['ID']}" for row in rows]
    assert len(set(table.case_id)) == len({row["Case"] for row in rows})
    assert (table.label == 2).tolist() == [row["Pathology"] == "malignant" for row in rows]
    assert table.fold.tolist() == [folds[row["ID"]] - 1 for row in rows]
    fluid = {"cyst", "galactocele", "duct ectasia"}
    assert (table.solid == 0).tolist() == [row["Histology"] in fluid for row in rows]
    # The official folds keep cases together.
    assert len(set(zip(table.case_id, table.fold, strict=True))) == len(set(table.case_id))
    assert table.histology.tolist() == [row["Histology"] for row in rows]
    assert table.birads.tolist() == [row["BIRADS"] for row in rows]
    for index, row in enumerate(rows):
        name = row["ID"]
        image = np.asarray(Image.open(real_data / "BUSBRA" / "Images" / f"{name}.png"))
        mask = np.asarray(Image.open(real_data / "BUSBRA" / "Masks" / f"mask_{name[4:]}.png"))
        example = dataset[index]
        np.testing.assert_array_equal(example["image"], np.stack([image] * 3, axis=-1))
        np.testing.assert_array_equal(example["mask"][..., 0] == 255, mask)
        assert np.count_nonzero(example["mask"]) == np.count_nonzero(mask)
        assert set(np.unique(example["mask"])) <= {0, 255}


@pytest.mark.real_data
def test_real_official_folds(real_data: Path, tmp_path: Path) -> None:
    """Theirs keep cases together in the outer folds and not between training and validation; ours do in both."""
    table = prepare("bus_bra", tmp_path, real_data).table
    with (real_data / "BUSBRA" / "5-fold-cv.csv").open(newline="") as file:
        released = {f"bus_bra/{row['ID']}": row for row in csv.DictReader(file)}
    for fold in range(5):
        split = make_split(table, "official", seed=1, fold=fold)
        cases = {name: set(table.case_id[rows].tolist()) for name, rows in split.parts().items()}
        assert not cases["train"] & cases["val"]
        assert not (cases["train"] | cases["val"]) & cases["test"]
        assert sorted(table.image_id[split.test]) == sorted(
            name for name, row in released.items() if row["kFold"] == str(fold + 1)
        )
        theirs = {
            value: {
                case
                for name, case in zip(table.image_id.tolist(), table.case_id.tolist(), strict=True)
                if released[name][f"valid_{fold + 1}"] == value
            }
            for value in ("0", "1")
        }
        assert len(theirs["0"] & theirs["1"]) > 50
