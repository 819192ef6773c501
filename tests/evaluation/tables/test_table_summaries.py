import math

import numpy as np
import pytest

from busjax.evaluation.tables.errors import TableError
from busjax.evaluation.tables.folders import find_runs
from busjax.evaluation.tables.groups import group_runs, labels
from busjax.evaluation.tables.summaries import INCOMPLETE, LEAKS, summarise
from tests.evaluation.tables.workdirs import fold_predictions


def summaries_of(folder, **how):
    return [summary for group in group_runs(*find_runs(folder), **how) for summary in summarise(group)]


def test_folds_are_put_together_by_hand(sweep):
    (summary,) = summaries_of(sweep)
    accuracies, sensitivities = [6 / 8, 4 / 6, 9 / 10], [3 / 4, 2 / 3, 1.0]
    for name, values in (("accuracy", accuracies), ("sensitivity", sensitivities)):
        mean = sum(values) / 3
        assert summary.mean[name] == pytest.approx(mean)
        assert summary.deviation[name] == pytest.approx(math.sqrt(sum((v - mean) ** 2 for v in values) / 2))
    assert summary.pooled.counts == (10, 2, 9, 3)
    assert summary.pooled.values["accuracy"] == pytest.approx(19 / 24)
    # The mean over folds of different size is not the pooled value.
    assert summary.pooled.values["accuracy"] != pytest.approx(summary.mean["accuracy"], abs=1e-3)
    assert summary.marks == ()
    assert summary.notes == ()


def test_runs_are_grouped_by_everything_but_the_fold(tmp_path, write_run, three_folds):
    for loss in ("bce", "focal"):
        for fold in range(3):
            name = f"{loss}{fold}"
            write_run(tmp_path / name, three_folds, fold, loss__name=loss, data__data_dir=f"/machine/{fold}")
    groups = group_runs(*find_runs(tmp_path))
    assert [[run.name for run in group.runs] for group in groups] == [
        ["bce0", "bce1", "bce2"],
        ["focal0", "focal1", "focal2"],
    ]
    assert labels(groups) == ["loss.name=bce", "loss.name=focal"]


def test_labels_tell_fields_of_one_name_apart(tmp_path, write_run, three_folds):
    write_run(tmp_path / "a", three_folds, 0, loss__positive_weight=3.0, data__test=["busi", "busis"])
    write_run(tmp_path / "b", three_folds, 0, loss__name="focal", optimizer__name="sgd")
    found = labels(group_runs(*find_runs(tmp_path)))
    assert found == [
        "test=busi+busis, loss.name=bce, positive_weight=3.0, optimizer.name=adam",
        "test=none, loss.name=focal, positive_weight=1.0, optimizer.name=sgd",
    ]


def test_seeds_are_rows_or_repetitions(tmp_path, write_run, three_folds):
    for seed in (0, 1):
        for fold in range(3):
            write_run(tmp_path / f"{seed}{fold}", three_folds, fold, seed=seed)
    apart = summaries_of(tmp_path)
    assert [len(summary.folds) for summary in apart] == [3, 3]
    assert all(summary.pooled is not None for summary in apart)
    (together,) = summaries_of(tmp_path, seeds_together=True)
    assert len(together.folds) == 6
    values = np.array([6 / 8, 4 / 6, 9 / 10] * 2)
    assert together.mean["accuracy"] == pytest.approx(values.mean())
    assert together.deviation["accuracy"] == pytest.approx(values.std(ddof=1))
    assert together.pooled is None
    assert together.notes == ("not pooled: every case is tested once with each seed",)


def test_each_seed_and_fold_has_a_head_of_its_own_to_start_from(tmp_path, write_run, three_folds):
    for seed in (0, 1):
        for fold in range(3):
            head = f"runs/features_{seed}_{fold}"
            write_run(tmp_path / f"{seed}{fold}", three_folds, fold, seed=seed, pretrained__head_from=head)
    write_run(tmp_path / "without", three_folds, 0, pretrained__head_from="")
    tuned, without = summaries_of(tmp_path, seeds_together=True)
    assert (len(tuned.folds), len(without.folds)) == (6, 1)
    assert labels([tuned.group, without.group]) == ["head_from=True", "head_from=False"]


def test_a_missing_fold_is_told_and_nothing_is_pooled(tmp_path, write_run, three_folds):
    write_run(tmp_path / "a", three_folds, 0)
    write_run(tmp_path / "b", three_folds, 1, finished=False)
    (summary,) = summaries_of(tmp_path)
    assert summary.marks == (INCOMPLETE,)
    assert summary.pooled is None
    assert summary.notes == (
        "b is missing: no results.json: no checkpoint yet",
        "fold 2 is missing: there is no run of it",
        "not pooled: not every fold is there",
    )
    assert summary.mean["accuracy"] == 6 / 8
    assert math.isnan(summary.deviation["accuracy"])


def test_a_row_without_any_finished_run_is_there(tmp_path, write_run, three_folds):
    write_run(tmp_path / "b", three_folds, 1, finished=False)
    (summary,) = summaries_of(tmp_path)
    assert summary.folds == ()
    assert summary.marks == (INCOMPLETE,)
    assert summary.notes[0].startswith("b is missing")


def test_the_same_run_twice_is_refused(tmp_path, write_run, three_folds):
    write_run(tmp_path / "a", three_folds, 0)
    write_run(tmp_path / "b", three_folds, 0, data__data_dir="/elsewhere")
    with pytest.raises(TableError, match=r"b: the same run as a \(fold 0, seed 0, and all other settings\)"):
        summaries_of(tmp_path)


def test_a_case_that_two_folds_test_is_refused(tmp_path, write_run, three_folds):
    """As where the folds were made from different splits."""
    shared = fold_predictions(1, [1, 0, 1, 0], [0.9, 0.1, 0.8, 0.2])
    object.__setattr__(shared, "case_id", np.array(["f0 c0", "f0 c0", "f1 c1", "f1 c1"]))
    write_run(tmp_path / "a", three_folds, 0)
    write_run(tmp_path / "b", [three_folds[0], shared, three_folds[2]], 1)
    # The parts were put together so that the second run trains on the case, too, which is a leak: take it out.
    train = tmp_path / "b" / "splits" / "train.csv"
    train.write_text("\n".join(line for line in train.read_text().splitlines() if "f0 c0" not in line) + "\n")
    with pytest.raises(TableError, match=r"case 'f0 c0' is tested in a and in b; expected each once over the folds"):
        summaries_of(tmp_path)


def test_an_image_that_two_folds_test_is_refused(tmp_path, write_run, three_folds):
    write_run(tmp_path / "a", three_folds, 0)
    write_run(tmp_path / "b", [three_folds[1], three_folds[0], three_folds[2]], 1)
    with pytest.raises(TableError, match=r"image 'f0 i0' is tested in a and in b; expected each once"):
        summaries_of(tmp_path)


def test_datasets_that_every_fold_tests_are_not_pooled(tmp_path, write_run, three_folds):
    for fold in range(3):
        outside = list(three_folds)
        outside[fold] = fold_predictions(9, [1, 0, 1], [0.9, 0.1, 0.6 - fold / 5])
        write_run(tmp_path / f"{fold}", outside, fold, data__test="busis")
    (summary,) = summaries_of(tmp_path)
    assert summary.pooled is None
    assert "not pooled: image 'f9 i0' is tested in 0 and in 1" in summary.notes
    assert summary.mean["sensitivity"] == pytest.approx((1 + 0.5 + 0.5) / 3)


def test_a_split_by_image_is_marked_and_pools_images(tmp_path, write_run, three_folds):
    parts = [*three_folds[:2], fold_predictions(2, [1, 0, 1, 0], [0.9, 0.1, 0.8, 0.2])]
    object.__setattr__(parts[2], "case_id", np.array(["f0 c0", "f0 c0", "f2 c1", "f2 c1"]))
    for fold in range(3):
        write_run(tmp_path / f"{fold}", parts, fold)
    (summary,) = summaries_of(tmp_path)
    assert summary.marks == (LEAKS,)
    assert summary.notes[0].startswith("leaks patients: 1 cases of the test part are in training or validation, too")
    assert summary.pooled.images == 8 + 6 + 4


def test_cases_that_are_never_tested_are_counted(tmp_path, write_run, three_folds):
    """As in released folds that lost a case: it trains in every fold and is tested in none."""
    for fold in range(3):
        run = write_run(tmp_path / f"{fold}", three_folds, fold, data__split="official")
        with (run / "splits" / "train.csv").open("a") as file:
            file.write("lost,lost,malignant,-1\n")
    (summary,) = summaries_of(tmp_path)
    assert summary.pooled.images == 24
    assert summary.notes == ("1 of the cases are in no fold's test part, and not in the pooled figures",)


def test_published_folds_that_are_not_there_are_seen_by_their_cases(tmp_path, write_run, three_folds):
    """The config does not say how many folds were published; the cases of the splits do."""
    for fold in range(2):
        write_run(tmp_path / f"{fold}", three_folds, fold, data__split="official")
    (summary,) = summaries_of(tmp_path)
    assert summary.pooled is None
    assert summary.marks == (INCOMPLETE,)
    assert summary.notes == ("not pooled: 5 of the cases are in no test part, as many as a fold tests",)


def test_a_network_that_is_shown_the_lesion_is_told_apart(tmp_path, write_run, three_folds):
    write_run(tmp_path / "a", three_folds, 0, data__resize="lesion")
    write_run(tmp_path / "b", three_folds, 0, data__resize="squash")
    shown, whole = summaries_of(tmp_path)
    assert any("cut out by the true mask, also at test" in note for note in shown.notes)
    assert not any("cut out" in note for note in whole.notes)


def test_undefined_metrics_are_told(tmp_path, write_run, three_folds):
    silent = fold_predictions(1, [1, 1, 0, 0], [0.1, 0.2, 0.3, 0.4])  # no image is called positive
    for fold in range(3):
        write_run(tmp_path / f"{fold}", [three_folds[0], silent, three_folds[2]], fold)
    (summary,) = summaries_of(tmp_path)
    assert math.isnan(summary.mean["precision"])
    assert summary.mean["f1"] == pytest.approx((6 / 8 + 0 + 10 / 11) / 3)
    assert summary.pooled.values["precision"] == pytest.approx(8 / 10)
    assert summary.notes == ("precision undefined in 1: no image is called positive",)
