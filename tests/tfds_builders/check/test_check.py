"""The whole command on two small datasets made for it, and on real images."""

import csv
import html
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.tfds_builders.check.pictures import jpeg, mirror, padded, scene
from tests.tfds_builders.releases import busi, stu_hospital
from tfds_builders.__main__ import main
from tfds_builders.groups import read_groups
from tfds_builders.reading import prepare

HOSTILE = "x <b>&amp;'q'"
ONE = (
    # name, picture, label, case, mask
    ("a", scene(1), "benign", "anna", ""),
    ("b", scene(1), "malignant", "berta", "lesion.png"),
    ("c", jpeg(scene(1)), "benign", "anna", ""),
    (HOSTILE, scene(2), "malignant", "clara", "nothing.png"),
    ("blank", Image.fromarray(np.tile(np.array([7, 8, 9, 10], np.uint8), (30, 10))), "", "dora", ""),
    ("healthy", scene(3), "normal", "emma", "nothing.png"),
    ("alone", scene(4), "benign", "fanny", ""),
)
TWO = (
    ("p", padded(scene(2)), "malignant", "anna", ""),
    ("q", jpeg(mirror(scene(4))), "", "berta", ""),
    ("r", scene(5), "", "clara", ""),
)


def write_manifest(folder: Path, rows: tuple[tuple[str, Image.Image, str, str, str], ...]) -> Path:
    folder.mkdir()
    mask = np.zeros((170, 220), np.uint8)
    Image.fromarray(mask).save(folder / "nothing.png")
    mask[20:40, 20:40] = 255
    Image.fromarray(mask).save(folder / "lesion.png")
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("image", "label", "case_id", "mask"))
        for name, image, label, case, mask_name in rows:
            image.save(folder / f"{name}.png")
            writer.writerow((f"{name}.png", label, case, mask_name))
    return folder


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the two datasets are built."""
    folder = tmp_path_factory.mktemp("check")
    for name, rows in (("one", ONE), ("two", TWO)):
        prepare(f"manifest/{name}", folder / "data", write_manifest(folder / name, rows))
    return folder / "data"


Check = Callable[..., tuple[list[dict[str, str]], str, str]]


@pytest.fixture
def check(data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Check:
    """Runs the command; the rows of pairs.csv, the page and what was printed."""
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str, data_dir: Path = data_dir) -> tuple[list[dict[str, str]], str, str]:
        output = tmp_path / "output"
        status = main(["check", *arguments, "--data_dir", str(data_dir), "--output", str(output)])
        printed = capsys.readouterr()
        assert status == 0, printed.err
        with (output / "pairs.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        return rows, (output / "report.html").read_text(encoding="utf-8"), printed.out

    return run


def cells(printed: str, first: str) -> list[list[str]]:
    """Rows of printed tables that begin with a word."""
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in printed.splitlines() if line.count("│") > 2]
    return [row for row in rows if row[0] == first]


def section(page: str, anchor: str) -> str:
    return page.split(f'<section id="{anchor}">')[1].split("</section>")[0]


def test_pairs(check: Check) -> None:
    rows, _, printed = check("manifest/one", "manifest/two")
    kept = ("image_1", "image_2", "kind", "mirrored", "same_case", "labels_differ", "label_1", "label_2", "group")
    one, two = "manifest/one", "manifest/two"
    group = f"{one}/a"
    assert [tuple(row[name] for name in kept) for row in rows] == [
        (f"{one}/a", f"{one}/b", "exact", "no", "no", "yes", "benign", "malignant", group),
        (f"{one}/a", f"{one}/c", "near", "no", "yes", "no", "benign", "benign", group),
        (f"{one}/b", f"{one}/c", "near", "no", "no", "yes", "malignant", "benign", group),
        (f"{one}/{HOSTILE}", f"{two}/p", "near", "no", "no", "no", "malignant", "malignant", f"{one}/{HOSTILE}"),
    ]
    assert (rows[0]["distance"], rows[0]["correlation"]) == ("0", "1.0000")
    assert (rows[3]["dataset_1"], rows[3]["dataset_2"]) == (one, two)
    assert (rows[3]["case_1"], rows[3]["case_2"]) == (f"{one}/clara", f"{two}/anna")
    # Images, cases, mask of another size, blank, empty mask of a lesion; then the pairs.
    assert cells(printed, one) == [[one, "7", "6", "0", "1", "1"], [one, "1", "0", "1", "1", "2"]]
    assert cells(printed, two) == [[two, "3", "3", "0", "0", "0"], [two, "0", "0", "0", "0", "0"]]
    assert cells(printed, f"{one} and {two}") == [[f"{one} and {two}", "0", "0", "1", "0", "0"]]
    assert "Agreement" not in printed


def test_mirrored_pairs_and_unknown_labels(check: Check) -> None:
    rows, page, _ = check("manifest/one", "manifest/two", "--mirrored")
    assert len(rows) == 5
    (row,) = [row for row in rows if row["mirrored"] == "yes"]
    assert (row["image_1"], row["image_2"]) == ("manifest/one/alone", "manifest/two/q")
    assert (row["label_2"], row["labels_differ"]) == ("unknown", "no")
    assert " · mirrored · " in section(page, "leak")


def test_page(check: Check) -> None:
    _, page, _ = check("manifest/one", "manifest/two")
    assert "http" not in page.replace("http-equiv", "")  # nothing is fetched
    assert HOSTILE not in page
    assert html.escape(f"manifest/one/{HOSTILE}") in section(page, "leak")
    counts = {"exact": 1, "leak": 2, "known": 1, "labels": 2, "sizes": 0, "blank": 1, "empty": 1}
    for anchor, count in counts.items():
        part = section(page, anchor)
        assert f" ({count})</h2>" in part
        assert part.count("<article") == count
        assert part.count("data:image/jpeg;base64,") == count * (
            2 if anchor in ("exact", "leak", "known", "labels") else 1
        )
    assert "None." in section(page, "sizes")
    assert re.findall("<b>(.*?)</b>", section(page, "exact")) == ["manifest/one/a", "manifest/one/b"]
    assert section(page, "exact").count('<span class="warn">') == 2  # two cases, labels differ
    assert "benign, case manifest/one/anna" in section(page, "known")
    assert "manifest/one/blank" in section(page, "blank")


def test_what_is_left_out_is_told(check: Check) -> None:
    rows, page, _ = check("manifest/one", "manifest/two", "--max_shown", "1")
    assert len(rows) == 4
    assert section(page, "leak").count("<article") == 1
    assert "1 more pairs are not shown; pairs.csv has all of them." in section(page, "leak")
    assert "not shown" not in section(page, "exact")


def test_images_with_faults(check: Check, tmp_path: Path) -> None:
    check("manifest/one")
    assert (tmp_path / "output" / "images.csv").read_text(encoding="utf-8").splitlines() == [
        "image,dataset,case,label,fault",
        "manifest/one/blank,manifest/one,manifest/one/dora,unknown,blank",
        f"manifest/one/{HOSTILE},manifest/one,manifest/one/clara,malignant,empty mask",
    ]


def test_groups(check: Check, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "groups.csv"
    _, _, printed = check("manifest/one", "manifest/two", "--groups", str(path))
    a, hostile = "manifest/one/a", f"manifest/one/{HOSTILE}"
    assert read_groups(path) == {
        a: a,
        "manifest/one/b": a,
        "manifest/one/c": a,
        hostile: hostile,
        "manifest/two/p": hostile,
    }
    assert f"in {path}" in printed.replace("\n", "")


def test_stricter_rule_finds_fewer(check: Check) -> None:
    arguments = ("--max_distance", "0", "--min_correlation", "1", "--far_distance", "0", "--far_correlation", "1")
    rows, page, _ = check("manifest/one", *arguments)
    assert [row["kind"] for row in rows] == ["exact"]
    assert "in at most 0 bits" in section(page, "summary")


def test_masks_of_another_size_and_agreement_with_known_duplicates(check: Check, tmp_path: Path) -> None:
    stu_hospital.write_release(tmp_path / "release")
    busi.write_release(tmp_path / "release")
    for name in ("stu_hospital", "busi"):
        prepare(name, tmp_path / "data", tmp_path / "release")
    _, page, printed = check("stu_hospital", "busi", data_dir=tmp_path / "data")
    assert cells(printed, "stu_hospital")[0][3] == "12"  # of 18: two of three scales differ from 1
    assert section(page, "sizes").count("<article") == 12
    assert "21 x 24 pixels<br>mask 21 x 24" not in page
    # Its images are noise: the one pair of a known group, benign (1) and (318), is not found.
    assert cells(printed, "busi, as found") == [["busi, as found", "1", "0", "0", "-", "0.000"]]
    assert cells(printed, "busi, joined") == [["busi, joined", "1", "0", "0", "-", "0.000"]]


def test_two_configs_with_images_of_one_name(data_dir: Path) -> None:
    """Rows of one name are one image for the groups, though they may look different (padded, cropped)."""
    from dataclasses import replace

    from tfds_builders.check.collection import open_collection
    from tfds_builders.check.findings import judge, name_groups
    from tfds_builders.check.fingerprints import read_fingerprints
    from tfds_builders.check.pairs import Rule, find_pairs

    collection = open_collection(["manifest/one", "manifest/two"], data_dir)
    ids = np.array(["a", "b", "c", "d", "e", "f", "g", "d", "b", "h"])  # p is d again, q is b again
    collection = replace(collection, table=replace(collection.table, image_id=ids))
    prints = read_fingerprints(collection)
    findings = judge(collection, prints, find_pairs(prints, Rule(mirrored=True)))
    assert name_groups(collection, findings) == [["a", "b", "c", "g"]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["manifest/one", "manifest/one"], "error: dataset manifest/one is named twice"),
        (["busy"], "error: unknown dataset 'busy'; did you mean 'busi'?"),
        (["busi"], "error: busi is not built: looked for "),
        (["manifest/one", "--output", "FILE"], "error: output FILE is a file, expected a folder"),
        (["manifest/one", "--groups", "FILE/groups.csv"], "error: FILE/groups.csv: cannot be written: a file stands"),
    ],
)
def test_faults(
    arguments: list[str], message: str, data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.write_text("")
    words = [word.replace("FILE", str(file)) for word in ["check", "--output", str(tmp_path / "out"), *arguments]]
    assert main([*words, "--data_dir", str(data_dir)]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith(message.replace("FILE", str(file)))


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("max_distance", "65"),
        ("far_distance", "-1"),
        ("min_correlation", "nan"),
        ("max_shown", "-1"),
        ("max_shown", "x"),
    ],
)
def test_options_out_of_range(option: str, value: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["check", "phantom", f"--{option}={value}"])
    assert f"argument --{option}: " in capsys.readouterr().err


@pytest.mark.real_data
def test_real_images(real_data: Path, tmp_path: Path, check: Check) -> None:
    """BUSI's known groups are found again, all and no others, and nothing in BUS-BRA (where the part has no pair)."""
    for name in ("busi", "bus_bra"):
        prepare(name, tmp_path / "data", real_data)
    rows, _, printed = check("busi", "bus_bra", data_dir=tmp_path / "data")
    for kind in ("as found", "joined"):
        ((_, known, found, both, precision, recall),) = cells(printed, f"busi, {kind}")
        print(f"{kind}: {both} of {known} known pairs, {found} found")
        assert int(known) >= 12
        assert (precision, recall) == ("1.000", "1.000")
    assert all(row["image_1"].startswith("busi/") and row["same_case"] == "yes" for row in rows)
    assert ("busi/benign (433)", "busi/malignant (145)") in {
        (r["image_1"], r["image_2"]) for r in rows if r["kind"] == "exact"
    }
