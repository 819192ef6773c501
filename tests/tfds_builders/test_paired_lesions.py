"""What is wrong with a manifest of paired lesions is told all at once, each fault with its line."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tfds_builders.expected import box, picture, save
from tfds_builders import paired_lesions
from tfds_builders.paired_lesions.check import read_records
from tfds_builders.reading import prepare
from tfds_builders.record import DatasetError

HEADER = "lesion_id,modality,image,label,mask,contour,solid,fold"
MASK = box(20, 16, 2, 3, 10, 9)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images a.png ... q.png but m.png, masks and contours."""
    folder = tmp_path_factory.mktemp("pictures")
    for number, letter in enumerate("abcdefghijklnopq"):
        save(folder / f"{letter}.png", picture("L", 20, 16, seed=number))
    save(folder / "m.png", MASK)
    save(folder / "empty.png", np.zeros_like(MASK))
    save(folder / "wide.png", box(21, 16, 2, 3, 10, 9))
    for name, points in {
        "c": "2,3 10,3 10,9 2,9",
        "out": "2,3 25,3 10,17",
        "two": "1,1 5,5",
        "word": "1,1 a,b",
    }.items():
        (folder / f"{name}.csv").write_text(points.replace(" ", "\n"))
    return folder


def faults(folder: Path, *lines: str) -> list[str]:
    """The message's lines after the first, which counts them."""
    table = folder / "manifest.csv"
    table.write_text("\n".join(lines))
    with pytest.raises(DatasetError) as caught:
        read_records(table)
    head, *rest = str(caught.value).split("\n")
    assert head == f"{table}: {len(rest)} error{'s' if len(rest) > 1 else ''}"
    return rest


GOOD = ("A,mammography,a.png,benign,,c.csv,,0", "A,ultrasound,b.png,benign,m.png,,,0")
ROW_FAULTS = [
    ("A,ultrasound,nowhere.png,benign,m.png,,,0", r"image 'nowhere\.png' is missing"),
    ("A,ultrasound,./b.png,benign,m.png,,,0", r"image 'b\.png' stands already in line 3, expected once"),
    ("A,MG,c.png,benign,m.png,,,0", "modality 'MG', expected one of 'ultrasound', 'mammography'"),
    ("A,,c.png,benign,m.png,,,0", "modality '', expected one of"),
    ("A,ultrasound,c.png,normal,,c.csv,,0", "label 'normal', expected one of 'benign', 'malignant'"),
    ("A,ultrasound,c.png,,m.png,,,0", "label '', expected one of"),
    ("A,ultrasound,c.png,malignant,m.png,,,0", r"label 'malignant' \(ultrasound\), but lesion 'A' has 'benign' in line 2 \(mammography\)"),  # noqa: E501
    ("A,ultrasound,c.png,benign,m.png,,yes,0", r"solid 'yes' \(ultrasound\), but lesion 'A' has '' in line 2"),
    ("A,ultrasound,c.png,benign,m.png,,maybe,0", "solid 'maybe', expected one of"),
    ("A,ultrasound,c.png,benign,m.png,,,1", "fold 1, but lesion 'A' is in fold 0 in line 2; expected one"),
    ("A,ultrasound,c.png,benign,m.png,,,x", "fold 'x', expected a number"),
    ("A,ultrasound,c.png,benign,,,,0", "mask and contour are both empty, expected one of them"),
    ("A,ultrasound,c.png,benign,m.png,c.csv,,0", "mask and contour are both given, expected one of them"),
    ("A,ultrasound,c.png,benign,none,,,0", "mask none .*, expected the mask or the contour of the lesion"),
    ("A,ultrasound,c.png,benign,empty.png,,,0", r"mask 'empty\.png' is empty, expected a lesion"),
    ("A,ultrasound,c.png,benign,wide.png,,,0", r"mask 'wide\.png' is 21x16 pixels, its image is 20x16"),
    ("A,ultrasound,c.png,benign,b.png,,,0", r"mask 'b\.png' is the image of line 3, expected a mask"),
    ("A,ultrasound,c.png,benign,,nowhere.csv,,0", r"contour 'nowhere\.csv' is missing, looked for /"),
    ("A,ultrasound,c.png,benign,,../c.csv,,0", r"contour '\.\./c\.csv' leaves the folder of the table"),
    ("A,ultrasound,c.png,benign,,out.csv,,0", r"contour 'out\.csv': 2 of 3 points lie outside its image, the first is \(25, 3\)"),  # noqa: E501
    ("A,ultrasound,c.png,benign,,two.csv,,0", r"contour 'two\.csv': 2 different points, expected at least 3"),
    ("A,ultrasound,c.png,benign,,word.csv,,0", r"contour 'word\.csv': line 2 is 'a,b', expected two numbers"),
    ("A,ultrasound,c.png,benign,,m.png,,0", r"contour 'm\.png': not a text in UTF-8"),
    (",ultrasound,c.png,benign,m.png,,,0", "lesion_id is empty, expected a name that all pictures of the lesion share"),
    ("B,ultrasound,c.png,benign,m.png,,,0", r"lesion 'B' has ultrasound alone \(line 5\), expected mammography too"),
    ("B,mammography,c.png,benign,m.png,,,0", r"lesion 'B' has mammography alone \(line 5\), expected ultrasound too"),
]  # fmt: skip


@pytest.mark.parametrize(("row", "message"), ROW_FAULTS)
def test_fault_of_a_row(row: str, message: str, pictures: Path) -> None:
    found = faults(pictures, HEADER, *GOOD, "", row)
    assert len(found) == 1, found
    assert re.match(f"line 5: {message}", found[0]), found[0]


def test_all_rows_of_all_lesions_with_faults_are_listed(pictures: Path) -> None:
    rows = [
        "A,ultrasound,a.png,benign,m.png,",
        "B,mammography,b.png,malignant,m.png,",
        "A,ultrasound,c.png,benign,m.png,",
        "B,ultrasound,d.png,benign,m.png,",
        "C,mammography,e.png,benign,,out.csv",
        "B,ultrasound,f.png,benign,m.png,",
        "C,ultrasound,g.png,benign,,out.csv",
        "D,mammography,h.png,benign,m.png,",
    ]
    found = faults(pictures, "lesion_id,modality,image,label,mask,contour", *rows)
    assert [message.split(":")[0] for message in found] == [f"line {line}" for line in (2, 5, 6, 7, 8, 9)]
    assert found[0] == "line 2: lesion 'A' has ultrasound alone (lines 2, 4), expected mammography too"
    assert found[1].startswith("line 5: label 'benign' (ultrasound), but lesion 'B' has 'malignant' in line 3 (mammo")
    assert found[5] == "line 9: lesion 'D' has mammography alone (line 9), expected ultrasound too"


@pytest.mark.parametrize("missing", ["lesion_id", "modality", "image", "label"])
def test_columns_that_must_be_there(missing: str, pictures: Path) -> None:
    header = HEADER.replace(missing, "histology")
    found = faults(pictures, header)
    assert len(found) == 1
    assert found[0].startswith(f"line 1: no column '{missing}'; found ")


# What a lesion has, row by row: modality, label.
LESION = st.lists(
    st.tuples(st.sampled_from(["mammography", "ultrasound"]), st.sampled_from(["benign", "malignant"])),
    min_size=1,
    max_size=4,
)


@settings(max_examples=40, deadline=None)
@given(lesions=st.lists(LESION, min_size=1, max_size=4), data=st.data())
def test_lesions_are_whole_and_of_one_label(
    lesions: list[list[tuple[str, str]]], pictures: Path, data: st.DataObject
) -> None:
    rows = data.draw(st.permutations([(name, *row) for name, lesion in enumerate(lesions) for row in lesion]))
    table = pictures / "manifest.csv"
    text = [
        f"{name},{kind},{letter}.png,{label},m.png"
        for letter, (name, kind, label) in zip("abcdefghijklnopq", rows, strict=False)
    ]
    table.write_text("\n".join(["lesion_id,modality,image,label,mask", *text]))
    expected: list[int] = []
    for name, lesion in enumerate(lesions):
        lines = [number for number, row in enumerate(rows, start=2) if row[0] == name]
        if len({kind for kind, _ in lesion}) == 1:
            expected.append(lines[0])
        first = rows[lines[0] - 2][2]
        expected += [number for number in lines if rows[number - 2][2] != first]
    if expected:
        with pytest.raises(DatasetError) as caught:
            read_records(table)
        found = [int(line.split(":")[0].removeprefix("line ")) for line in str(caught.value).split("\n")[1:]]
        assert found == sorted(expected)
    else:
        records = read_records(table)
        assert [(int(r.case_id), r.modality, r.label) for r in records] == rows


def test_example_of_the_readme(tmp_path: Path) -> None:
    readme = Path(paired_lesions.__file__).with_name("README.md").read_text(encoding="utf-8")
    blocks = [re.sub("^    ", "", block, flags=re.M) for block in re.findall(r"(?:^    .*\n)+", readme, re.M)]
    table, contour = blocks
    assert contour.startswith("x,y\n")
    (tmp_path / "manifest.csv").write_text(table)
    for row in table.splitlines()[1:]:
        cells = row.split(",")
        save(tmp_path / cells[2], picture("L", 160, 130, seed=1))
        if cells[5]:
            (tmp_path / cells[5]).write_text(contour)
        else:
            save(tmp_path / cells[6], box(160, 130, 10, 10, 50, 50))
    built = prepare("paired_lesions/hospital_a", tmp_path / "data", tmp_path)
    assert built.table.image_id.tolist() == [
        f"paired_lesions/hospital_a/{name}" for name in ("L01/cc", "L01/mlo", "L01/us1", "L02/us1", "L02/cc")
    ]
    assert built.table.case_id.tolist() == [f"paired_lesions/hospital_a/L0{lesion}" for lesion in (1, 1, 1, 2, 2)]
    assert built.table.view.tolist() == ["CC", "MLO", "radial", "", "CC"]
    # The contour is a triangle; by the shoelace formula its area is 710.4.
    assert abs(int((built[0]["mask"] > 0).sum()) - 710.4) < 10
    contour_file = tmp_path / "L01/cc.csv"
    contour_file.write_text("1,1\n9,1\n9,9\n")
    with pytest.raises(DatasetError, match="built from other files than those now in"):
        prepare("paired_lesions/hospital_a", tmp_path / "data", tmp_path)
