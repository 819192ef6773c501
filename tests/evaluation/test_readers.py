"""Reader studies: AUC against scikit-learn, paired resamples against a literal loop, files of scores that are wrong."""

import csv
import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from rich.console import Console
from sklearn.metrics import roc_auc_score

from busjax.evaluation.bootstrap import draw_cases
from busjax.evaluation.metrics import binary_metrics
from busjax.evaluation.predictions import Predictions, write_csv
from busjax.evaluation.readers import ReadersError, by_lesion, compare, read_scores
from busjax.evaluation.readers_page import make_study
from busjax.evaluation.results import write_results

ROOT = Path(__file__).parents[2]


def lesions(target, score, name="net", unit=1) -> Predictions:
    """Lesions 'l00', 'l01', ... of `unit` images each, whose scores are spread around the lesion's."""
    rows = [(i, k) for i in range(len(target)) for k in range(unit)]
    positive = np.array([score[i] + (0.02 * (k - (unit - 1) / 2) if unit > 1 else 0) for i, k in rows])
    return Predictions(
        name,
        ("not_malignant", "malignant"),
        np.array([f"i{i:02d} {k}" for i, k in rows]),
        np.array([f"l{i:02d}" for i, _ in rows]),
        np.array([target[i] for i, _ in rows]),
        np.stack([1 - positive, positive], axis=1),
    )


def write(path: Path, readers: dict[str, dict[str, object]], header="lesion_id,reader,score") -> Path:
    rows = [f"{lesion},{reader},{score}" for reader, own in readers.items() for lesion, score in own.items()]
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def study():
    """24 lesions of two images, two of unknown class, and two readers."""
    random = np.random.default_rng(3)
    target = np.array([1, 0] * 11 + [-1, -1])
    score = np.clip(0.5 + 0.15 * target + 0.2 * random.normal(size=24), 0.05, 0.95)
    readers = {
        name: {f"l{i:02d}": int(np.clip(round(5 + 2 * t + 2.5 * random.normal()), 0, 10)) for i, t in enumerate(target)}
        for name in ("B", "A")
    }
    return lesions(target, score, unit=2), target, score, readers


def test_a_lesions_score_is_the_mean_of_its_images():
    images = Predictions(
        "mt",
        ("not_malignant", "malignant"),
        np.array(["a", "b", "c", "d"]),
        np.array(["two", "one", "two", "two"]),
        np.array([1, 0, 1, 1]),
        np.array([[0.5, 0.5], [0.75, 0.25], [0.25, 0.75], [0.0, 1.0]]),
    )
    found = by_lesion(images)
    assert found.case_id.tolist() == ["one", "two"]
    assert found.target.tolist() == [0, 1]
    assert_allclose(found.scores, [[0.75, 0.25], [0.25, 0.75]])


def test_lesions_whose_images_differ_in_target_are_all_listed():
    mixed = Predictions(
        "mt",
        ("not_malignant", "malignant"),
        np.array(list("abcdef")),
        np.array(["l1", "l1", "l2", "l2", "l3", "l3"]),
        np.array([0, 1, 1, 1, 1, 0]),
        np.full((6, 2), 0.5),
    )
    with pytest.raises(ReadersError, match="found different targets among the images of l1, l3, expected one for each"):
        by_lesion(mixed)


def test_aucs_are_scikit_learns_and_intervals_of_one_draw_for_all(study, tmp_path):
    images, target, score, readers = study
    model = by_lesion(images)
    found = compare(model, read_scores(write(tmp_path / "r.csv", readers), model), resamples=60, seed=5)
    known = target >= 0
    truth = target[known]
    scores = {"net": score[known]}
    scores |= {name: np.array([own[f"l{i:02d}"] for i in np.flatnonzero(known)]) for name, own in readers.items()}
    assert [reading.name for reading in found.readings] == ["net", "B", "A", "mean of the readers"]
    assert (found.lesions, found.positives, found.unknown) == (22, 11, 2)

    resampled = {name: [] for name in scores}
    for row in draw_cases(22, resamples=60, seed=5):
        drawn = np.repeat(np.arange(22), row)
        if len(set(truth[drawn])) == 2:
            for name, values in scores.items():
                resampled[name].append(roc_auc_score(truth[drawn], values[drawn]))
    resampled["mean of the readers"] = np.mean([resampled["A"], resampled["B"]], axis=0)
    whole = {name: roc_auc_score(truth, values) for name, values in scores.items()}
    whole["mean of the readers"] = (whole["A"] + whole["B"]) / 2
    for reading in found.readings:
        auc = np.array(resampled[reading.name])
        assert reading.auc == pytest.approx(whole[reading.name])
        assert_allclose((reading.interval.low, reading.interval.high), np.percentile(auc, [2.5, 97.5]))
        if reading.name == "net":
            assert np.isnan(reading.difference)
            continue
        difference = auc - np.array(resampled["net"])
        other = reading.difference_interval
        assert reading.difference == pytest.approx(whole[reading.name] - whole["net"])
        assert_allclose((other.low, other.high), np.percentile(difference, [2.5, 97.5]))


def test_the_models_interval_is_that_of_its_metrics(study):
    """The same resamples as everywhere else, for a model with one image of each lesion."""
    images, *_ = study
    model = by_lesion(images)
    expected = binary_metrics(model, resamples=200, seed=1)
    (reading,) = compare(model, (), resamples=200, seed=1).readings
    assert reading.auc == pytest.approx(expected.auc)
    assert_allclose(
        (reading.interval.low, reading.interval.high), (expected.intervals["auc"].low, expected.intervals["auc"].high)
    )


def test_a_reader_who_scores_as_the_model_does_not_differ(study, tmp_path):
    images, *_ = study
    model = by_lesion(images)
    same = {"R": dict(zip(model.case_id.tolist(), (10 * model.scores[:, 1]).tolist(), strict=True))}
    _, reader = compare(model, read_scores(write(tmp_path / "r.csv", same), model), resamples=50).readings
    assert (reader.difference, reader.difference_interval.low, reader.difference_interval.high) == (0, 0, 0)


def test_all_rows_that_are_wrong_are_listed(tmp_path):
    model = by_lesion(lesions([1, 0, 1, -1], [0.9, 0.1, 0.8, 0.5]))
    path = tmp_path / "readers.csv"
    path.write_text(
        "reader,lesion_id,score\n"
        "A,l00,10\n"
        "A,l01,11\n"  # line 3
        "A,l01,3\n"  # line 4
        "A,l77,3\n"  # line 5
        "B,l00,x\n"  # line 6
        ",l00,3\n"  # line 7
        "B,l01,\n"  # line 8
        "B,l02,-0.5\n"  # line 9
        "B,l03,2,9\n"  # line 10
        "C,l00,nan\n"  # line 11
    )
    with pytest.raises(ReadersError) as caught:
        read_scores(path, model)
    assert str(caught.value).splitlines() == [
        f"{path}:",
        "  line 3: score: found '11' for lesion l01, expected a number from 0 to 10",
        "  line 4: found lesion l01 again for reader A, expected it once",
        "  line 5: lesion_id: found 'l77', which is no lesion of the run",
        "  line 6: score: found 'x' for lesion l00, expected a number from 0 to 10",
        "  line 7: reader: found nothing, expected a name",
        "  line 8: score: found '' for lesion l01, expected a number from 0 to 10",
        "  line 9: score: found '-0.5' for lesion l02, expected a number from 0 to 10",
        "  line 10: found more cells than the 3 columns",
        "  line 11: score: found 'nan' for lesion l00, expected a number from 0 to 10",
        "  reader A: found no score for l02, expected one for every lesion",
        "  reader C: found no score for l01, l02, expected one for every lesion",
    ]


def test_files_that_are_none(tmp_path):
    model = by_lesion(lesions([1, 0], [0.9, 0.1]))
    with pytest.raises(ReadersError, match=r"none.csv: cannot be read"):
        read_scores(tmp_path / "none.csv", model)
    path = tmp_path / "r.csv"
    path.write_text("lesion_id;reader;score\nl00;A;3\n")
    with pytest.raises(ReadersError, match=r"columns: found lesion_id;reader;score, expected lesion_id, reader, score"):
        read_scores(path, model)
    path.write_text("lesion_id,reader,score\n")
    with pytest.raises(ReadersError, match="found no row"):
        read_scores(path, model)
    path.write_bytes(b"\xef\xbb\xbflesion_id,reader,score\r\nl01, A ,0\r\nl00, A ,10\r\n")  # as spreadsheets write it
    (reader,) = read_scores(path, model)
    assert reader.name == "A"
    assert reader.scores[:, 1].tolist() == [1.0, 0.0]


def test_lesions_of_one_class_have_no_curve():
    model = by_lesion(lesions([1, 1, -1], [0.9, 0.1, 0.5]))
    with pytest.raises(ReadersError, match="found 2 malignant and 0 benign lesions, expected some of both"):
        compare(model, ())


@pytest.fixture
def run(study, tmp_path):
    """The folder of a run with three outputs, one of which answers another question."""
    images, target, score, readers = study
    (tmp_path / "predictions").mkdir()
    other = Predictions(
        "sn",
        ("no_solid_nodule", "solid_nodule"),
        *(getattr(images, f) for f in ("image_id", "case_id", "target", "scores")),
    )
    blind = lesions(target, 1 - score, name="blind", unit=2)
    write_csv(tmp_path / "predictions" / "test.csv", [images, other, blind])
    return tmp_path, write(tmp_path / "readers.csv.in", readers)


def test_files_and_table_of_a_run(run):
    folder, path = run
    console = Console(file=io.StringIO(), width=120)
    studies = make_study(folder, path, console)
    assert [study.model.name for study in studies] == ["net", "blind"]
    rows = list(csv.DictReader(io.StringIO((folder / "readers.csv").read_text())))
    assert [(row["output"], row["name"]) for row in rows[:4]] == [
        ("net", name) for name in ("net", "B", "A", "mean of the readers")
    ]
    assert rows[0]["difference"] == ""
    for row, reading in zip(rows[:4], studies[0].readings, strict=True):
        assert float(row["auc"]) == reading.auc
        assert float(row["low"]) == reading.interval.low
    assert {row["left_out"] for row in rows} == {"2"}
    # The second output ranks the other way round.
    assert studies[1].readings[0].auc == pytest.approx(1 - studies[0].readings[0].auc)
    first = studies[0].readings[1]
    shown = f"{first.auc:.3f} [{first.interval.low:.3f}, {first.interval.high:.3f}]"
    text = console.file.getvalue()
    for page in (text, (folder / "readers.html").read_text()):
        assert shown in page
        assert "22 lesions of the test part, 11 malignant; 2 of unknown class left out" in page
    assert (folder / "readers.html").read_text().count("data:image/png;base64,") == 2


def test_a_run_whose_split_leaks_says_so_beside_readers(run):
    folder, path = run
    leak = "versions of 9 of the 10 images tested are in training, too"
    write_results(folder / "results.json", {"test": {}, "selection": {}, "leaks_patients": leak})
    console = Console(file=io.StringIO(), width=200)
    make_study(folder, path, console)
    assert f"leaks patients: {leak}." in console.file.getvalue()
    assert f"{leak}. The model&#x27;s figures are too high." in (folder / "readers.html").read_text()
    rows = list(csv.DictReader(io.StringIO((folder / "readers.csv").read_text())))
    assert {row["leaks_patients"] for row in rows} == {leak}


def test_runs_that_have_nothing_to_compare(run, tmp_path_factory):
    folder, path = run
    console = Console(file=io.StringIO())
    with pytest.raises(ReadersError, match=r"predictions/test.csv: no such file"):
        make_study(tmp_path_factory.mktemp("empty"), path, console)
    solid = Predictions(
        "sn", ("no_solid_nodule", "solid_nodule"), *(np.array(v) for v in (["a"], ["a"], [1], [[0.5, 0.5]]))
    )
    write_csv(folder / "predictions" / "test.csv", [solid])
    with pytest.raises(ReadersError, match=r"found sn \(solid nodule or no solid nodule\); expected an output whose"):
        make_study(folder, path, console)


def launched(*arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, str(ROOT / "launch.py"), "--mode", "table", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False, env=dict(os.environ))


def test_the_command(run):
    folder, path = run
    told = launched("--workdir", str(folder), "--readers", str(path))
    assert told.returncode == 0, told.stderr
    assert "mean of the readers" in told.stdout
    path.write_text("lesion_id,reader,score\nl99,A,3\n")
    told = launched("--workdir", str(folder), "--readers", str(path))
    assert told.returncode == 2
    assert "line 2: lesion_id: found 'l99', which is no lesion of the run" in told.stderr
    told = launched("--readers", str(path))
    assert (told.returncode, "--workdir, the folder of the run" in told.stderr) == (2, True)
    told = launched("--workdir", str(folder), "--readers", str(path), "--seeds_together")
    assert (told.returncode, "expected none with --readers" in told.stderr) == (2, True)
