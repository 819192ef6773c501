import csv
import io
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from busjax.evaluation.segmentation import Segmentation
from busjax.evaluation.tables.command import make_tables, show_published
from busjax.evaluation.tables.errors import TableError
from tests.evaluation.tables.workdirs import fold_predictions

ROOT = Path(__file__).parents[3]
PLACE = {"table__name": "shareef_4", "table__row": "mobilenet_scratch"}


def made(folder, width=140, **how) -> str:
    console = Console(file=io.StringIO(), width=width)
    make_tables(folder, console, **how)
    return console.file.getvalue()


def numbers(folder) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((folder / "table.csv").read_text())))


@pytest.fixture
def placed(tmp_path, write_run, three_folds):
    for fold in range(3):
        write_run(tmp_path / f"fold={fold}", three_folds, fold, **PLACE)
    return tmp_path


def test_published_rows_stand_beside_ours(placed):
    made(placed)
    rows = numbers(placed)
    at = next(index for index, row in enumerate(rows) if row["row"] == "mobilenet_scratch")
    published, mean, pooled = rows[at : at + 3]
    assert (published["kind"], mean["kind"], pooled["kind"]) == ("published", "mean", "pooled")
    assert published["images"] == "other data"
    assert float(published["accuracy"]) == 0.617
    assert float(published["balanced_accuracy"]) == 0.618
    assert published["auc"] == ""
    assert float(mean["accuracy"]) == pytest.approx((6 / 8 + 4 / 6 + 9 / 10) / 3)
    assert float(pooled["accuracy"]) == pytest.approx(19 / 24)
    assert pooled["images"] == "24 (12)"
    assert mean["images"] == "6–10 (3–5)"
    assert mean["data"] == "busi, kfold, 3 folds, split seed 0, threshold 0.5"
    assert rows[at + 3]["kind"] == "published"
    assert sum(row["kind"] == "published" for row in rows) == 14
    folds = [row for row in rows if row["kind"] == "run"]
    assert [(row["fold"], row["run"], row["threshold"]) for row in folds] == [
        (str(fold), f"fold={fold}", "0.5") for fold in range(3)
    ]
    (deviation,) = [row for row in rows if row["kind"] == "deviation"]
    values = [float(row["accuracy"]) for row in folds]
    assert float(deviation["accuracy"]) == pytest.approx(np.std(values, ddof=1))


def test_markdown_shows_rounded_numbers(placed):
    made(placed)
    lines = (placed / "table.md").read_text().splitlines()
    (head,) = {line for line in lines if line.startswith("|  |  |")}
    columns = [cell.strip() for cell in head.strip("|").split("|")]
    mean = next(line for line in lines if "± deviation of 3 runs" in line)
    cells = dict(zip(columns[2:], [cell.strip() for cell in mean.strip("|").split("|")][2:], strict=True))
    # 75, 66.667 and 90 %: mean 77.222, deviation 11.822; F1 6/8, 4/6 and 10/11.
    assert cells["Acc %"] == "77.2 ± 11.8"
    assert cells["F1"] == "0.775 ± 0.123"
    assert all(len(line.split("|")) == len(head.split("|")) for line in lines if line.startswith("|"))
    published = next(line for line in lines if "MobileNet: from scratch" in line)
    assert "| other data | 61.7 | 74.5 | 49.1 | – | 0.66 | – | 61.8 | 50.9 | 25.5 |" in published
    assert any("n - 1" in line for line in lines)


class Cells(HTMLParser):
    """The cells of every row."""

    def __init__(self):
        super().__init__()
        self.rows: list[list[str]] = []
        self.inside = False

    def handle_starttag(self, tag, attrs):
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.inside = True
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self.inside = False

    def handle_data(self, data):
        if self.inside:
            self.rows[-1][-1] += data


def test_html_has_the_same_cells_as_markdown(placed):
    made(placed)
    parser = Cells()
    parser.feed((placed / "table.html").read_text())
    lines = [line for line in (placed / "table.md").read_text().splitlines() if line.startswith("|")]
    markdown = [[cell.strip() for cell in line[1:-1].split("|")] for line in lines if "---" not in line]
    assert parser.rows == markdown


def test_terminal(placed):
    wide = made(placed)
    assert "mean ± deviation of 3 runs" in wide
    assert re.search(r"MobileNet: from scratch.*other data.*61\.7.*74\.5", wide)
    assert re.search(r"ours.* 77\.2 ", wide)
    narrow = made(placed, width=60)
    assert "…" not in narrow
    assert all(len(line) <= 60 for line in narrow.splitlines() if not line.startswith("written"))
    assert "77.2 ± 11.8" in narrow
    assert f"written: {placed / 'table.html'}" in narrow


def test_runs_without_a_published_row_are_a_table_of_their_own(tmp_path, write_run, three_folds):
    for loss in ("bce", "focal"):
        for fold in range(3):
            write_run(tmp_path / f"{loss}{fold}", three_folds, fold, loss__name=loss)
    write_run(tmp_path / "placed", three_folds, 0, **PLACE)
    made(tmp_path)
    rows = numbers(tmp_path)
    own = [row for row in rows if row["table"] == "runs" and row["kind"] == "mean"]
    assert [row["label"] for row in own] == ["loss.name=bce", "loss.name=focal"]
    assert {row["table"] for row in rows} == {"runs", "shareef_4"}


def test_one_table_of_choice(tmp_path, write_run, three_folds):
    """Transfer learning of Table 4 is also in Table 5, and need not be trained twice."""
    write_run(tmp_path / "a", three_folds, 0, table__name="shareef_4", table__row="mobilenet_transfer", loss__name="a")
    write_run(tmp_path / "b", three_folds, 0, **PLACE)
    write_run(tmp_path / "c", three_folds, 0, loss__name="c")
    text = made(tmp_path, table="shareef_5")
    rows = numbers(tmp_path)
    assert {row["table"] for row in rows} == {"shareef_5"}
    assert [row["run"] for row in rows if row["kind"] == "run"] == ["a", "c"]
    at = next(index for index, row in enumerate(rows) if row["row"] == "mobilenet_transfer")
    assert rows[at + 1]["run"] == "a"
    assert "1 more rows of runs belong to other tables: shareef_4 mobilenet_scratch." in text


def test_marks_stand_in_every_output(tmp_path, write_run, three_folds):
    write_run(tmp_path / "a", three_folds, 0, data__split="holdout_image")
    write_run(tmp_path / "b", three_folds, 1, loss__name="focal", finished=False)
    text = made(tmp_path, width=200)
    for found in (text, *((tmp_path / f"table.{kind}").read_text() for kind in ("md", "csv", "html"))):
        assert "one run, leaks patients" in found
        assert "divided by image" in found
        assert "no finished run, incomplete" in found
        assert "b is missing: no results.json: no checkpoint yet" in found
    assert '<p class="notice">' in (tmp_path / "table.html").read_text()


def test_masks_have_columns_where_there_are_masks(tmp_path, write_run, three_folds):
    shares = [0.5, 0.6, 0.8]
    for fold, part in enumerate(three_folds):
        # Dice 2TP / (2TP + FN + FP) with TP = 10 Dice of 10 and FN = FP
        tp = round(10 * shares[fold])
        counts = np.array([[tp, 10 - tp, 80, 10 - tp]] * len(part.target))
        masks = Segmentation(part.image_id, part.case_id, np.ones(len(counts), bool), counts)
        write_run(tmp_path / f"{fold}", three_folds, fold, masks=masks)
    made(tmp_path)
    mean, pooled = (row for row in numbers(tmp_path) if row["kind"] in ("mean", "pooled"))
    assert float(mean["dice"]) == pytest.approx(1.9 / 3)
    assert float(pooled["dice"]) == pytest.approx((8 * 0.5 + 6 * 0.6 + 10 * 0.8) / 24)
    assert "| Dice | IoU |" in (tmp_path / "table.md").read_text()


def test_outputs_of_one_run_are_rows(tmp_path, write_run):
    parts = [fold_predictions(fold, [1, 0, 1, 0], [0.9, 0.2, 0.7, 0.4], name="mt") for fold in range(3)]
    other = [fold_predictions(fold, [1, 0, 1, 0], [0.9, 0.2, 0.7, 0.4], name="sn") for fold in range(3)]
    write_run(tmp_path / "a", parts, 0)
    write_run(tmp_path / "b", other, 0, optimizer__name="sgd")
    made(tmp_path)
    labels = [row["label"] for row in numbers(tmp_path) if row["kind"] == "run"]
    assert labels == ["optimizer.name=adam, mt", "optimizer.name=sgd, sn"]


def test_a_row_that_is_not_in_its_table_is_refused(tmp_path, write_run, three_folds):
    write_run(tmp_path / "a", three_folds, 0, table__name="shareef_4", table__row="mobilenet")
    with pytest.raises(TableError, match=r"a/config.json: table.row: shareef_4 has no row 'mobilenet'; did you mean"):
        made(tmp_path)
    with pytest.raises(TableError, match=r"--table: unknown name 'shareef_44'; did you mean 'shareef_4'"):
        made(tmp_path, table="shareef_44")


def test_published_tables_alone_show_what_the_auc_is():
    console = Console(file=io.StringIO(), width=140)
    show_published("shareef", console)
    text = console.file.getvalue()
    assert text.count(" yes\n") == 83 + 3  # every line of the six tables but one, and the website's
    (odd,) = [line for line in text.splitlines() if line.endswith(" NO")]
    assert re.search(r"ResNet50.*86\.1.*80\.1.*89\.0.*0\.81.*85\.0.*84\.55", odd)
    assert "in 65 of 66 results. Not so: ResNet50, classification and segmentation (shareef_8: printed 85.0" in text
    show_published("qi_5", console)
    with pytest.raises(TableError, match=r"--table: unknown name 'sharef'; did you mean 'shareef'"):
        show_published("sharef", console)


def test_from_the_command_line(placed):
    def launch(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "launch.py", "--mode", "table", *arguments]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False)

    told = launch("--workdir", str(placed))
    assert (told.returncode, told.stderr) == (0, "")
    assert "Training from scratch and transfer learning (Shareef et al., Table 4)" in told.stdout
    (placed / "fold=1" / "results.json").write_text("{")
    told = launch("--workdir", str(placed))
    assert told.returncode == 2
    assert told.stderr.startswith(f"error: {placed / 'fold=1' / 'results.json'}: not JSON")
    assert len(told.stderr.splitlines()) == 1
    assert launch().stderr.startswith("error: --mode table needs --workdir, a folder of runs, or --table")
