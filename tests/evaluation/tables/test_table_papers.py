"""Tables of papers that compare systems of their own: Qi et al. 2019, Hijab et al. 2019."""

import io
from pathlib import Path

import numpy as np
import pytest
import sklearn.metrics as reference
from rich.console import Console

from busjax.evaluation.tables.command import show_published
from busjax.evaluation.tables.errors import TableError
from tests.evaluation.tables.systems import IMAGES, made, scored, write_system


@pytest.fixture
def systems(tmp_path) -> Path:
    """One run of each system and task, all on one split; REM answers both questions."""
    write_system(tmp_path / "rem", "qi2019", "REM", ["mt", "mt_without_map", "sn"], seed=1)
    for seed, row in enumerate(("BASIC", "MIP", "Han", "Cheng"), start=2):
        for output in ("mt", "sn"):
            write_system(tmp_path / f"{row}_{output}", "qi2019", row, [output], seed=seed)
    return tmp_path


def test_tables_4_to_7_of_qi(systems):
    tables, text = made(systems)
    assert list(tables) == ["qi_4", "qi_5", "qi_6", "qi_7"]
    order = ["BASIC", "MIP", "REM", "Han", "Cheng"]
    for name, output, part in (
        ("qi_4", "mt", "val"),
        ("qi_5", "mt", "test"),
        ("qi_6", "sn", "val"),
        ("qi_7", "sn", "test"),
    ):
        lines = tables[name]
        published, ours = (lines[start:10:2] for start in (0, 1))
        assert [line["kind"] for line in published] == ["published"] * 5
        assert [line["row"] for line in published] == [line["row"] for line in ours] == order
        assert all(line["images"] == "other data" for line in published)
        for line, row in zip(ours, order, strict=True):
            predictions = scored(output, part, 1 if row == "REM" else 2 + ("BASIC", "MIP", "Han", "Cheng").index(row))
            called = predictions.scores[:, 1] > 0.5
            expected = {
                "accuracy": reference.accuracy_score(predictions.target, called),
                "sensitivity": reference.recall_score(predictions.target, called),
                "f2": reference.fbeta_score(predictions.target, called, beta=2),
                "auc": reference.roc_auc_score(predictions.target, predictions.scores[:, 1]),
            }
            for metric, value in expected.items():
                assert float(line[metric]) == pytest.approx(value), (name, row, metric)
            assert line["images"] == f"{IMAGES[part]} ({IMAGES[part]})"
            assert line["output"] == output
        # What the map does stands below, beside no published row.
        rest = [(line["output"], line["row"], line["label"]) for line in lines[10:]]
        assert rest == ([("mt_without_map", "", "ours: REM, mt_without_map")] if output == "mt" else [])
    assert "Not on one split" not in text
    assert "Malignant or not, validation part (Qi et al. 2019, Table 4)" in text
    assert float(tables["qi_5"][4]["f2"]) == 0.942  # as published
    assert "FPR" not in text


def test_one_paper_or_table_of_choice(systems):
    tables, _ = made(systems, table="qi2019")
    assert list(tables) == ["qi_4", "qi_5", "qi_6", "qi_7"]
    tables, text = made(systems, table="qi_6")
    assert list(tables) == ["qi_6"]
    assert [line["output"] for line in tables["qi_6"] if line["kind"] == "run"] == ["sn"] * 5
    assert "6 more rows of runs belong to other tables: qi2019 BASIC, qi2019 Cheng, qi2019 Han, qi2019 MIP" in text


def test_rows_on_another_split_are_named(systems):
    write_system(systems / "other" / "mip", "qi2019", "MIP", ["mt"], seed=9, prefix="other ", data__split_seed=1)
    tables, text = made(systems)
    told = " ".join(text.split())
    assert told.count("Not on one split: ") == 2  # of the tables of mt
    part = told[told.index("Table 5") : told.index("Table 6")]
    note = part[part.index("Not on one split: ") :]
    assert "; other/mip have different test images, and cannot be compared with each other." in note
    assert all(name in note.partition(";")[0] for name in ("BASIC_mt", "MIP_mt", "rem", "Han_mt", "Cheng_mt"))
    own = [line for line in tables["qi_5"] if line["row"] == "MIP"]
    assert [line["kind"] for line in own] == ["published", "run", "run"]
    assert own[1]["label"] != own[2]["label"]


def test_seeds_are_one_row(tmp_path):
    for seed in range(3):
        write_system(tmp_path / f"han{seed}", "qi2019", "Han", ["mt"], seed=seed, run_seed=seed)
    tables, text = made(tmp_path, seeds_together=True)
    (mean,) = [line for line in tables["qi_5"] if line["kind"] == "mean"]
    values = []
    for seed in range(3):
        predictions = scored("mt", "test", seed)
        values.append(reference.roc_auc_score(predictions.target, predictions.scores[:, 1]))
    assert float(mean["auc"]) == pytest.approx(np.mean(values))
    (deviation,) = [line for line in tables["qi_5"] if line["kind"] == "deviation"]
    assert float(deviation["auc"]) == pytest.approx(np.std(values, ddof=1))
    assert "Not on one split" not in text


def test_a_run_that_is_not_finished_stands_where_it_will(tmp_path):
    write_system(tmp_path / "han", "qi2019", "Han", ["sn"], finished=False)
    write_system(tmp_path / "rem", "qi2019", "REM", ["mt", "sn"], finished=False)
    tables, _ = made(tmp_path)
    told = {
        name: [(line["row"], line["what"]) for line in lines if line["kind"] != "published"]
        for name, lines in tables.items()
    }
    absent = "no finished run, incomplete"
    assert told == {
        "qi_4": [("REM", absent)],
        "qi_5": [("REM", absent)],
        "qi_6": [("REM", absent), ("Han", absent)],
        "qi_7": [("REM", absent), ("Han", absent)],
    }


def test_predictions_on_validation_are_needed_and_checked(systems):
    path = systems / "Han_mt" / "predictions" / "val.csv"
    text = path.read_text()
    path.write_text("\n".join(text.splitlines()[:-1]) + "\n")
    with pytest.raises(TableError, match=r"nothing in predictions/val.csv: mt, case 'case val 23' in splits/val.csv"):
        made(systems)
    path.unlink()
    with pytest.raises(TableError, match=r"Han_mt/predictions/val.csv: no such file"):
        made(systems)
    made(systems, table="qi_5")  # where nothing of validation stands


def test_an_answer_to_another_question_is_in_no_table_of_the_paper(tmp_path):
    write_system(tmp_path / "a", "qi2019", "BASIC", ["net"])
    tables, _ = made(tmp_path)
    assert list(tables) == ["runs"]


@pytest.mark.parametrize("split", ["holdout_image", "augmented_image"])
def test_a_leaking_run_of_hijab_says_so_on_every_line(tmp_path, split):
    for seed in range(2):
        write_system(tmp_path / f"leaks{seed}", "hijab2019", "finetune", ["mt"], seed=seed, run_seed=seed, split=split)
    write_system(tmp_path / "honest", "hijab2019", "finetune", ["mt"], seed=5)
    tables, text = made(tmp_path, seeds_together=True)
    ours = [line for line in tables["hijab_1"] if line["kind"] != "published"]
    leaking = [line for line in ours if "leaks" in line["run"] or "leaks patients" in line["what"]]
    assert {line["kind"] for line in leaking} == {"mean", "run", "deviation"}
    assert all("leaks patients" in line["what"] for line in leaking)
    assert [line["run"] for line in ours if line not in leaking] == ["honest"]
    assert ("images are multiplied and then divided" in " ".join(text.split())) == (split == "augmented_image")
    published = [line for line in tables["hijab_1"] if line["kind"] == "published" and line["row"] == "finetune"]
    assert "leaks patients" in published[0]["label"]
    assert published[0]["accuracy"] == "0.9739"


def test_published_tables_alone():
    console = Console(file=io.StringIO(), width=160)
    for name in ("qi2019", "hijab2019", "dizaj2021", "dizaj_2"):
        show_published(name, console)
    text = console.file.getvalue()
    for number in ("0.942", "97.39", "91.04", "0.9373", "0.7529"):
        assert number in text
    assert text.count("Dizaj and Valizadeh 2021, Table 2") == 2
