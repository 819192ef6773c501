import json
import shutil

import numpy as np
import pytest

from busjax.evaluation.predictions import read_csv, write_csv
from busjax.evaluation.segmentation import Segmentation
from busjax.evaluation.segmentation_file import write_segmentation
from busjax.evaluation.tables.errors import TableError
from busjax.evaluation.tables.folders import find_runs
from tests.evaluation.tables.workdirs import config, fold_predictions, write_part


def test_a_run_is_read_from_its_folder(sweep, three_folds):
    finished, missing = find_runs(sweep)
    assert [run.name for run in finished] == ["fold=0", "fold=1", "fold=2"]
    assert missing == []
    run = finished[1]
    assert run.config["data.fold"] == 1
    assert run.thresholds == {"net": 0.5}
    assert run.measures["net"].counts == (2, 1, 2, 1)
    assert set(run.cases["test"].values()) == {"f1 c0", "f1 c1", "f1 c2"}
    assert set(run.cases["val"].values()) == set(three_folds[2].case_id.tolist())
    assert run.leak == ""
    np.testing.assert_array_equal(run.outputs["net"].scores, three_folds[1].scores)


def test_the_folder_may_be_the_run_itself_and_runs_may_lie_deeper(tmp_path, write_run, three_folds):
    sweep = tmp_path / "a" / "sweep"
    for fold in range(3):
        write_run(sweep / f"fold={fold}", three_folds, fold)
    assert [run.name for run in find_runs(sweep / "fold=1")[0]] == ["fold=1"]
    assert [run.name for run in find_runs(tmp_path)[0]] == [f"a/sweep/fold={fold}" for fold in range(3)]


def test_why_runs_have_no_results(tmp_path, write_run, three_folds):
    for name in ("a", "b", "c"):
        write_run(tmp_path / name, three_folds, 0, finished=False, optimizer__name=name)
    (tmp_path / "b" / "checkpoints" / "120").mkdir(parents=True)
    (tmp_path / "b" / "checkpoints" / "60").mkdir()
    (tmp_path / "c" / "failure.json").write_text(json.dumps({"error": "Traceback ...\nValueError: loss is nan"}))
    listed = [{"name": "a", "config": config(table__name="shareef_4")}, {"name": "d", "config": config(2)}]
    (tmp_path / "sweep.json").write_text(json.dumps({"sweep": "x.py", "runs": listed}))
    finished, missing = find_runs(tmp_path)
    assert finished == []
    assert {run.name: run.why for run in missing} == {
        "a": "no results.json: no checkpoint yet",
        "b": "no results.json: begun and not finished, its last checkpoint is of step 120",
        "c": "it failed: ValueError: loss is nan",
        "d": "it has not begun",
    }
    by_name = {run.name: run.config for run in missing}
    assert by_name["d"]["data.fold"] == 2
    assert by_name["a"]["table.name"] == "shareef_4"  # the list is newer than the run
    assert by_name["a"]["optimizer.name"] == "a"


def test_images_of_a_case_on_both_sides_are_a_leak(tmp_path, write_run, three_folds):
    write_run(tmp_path / "a", three_folds, 0)
    train = tmp_path / "a" / "splits" / "train.csv"
    write_part(train, {"other": "f0 c1", "another": "c"})
    write_run(tmp_path / "b", three_folds, 0, data__split="holdout_image")
    write_run(tmp_path / "c", three_folds, 0, data__name=["busi", "bus_benchmark/as_published"])
    a, b, c = find_runs(tmp_path)[0]
    assert a.leak == "1 cases of the test part are in training or validation, too ('f0 c1')"
    assert b.leak == "divided by image"
    assert c.leak == "near-duplicates of BUSI count as different cases"


def spoil_json(run):
    path = run / "results.json"
    path.write_text(path.read_text()[:200])


def spoil_counts(run):
    results = json.loads((run / "results.json").read_text())
    results["test"]["net"]["tp"] = 4
    (run / "results.json").write_text(json.dumps(results))


def spoil_threshold(run):
    results = json.loads((run / "results.json").read_text())
    del results["test"]["net"]
    (run / "results.json").write_text(json.dumps(results))


def spoil_predictions(run):
    path = run / "predictions" / "test.csv"
    path.write_text(path.read_text().replace("malignant", "m", 1).replace("0.9", "1.9"))


def spoil_split(run):
    write_part(run / "splits" / "test.csv", {"f0 i0": "f0 c0"})


def spoil_case(run):
    path = run / "splits" / "test.csv"
    path.write_text(path.read_text().replace("f0 i3,f0 c1", "f0 i3,f0 c0"))


def spoil_masks(run):
    one = np.array(["f0 i0"])
    masks = Segmentation(one, one, np.array([True]), np.array([[1, 1, 1, 1]]))
    write_segmentation(run / "predictions" / "test_segmentation.csv", masks)


def spoil_dice(run):
    """The masks are not those of the results."""
    results = json.loads((run / "results.json").read_text())
    cases = [f"f0 c{index // 2}" for index in range(8)]
    masks = Segmentation(
        np.array([f"f0 i{index}" for index in range(8)]),
        np.array(cases),
        np.ones(8, bool),
        np.array([[5, 0, 5, 0]] * 8),
    )
    results["test"]["segmentation"] = {"dice": {"mean": 0.99}}
    (run / "results.json").write_text(json.dumps(results))
    write_segmentation(run / "predictions" / "test_segmentation.csv", masks)


def spoil_absent_masks(run):
    results = json.loads((run / "results.json").read_text())
    results["test"]["segmentation"] = {"dice": {"mean": 0.99}}
    (run / "results.json").write_text(json.dumps(results))


def spoil_config(run):
    (run / "config.json").write_text('{"data": {}}')


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (spoil_json, "results.json: not JSON"),
        (spoil_counts, "results.json: test.net.tp: found 4, expected 3 as predictions/test.csv has it"),
        (spoil_threshold, "results.json: test.net.threshold: found no number, expected that of every output"),
        (spoil_predictions, "predictions of 'net': scores: found"),
        (lambda run: (run / "predictions" / "test.csv").unlink(), "test.csv: no such file, expected predictions"),
        (lambda run: shutil.rmtree(run / "splits"), "train.csv: cannot be read"),
        (spoil_split, "image 'f0 i1': found case 'f0 c0' in predictions/test.csv: net, nothing in splits/test.csv"),
        (spoil_case, "image 'f0 i3': found case 'f0 c1' in predictions/test.csv: net, case 'f0 c0' in splits/test.csv"),
        (spoil_masks, "image 'f0 i0': found case 'f0 i0' in predictions/test_segmentation.csv, case 'f0 c0' in splits"),
        (spoil_dice, "results.json: test.segmentation.dice.mean: found 0.99, expected 1.0 as test_segmentation.csv"),
        (spoil_absent_masks, "test_segmentation.csv: found no figures of masks, expected those that"),
        (spoil_config, "config.json: found no field 'config', expected the config of a run"),
    ],
)
def test_a_spoiled_file_is_one_clear_error(sweep, spoil, message):
    spoil(sweep / "fold=0")
    with pytest.raises(TableError) as error:
        find_runs(sweep)
    assert message in str(error.value)
    assert "fold=0" in str(error.value)
    assert "\n" not in str(error.value)


def test_no_runs(tmp_path):
    with pytest.raises(TableError, match=r"none: no such folder, expected one with runs"):
        find_runs(tmp_path / "none")
    with pytest.raises(TableError, match=r"no run in it, expected folders with the config.json of a run"):
        find_runs(tmp_path)
    (tmp_path / "sweep.json").write_text("[]")
    with pytest.raises(TableError, match=r"sweep.json: not a list of runs"):
        find_runs(tmp_path)


def test_results_follow_the_predictions_to_the_last_bit(tmp_path, write_run):
    """A score a hair above the threshold stays there through the files."""
    just_above = float(np.nextafter(0.5, 1))
    parts = [
        fold_predictions(0, [1, 0, 1, 0], [just_above, 0.5, 0.2, 0.1]),
        *(fold_predictions(fold, [1, 0], [0.6, 0.4]) for fold in (1, 2)),
    ]
    run = write_run(tmp_path / "a", parts, 0)
    write_csv(run / "predictions" / "test.csv", read_csv(run / "predictions" / "test.csv"))
    assert find_runs(tmp_path)[0][0].measures["net"].counts == (1, 1, 2, 0)
