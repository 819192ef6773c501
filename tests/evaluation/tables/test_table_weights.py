"""Runs of one row started from the same weights."""

import json

import pytest

from busjax.evaluation.tables.errors import TableError
from busjax.evaluation.tables.folders import find_runs
from busjax.evaluation.tables.groups import group_runs


def note(folder, checksum):
    told = {"release": "keras/mobilenet_1.0", "file": "w.h5", "checksum": checksum, "differs_from_published": True}
    (folder / "pretrained.json").write_text(json.dumps({"net": told}))


def test_other_weights_in_a_row_are_refused(sweep):
    for fold in (0, 1):
        note(sweep / f"fold={fold}", "sha256:aa")
    finished, missing = find_runs(sweep)
    assert [run.weights for run in finished] == [{"net": "sha256:aa"}, {"net": "sha256:aa"}, {}]
    assert len(group_runs(finished, missing)) == 1
    note(sweep / "fold=2", "sha256:bb")
    expected = r"fold=2: pretrained\.json: net: found the weights sha256:bb, but sha256:aa in fold=0"
    with pytest.raises(TableError, match=expected):
        group_runs(*find_runs(sweep))


def test_rows_may_differ_in_their_weights(tmp_path, write_run, three_folds):
    for name, checksum in (("bce", "sha256:aa"), ("focal", "sha256:bb")):
        for fold in range(3):
            note(write_run(tmp_path / name / str(fold), three_folds, fold, loss__name=name), checksum)
    assert [len(group.runs) for group in group_runs(*find_runs(tmp_path))] == [3, 3]


def test_a_broken_file_is_named(sweep):
    (sweep / "fold=1" / "pretrained.json").write_text("[]")
    with pytest.raises(TableError, match=r"fold=1/pretrained\.json: cannot be read"):
        find_runs(sweep)
