from pathlib import Path

import pytest

from tfds_builders import BUILDERS
from tfds_builders.__main__ import main
from tfds_builders.reading import open_dataset
from tfds_builders.summary import count_masks


def test_table(bus_bra_release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bus_bra", "--manual_dir", str(bus_bra_release), "--data_dir", str(tmp_path / "data")]) == 0
    printed = capsys.readouterr().out
    cells = {
        line.split("│")[1].strip(): line.split("│")[2].strip() for line in printed.splitlines() if line.count("│") == 3
    }
    assert cells == {
        "images": "32 of the 1875 released",
        "cases": "22",
        "classes": "normal 0, benign 21, malignant 11",
        "solid nodule": "yes 18, no 7, unknown 7",
        "masks": "yes 32, empty 0, none 0",
        "masks of another size than their image": "0",
        "official folds": "5",
        "width, pixels": "40 - 55.5 - 71 (min - median - max)",
        "height, pixels": "50 - 81 - 112 (min - median - max)",
    }
    assert str(tmp_path / "data" / "bus_bra" / "1.1.0") in printed


def test_masks_are_counted_by_kind(busi_release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["busi", "--manual_dir", str(busi_release), "--data_dir", str(tmp_path / "data")]) == 0
    assert count_masks(open_dataset("busi", tmp_path / "data")) == {"yes": 16, "empty": 5, "none": 0}
    assert "yes 16, empty 5, none 0" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["busy"], "error: unknown dataset 'busy'; did you mean 'busi'?"),
        (["busi", "--manual_dir", "/nowhere"], "error: busi: the folder /nowhere does not exist."),
        (["bus_bra", "--no_download"], "error: bus_bra is not built in"),
    ],
)
def test_faults_are_one_line_and_status_two(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--data_dir", str(tmp_path)]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith(message)
    assert captured.err.count("\n") == 1
    assert captured.out == ""


def test_list_of_datasets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "new" / "datasets.md"
    assert main(["docs", "--output", str(path)]) == 0
    text = path.read_text(encoding="utf-8")
    assert all(f"| [{name}](../tfds_builders/{name}/README.md) |" in text for name in BUILDERS)
    assert capsys.readouterr().out == f"in {path}\n"


def test_list_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["docs", "--output", str(tmp_path / "file" / "datasets.md")]) == 2
    assert capsys.readouterr().err == (
        f"error: {tmp_path}/file/datasets.md: cannot be written: a file stands where its folder should be\n"
    )


@pytest.mark.parametrize(
    ("arguments", "told"),
    [(["--help"], "check --help"), (["check", "--help"], "--max_distance"), (["docs", "-h"], "FILE")],
)
def test_help(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(arguments)
    assert told in capsys.readouterr().out
