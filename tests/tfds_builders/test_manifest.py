"""What is wrong with a manifest is told all at once, each fault with its line."""

import os
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.tfds_builders.expected import box, picture, save
from tfds_builders.manifest.check import COLUMNS, read_records
from tfds_builders.record import DatasetError

GREY = picture("L", 20, 16, seed=3)
MASK = box(20, 16, 2, 3, 10, 9)
OTHER = box(20, 16, 12, 3, 19, 9)


def make_pictures(folder: Path) -> Path:
    """Writes good images a.png ... h.png, masks, and pictures with every fault."""
    for number, letter in enumerate("abcdefgh"):
        save(folder / f"{letter}.png", picture("L", 20, 16, seed=number))
    save(folder / "m.png", MASK)
    save(folder / "m2.png", OTHER)
    save(folder / "empty.png", MASK & OTHER)
    save(folder / "wide.png", box(21, 16, 2, 3, 10, 9))
    save(folder / "ones.png", MASK.astype(np.uint8))
    (folder / "broken.png").write_bytes((folder / "a.png").read_bytes()[:-40])
    (folder / "text.png").write_text("no image")
    save(folder / "x.gif", GREY)
    Image.fromarray(GREY.astype(np.uint16) * 200).save(folder / "deep.png")
    Image.fromarray(GREY.astype(np.uint16) * 200).save(folder / "deep.tif")
    Image.fromarray(GREY).save(folder / "two.tif", save_all=True, append_images=[Image.fromarray(GREY)])
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.fromarray(GREY).save(folder / "turned.jpg", exif=turned)
    (folder / "folder").mkdir()
    os.symlink(folder / "a.png", folder / "link.png")
    os.link(folder / "a.png", folder / "hard.png")
    return folder


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_pictures(tmp_path_factory.mktemp("pictures"))


def faults(folder: Path, *lines: str, encoding: str = "utf-8") -> list[str]:
    """The message's lines after the first; checks that the first counts them."""
    table = folder / "manifest.csv"
    table.write_bytes("\n".join(lines).encode(encoding))
    with pytest.raises(DatasetError) as caught:
        read_records(table)
    head, *rest = str(caught.value).split("\n")
    assert head == f"{table}: {len(rest)} error{'s' if len(rest) > 1 else ''}"
    return rest


ROW_FAULTS = [
    # image,label,mask,solid,fold,case_id
    (",benign", "image is empty, expected a path"),
    ("nowhere.png,benign", r"image 'nowhere\.png' is missing, looked for /.*/nowhere\.png"),
    ("folder,benign", "image 'folder' is not a file"),
    ("a.png/b.png,benign", r"image 'a\.png/b\.png' is missing"),
    ("/etc/hostname,benign", "image '/etc/hostname' leaves the folder of the table"),
    ("C:/b.png,benign", r"image 'C:/b\.png' leaves the folder"),
    ("folder/../b.png,benign", r"image 'folder/\.\./b\.png' leaves the folder"),
    ("folder\\b.png,benign", r"image 'folder\\\\b\.png' has a backslash, expected / between folders"),
    (f"{'x' * 300}.png,benign", r"image 'x+\.png' cannot be read \(File name too long\)"),
    ("broken.png,benign", r"image 'broken\.png': not a whole image file, Pillow says: .*"),
    ("text.png,benign", r"image 'text\.png': not a whole image file"),
    ("x.gif,benign", r"image 'x\.gif': format GIF, expected one of PNG, JPEG, BMP, TIFF or DICOM"),
    ("deep.png,benign", r"image 'deep\.png': 16 bits per channel, expected 8"),
    ("deep.tif,benign", r"image 'deep\.tif': 16 bits per channel, expected 8"),
    ("two.tif,benign", r"image 'two\.tif': 2 pictures in one file, expected one"),
    ("turned.jpg,benign", r"image 'turned\.jpg': orientation tag 6, expected none or 1"),
    ("./a.png,benign", r"image 'a\.png' stands already in line 2, expected once"),
    (
        "link.png,benign",
        r"image 'link\.png' is the same file as 'a\.png', which stands already in line 2, expected once",
    ),
    ("hard.png,benign", r"image 'hard\.png' is the same file as 'a\.png', which stands already in line 2"),
    ("b.png,Benign", "label 'Benign', expected one of 'normal', 'benign', 'malignant', ''"),
    ("b.png,benign,,maybe", "solid 'maybe', expected one of '1', 'yes', '0', 'no', '-1', ''"),
    ("b.png,benign,,,-2", "fold '-2', expected a number from 0 on, -1 or nothing"),
    ("b.png,benign,,,1.0", "fold '1.0', expected a number"),
    ("b.png,benign,,,1,A", "fold 1, but case 'A' is in fold 0 in line 2; expected one"),
    ("b.png,benign,,,,A", "fold -1, but case 'A' is in fold 0 in line 2; expected one"),
    ("A.png,benign", r"image 'A\.png' is missing"),
    ("b.png,benign,nowhere.png", r"mask 'nowhere\.png' is missing"),
    ("b.png,benign,None", "mask 'None' is missing"),
    ("b.png,benign,m.png;", "mask is empty, expected a path"),
    ("b.png,benign,m.png;../m.png", r"mask '\.\./m\.png' leaves the folder"),
    ("b.png,benign,m.png; wide.png", r"mask 'wide\.png' is 21x16 pixels, its image is 20x16"),
    ("b.png,benign,ones.png", r"mask 'ones\.png': mask values go up to 1, expected 0 and 255"),
    ("b.png,benign,deep.png", r"mask 'deep\.png': 16 bits per channel, expected 8"),
    ("b.png,benign,text.png", r"mask 'text\.png': not a whole image file"),
    ("b.png,benign,b.png", r"mask 'b\.png' is the image of line 4, expected a mask"),
    ("b.png,benign,link.png", r"mask 'link\.png' is the image of line 2, expected a mask"),
    ("b.png,malignant,none", r"mask none \(known to hold no lesion\), label malignant: expected masks, or nothing"),
    ("b.png,normal,m.png", r"mask 'm\.png' holds a lesion, label normal: expected none"),
    ("b.png,normal,,yes", "solid yes, label normal: expected no solid nodule"),
    ('b.png,benign,"m.png', r"not a line of a CSV \(unexpected end of data\); is a quotation mark left open\?"),
    ('b.png,benign,"m.png\n"', "a cell goes on to line 5; is a quotation mark left open"),
]


@pytest.mark.parametrize(("row", "message"), ROW_FAULTS)
def test_fault_of_a_row(row: str, message: str, pictures: Path) -> None:
    if '"' not in row:
        row += "," * (5 - row.count(","))
    found = faults(pictures, "image,label,mask,solid,fold,case_id", "a.png,benign,m.png,,0,A", "", row)
    assert len(found) == 1, found
    assert re.match(f"line 4: {message}", found[0]), found[0]


def test_other_faults_of_rows(pictures: Path) -> None:
    found = faults(pictures, "image,label,", "a.png,benign", "b.png,benign,,", "c.png,benign,note")
    assert found[:2] == ["line 2: 2 cells, the header has 3", "line 3: 4 cells, the header has 3"]
    assert found[2] == "line 4: 'note' stands in a column without a name"
    found = faults(pictures, "image,label,case_id", "a.png,benign,b", "b.png,benign,", "c.png,benign,b")
    assert found == [
        "line 3: case_id is empty, and the image's own name 'b' is the case_id of line 2; expected a case_id here too"
    ]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (
            "image,label,masks",
            ["line 1: unknown column 'masks'; nearest is 'mask', all are: image, label, mask, case_id"],
        ),
        (
            "Image,label,mask",
            ["unknown column 'Image'; nearest is 'image'", "no column 'image'; found Image, label, mask"],
        ),
        (
            "image,lable,fold",
            ["unknown column 'lable'; nearest is 'label'", "no column 'label'; found image, lable, fold"],
        ),
        ("image,label,label", ["line 1: column 'label' occurs 2 times, expected once"]),
        (
            "image|label|mask",
            ["unknown column 'image|label|mask'; nearest is", "no column 'image'", "no column 'label'"],
        ),
        ("", ["no column 'image'; found nothing", "no column 'label'; found nothing"]),
    ],
)
def test_fault_of_the_header(header: str, expected: list[str], pictures: Path) -> None:
    found = faults(pictures, header)
    assert len(found) == len(expected)
    for message, part in zip(found, expected, strict=True):
        assert message.startswith("line 1: ")
        assert part in message


def test_rows_are_checked_under_a_header_with_faults(pictures: Path) -> None:
    found = faults(pictures, "image,lable,solid", "a.png,benign,2", "nowhere.png,benign,1")
    assert [message.split(" '")[0] for message in found] == [
        "line 1: unknown column",
        "line 1: no column",
        "line 2: solid",
        "line 3: image",
    ]


@pytest.mark.parametrize(
    ("encoding", "text", "line", "byte"),
    [
        ("latin-1", "image,label\na.png,benign\né.png,benign\n", 3, "0xe9"),
        ("utf-16", "image,label\n", 1, "0xff"),
        ("utf-16-le", "image,label\n", 1, "0x00"),
    ],
)
def test_other_encodings(encoding: str, text: str, line: int, byte: str, pictures: Path) -> None:
    (pictures / "manifest.csv").write_bytes(text.encode(encoding))
    expected = rf"manifest\.csv, line {line}: byte {byte} is not UTF-8 text\. Save the table again as UTF-8"
    with pytest.raises(DatasetError, match=expected):
        read_records(pictures / "manifest.csv")


def test_at_most_fifty_faults_are_shown(pictures: Path) -> None:
    rows = [f"{number}.png,benign" for number in range(70)]
    (pictures / "manifest.csv").write_text("\n".join(["image,label", *rows]))
    with pytest.raises(DatasetError) as caught:
        read_records(pictures / "manifest.csv")
    head, *shown, last = str(caught.value).split("\n")
    assert head.endswith("manifest.csv: 70 errors")
    assert [message.split(":")[0] for message in shown] == [f"line {number}" for number in range(2, 52)]
    assert last == "and 20 more"


# Column -> cells that are wrong and what is said of them.
WRONG = {
    "image": [
        ("", "image is empty"),
        ("no.png", "'no.png' is missing"),
        ("../a.png", "leaves the folder"),
        ("broken.png", "not a whole image"),
        ("deep.png", "16 bits"),
        ("link.png", "already in line 2"),
    ],
    "label": [("cancer", "label 'cancer'"), ("0", "label '0'")],
    "mask": [("no.png", "'no.png' is missing"), ("ones.png", "go up to 1"), ("wide.png", "is 21x16 pixels")],
    "solid": [("2", "solid '2'"), ("Yes", "solid 'Yes'")],
    "fold": [("one", "fold 'one'"), ("-3", "fold '-3'")],
}
ROW = st.fixed_dictionaries({column: st.none() | st.sampled_from(cells) for column, cells in WRONG.items()})


@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(ROW, min_size=1, max_size=7),
    blank=st.lists(st.integers(0, 2), min_size=7, max_size=7),
    order=st.permutations(COLUMNS.known),
    delimiter=st.sampled_from(",;\t"),
)
def test_every_fault_is_told_with_its_line(
    pictures: Path,
    rows: list[dict[str, tuple[str, str] | None]],
    blank: list[int],
    order: list[str],
    delimiter: str,
) -> None:
    first = {"image": "a.png", "label": "malignant", "mask": "m.png"}
    lines = [delimiter.join(order), delimiter.join(first.get(column, "") for column in order)]
    expected: list[tuple[int, str]] = []
    seen: dict[str, int] = {}
    for letter, row, blanks in zip("bcdefgh", rows, blank, strict=False):
        lines += [""] * blanks
        good = {"image": f"{letter}.png", "label": "benign", "mask": "m2.png", "solid": "yes", "fold": "3"}
        cells = {**good, **{column: fault[0] for column, fault in row.items() if fault}}
        lines.append(delimiter.join(cells.get(column, "") for column in order))
        expected += [(len(lines), fault[1]) for fault in row.values() if fault]
        if cells["mask"] == "wide.png" and row["image"] and cells["image"] != "link.png":
            expected.remove((len(lines), "is 21x16 pixels"))  # there is no size to compare with
        if cells["image"] in ("broken.png", "deep.png"):
            if cells["image"] in seen:
                expected.append((len(lines), f"already in line {seen[cells['image']]}"))
            seen.setdefault(cells["image"], len(lines))
    table = pictures / "manifest.csv"
    table.write_text("\n".join(lines))
    if not expected:
        assert len(read_records(table)) == 1 + len(rows)
        return
    with pytest.raises(DatasetError) as caught:
        read_records(table)
    found = str(caught.value).split("\n")[1:]
    numbers = [int(message.split(":")[0].removeprefix("line ")) for message in found]
    assert numbers == sorted(number for number, _ in expected)
    for number, part in expected:
        assert any(message.startswith(f"line {number}: ") and part in message for message in found), (number, part)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_delimiters_and_line_ends(delimiter: str, newline: str, pictures: Path) -> None:
    header = ["label", "image", "histology", "mask"]
    row = ["benign", '"b.png"', '"a ""b"", c; d"', '"m.png;m2.png"']
    text = newline.join([delimiter.join(header), delimiter.join(row), delimiter.join(["", "c.png", "é", "none"]), ""])
    (pictures / "manifest.csv").write_bytes(text.encode())
    one, two = read_records(pictures / "manifest.csv")
    assert (one.image_id, one.case_id, one.label, one.solid, one.fold) == ("b", "b", "benign", -1, -1)
    assert one.histology == 'a "b", c; d'
    assert one.masks == (pictures / "m.png", pictures / "m2.png")
    assert (two.image, two.label, two.histology, two.masks) == (pictures / "c.png", None, "é", ())
