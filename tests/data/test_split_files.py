import json

import numpy as np
import pytest

from busjax.data.split_files import read_split, write_split
from busjax.data.splits import SplitError, make_split

from .memory import memory_table


@pytest.mark.parametrize(
    "protocol", ["holdout", "kfold", "official", "holdout_image", "augmented_image", "augmented_case"]
)
def test_round_trip(table, tmp_path, protocol):
    split = make_split(table, protocol, seed=7)
    write_split(split, table, tmp_path / "new" / "splits")
    back = read_split(tmp_path / "new" / "splits", table)
    assert (back.protocol, back.seed, back.fold) == (protocol, 7, 0)
    for name, rows in split.parts().items():
        np.testing.assert_array_equal(back.parts()[name], rows)
    assert {p.name for p in (tmp_path / "new" / "splits").iterdir()} == {
        "train.csv", "val.csv", "test.csv", "split.json",
    }  # fmt: skip


def test_rows_are_found_by_image_id_whatever_their_order(table, tmp_path):
    split = make_split(table, "holdout", seed=7)
    write_split(split, table, tmp_path)
    order = np.random.default_rng(0).permutation(len(table.image_id))
    shuffled = table.reordered(order)
    back = read_split(tmp_path, shuffled)
    np.testing.assert_array_equal(shuffled.image_id[back.test], table.image_id[split.test])


def test_content_of_a_file(tmp_path):
    table = memory_table([[(2, 1)], [(1, -1)], [(0, 0)]] * 4)
    table.image_id = np.array(['odd, "name" é', *table.image_id[1:]])
    write_split(make_split(table, "holdout", seed=0), table, tmp_path)
    lines = [line for name in ("train", "val", "test") for line in (tmp_path / f"{name}.csv").read_text().splitlines()]
    assert lines[0] == "image_id,case_id,label,solid"
    assert '"odd, ""name"" é",case0000,malignant,1' in lines
    assert "image0001-0,case0001,benign,-1" in lines
    assert "image0002-0,case0002,normal,0" in lines
    read_split(tmp_path, table)


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.fixture
def written(table, tmp_path):
    split = make_split(table, "holdout", seed=0)
    write_split(split, table, tmp_path)
    first = split.test[0]
    return tmp_path, table.image_id[first], table.case_id[first]


def test_unknown_image(table, written):
    folder, image, _ = written
    edit(folder / "test.csv", image, "other")
    with pytest.raises(SplitError, match=r"test\.csv row 2: image_id 'other' is not in the dataset"):
        read_split(folder, table)


def test_changed_label_case_and_solid(table, written):
    folder, image, case = written
    line = (folder / "test.csv").read_text().splitlines()[1]
    _, _, label, solid = line.split(",")
    for fields, message in (
        ((image, case, "begnin", solid), f"label of '{image}' is 'begnin', the dataset says '{label}'"),
        ((image, "x", label, solid), f"case_id of '{image}' is 'x', the dataset says '{case}'"),
        ((image, case, label, "5"), f"solid of '{image}' is '5', the dataset says '{solid}'"),
    ):
        edit(folder / "test.csv", line, ",".join(fields))
        with pytest.raises(SplitError, match=rf"test\.csv row 2: {message}"):
            read_split(folder, table)
        edit(folder / "test.csv", ",".join(fields), line)
    read_split(folder, table)


def test_image_listed_twice(table, written):
    folder, image, _ = written
    path = folder / "test.csv"
    path.write_text(path.read_text() + path.read_text().splitlines()[1] + "\n")
    with pytest.raises(SplitError, match=rf"image_id '{image}' is already in .*test\.csv row 2, expected once"):
        read_split(folder, table)


def test_case_in_two_parts(tmp_path):
    table = memory_table([[(2, 1), (2, 1)], [(1, 1), (1, 1)]] * 6)
    write_split(make_split(table, "holdout", seed=0), table, tmp_path)
    lines = (tmp_path / "train.csv").read_text().splitlines(keepends=True)
    (tmp_path / "train.csv").write_text("".join(lines[:1] + lines[2:]))
    with (tmp_path / "test.csv").open("a") as file:
        file.write(lines[1])
    with pytest.raises(
        SplitError, match=r"test\.csv row \d+: case 'case\d+' is already in train\.csv, expected one part"
    ):
        read_split(tmp_path, table)
    edit(tmp_path / "split.json", "holdout", "holdout_image")
    read_split(tmp_path, table)


@pytest.mark.parametrize("name", ["train.csv", "val.csv", "test.csv", "split.json"])
def test_missing_file(table, written, name):
    (written[0] / name).unlink()
    with pytest.raises(SplitError, match=rf"{name} is missing"):
        read_split(written[0], table)


def test_malformed_files(table, written):
    folder = written[0]
    saved = (folder / "val.csv").read_text()
    for text, message in (
        (saved.replace("label", "class", 1), r"val\.csv row 1: columns \['image_id', 'case_id', 'class', 'solid'\]"),
        (saved + "a,b\n", r"val\.csv row \d+: 2 fields, expected 4"),
        (saved.splitlines()[0] + "\n", r"val\.csv lists no images"),
        ("", r"val\.csv row 1: columns \[\]"),
    ):
        (folder / "val.csv").write_text(text)
        with pytest.raises(SplitError, match=message):
            read_split(folder, table)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"split\.json is not JSON"),
        ("[]", r"split\.json holds \[\], expected integer seed"),
        (json.dumps({"protocol": "mine", "seed": 0, "fold": 0}), "a protocol out of holdout"),
        (json.dumps({"protocol": "holdout", "seed": "0", "fold": 0}), "expected integer seed and fold"),
        (json.dumps({"protocol": "holdout", "seed": 0}), "expected integer seed and fold"),
    ],
)
def test_malformed_facts(table, written, text, message):
    (written[0] / "split.json").write_text(text)
    with pytest.raises(SplitError, match=message):
        read_split(written[0], table)


def test_an_interrupted_write_leaves_the_old_file(table, written, monkeypatch):
    folder, _, _ = written
    before = (folder / "test.csv").read_bytes()

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        write_split(make_split(table, "holdout", seed=1), table, folder)
    assert (folder / "test.csv").read_bytes() == before
    assert not list(folder.glob(".*"))
