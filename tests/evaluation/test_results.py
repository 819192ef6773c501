import io
import json

import numpy as np
import pytest
from rich.console import Console

from busjax.evaluation.results import build_results, print_results, read_results, write_results

SN = ("no_solid_nodule", "solid_nodule")


@pytest.fixture(scope="module")
def results(from_counts, random_predictions):
    """The paper's own counts as the test part (F2 0.942 and 0.932), and a small validation part."""
    test = [from_counts(440, 20, 844, 55), from_counts(854, 59, 371, 75, name="sn", classes=SN)]
    val = [random_predictions(), random_predictions(seed=1, name="mt_without_map")]
    selection = {name: {"metric": "f_beta", "step": np.int64(7)} for name in ("mt", "sn")}
    return build_results({"val": val, "test": test}, selection, resamples=100)


def printed(results, width, **kwargs) -> str:
    console = Console(file=io.StringIO(), width=width)
    print_results(results, console, **kwargs)
    return console.file.getvalue()


def test_structure(results):
    assert set(results) == {"val", "test", "selection"}
    assert set(results["test"]) == {"mt", "sn"}
    assert results["selection"]["sn"] == {"metric": "f_beta", "step": 7}
    mt = results["test"]["mt"]
    assert mt["f_beta"] == pytest.approx(0.942, abs=5e-4)
    assert (mt["tp"], mt["fn"], mt["tn"], mt["fp"]) == (440, 20, 844, 55)
    assert (mt["images"], mt["cases"], mt["unknown"]) == (1359, 1359, 0)
    assert (mt["threshold"], mt["threshold_from"], mt["beta"]) == (0.5, "fixed", 2.0)
    assert mt["positive_class"] == "malignant"
    assert set(mt["intervals"]["auc"]) == {"low", "high", "dropped"}


def test_a_file_gives_back_the_same_values(results, tmp_path):
    write_results(tmp_path / "run" / "results.json", results)
    assert read_results(tmp_path / "run" / "results.json") == results


def test_undefined_is_null_in_strict_json(from_counts, tmp_path):
    only_negative = build_results({"val": [from_counts(0, 0, 3, 0)]}, {"value": float("nan")}, resamples=20)
    write_results(tmp_path / "results.json", only_negative)
    text = (tmp_path / "results.json").read_text()
    assert "NaN" not in text
    mt = json.loads(text)["val"]["mt"]
    assert mt["auc"] is mt["sensitivity"] is mt["precision"] is mt["intervals"]["auc"]["low"] is None
    assert mt["specificity"] == 1.0
    assert mt["undefined"]["auc"] == "no positive image"
    assert mt["intervals"]["auc"]["dropped"] == 20
    assert json.loads(text)["selection"]["value"] is None
    shown = printed(only_negative, 200)
    assert "no sensitivity, f_beta, balanced_accuracy, auc: no positive image; no precision: no image is" in shown
    assert "nan" not in shown


@pytest.mark.parametrize("width", [200, 110, 60])
def test_the_table_shows_every_number_whole(results, width):
    text = printed(results, width, place=("qi2019", "REM"))
    for number in ("0.942", "94.48", "95.65", "93.88", "440/20/844/55", "0.932", "90.13", "83.18", "854/59/371/75"):
        assert number in text
    assert "…" not in text
    mt = results["test"]["mt"]
    low, high = mt["intervals"]["auc"]["low"], mt["intervals"]["auc"]["high"]
    assert f"{mt['auc']:.3f} [{low:.3f}, {high:.3f}]" in text
    assert all(len(line) <= width for line in text.splitlines())


def test_published_rows_stand_under_ours_and_say_other_data(results):
    lines = printed(results, 160, place=("qi2019", "REM")).splitlines()
    ours = next(index for index, line in enumerate(lines) if line.startswith("mt "))
    assert "Mt-Net(REM)" in lines[ours + 1]
    assert "other data" in lines[ours + 1]
    assert "0.942" in lines[ours + 1]
    assert "95.65" in lines[ours + 1]
    published = [line for line in lines if "-Net(" in line]
    assert all("other data" in line for line in published)
    without = next(line for line in lines if line.startswith("mt_without_map"))
    assert "-Net" not in lines[lines.index(without) + 1]
    assert not any("BASIC" in line for line in lines)
    assert "-Net(" not in printed(results, 160)
    # One table alone: of its part and question.
    alone = printed(results, 160, place=("qi_7", "MIP"))
    assert alone.count("Sn-Net(MIP)") == 2  # in the table and in its note
    assert "Mt-Net" not in alone


def test_published_f2_is_not_shown_beside_another_beta(from_counts):
    f1 = build_results({"test": [from_counts(4, 1, 5, 2)]}, {}, beta=1.0, resamples=0)
    text = printed(f1, 160, place=("qi2019", "REM"))
    assert "F1" in text
    (row,) = [line for line in text.splitlines() if line.startswith("  Mt-Net(REM) ")]
    assert "95.65" in row
    assert "0.942" not in row
    # The benchmark prints F1, as this run does.
    assert "0.66" in printed(f1, 160, place=("shareef_4", "mobilenet_scratch"))


def test_images_without_a_known_target_are_mentioned(results):
    unknown = results["val"]["mt"]["unknown"]
    assert unknown > 0
    assert f"mt: {unknown} more images have no known target" in printed(results, 160)


def test_wrong_use_is_refused(make, from_counts):
    with pytest.raises(ValueError, match="results: found the part 'dev', expected one of test, val, train"):
        build_results({"dev": []}, {})
    with pytest.raises(ValueError, match="results: val: found 'mt' twice"):
        build_results({"val": [from_counts(1, 1, 1, 1)] * 2}, {}, resamples=0)
    with pytest.raises(ValueError, match=r"results: test: predictions of 'mt': target: .*none with a known target"):
        build_results({"test": [make([-1], [0.5])]}, {})
    with pytest.raises(TypeError, match=r"selection\.step: found ndarray"):
        build_results({}, {"step": np.zeros(2)})
    with pytest.raises(TypeError, match=r"selection\.best\[1\]: found inf"):
        build_results({}, {"best": [0.5, float("inf")]})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ("[]", "found no 'selection'"),
        ('{"test": {}}', "found no 'selection'"),
        ('{"selection": {"value": NaN}}', "found NaN, expected strict JSON"),
    ],
)
def test_a_broken_file_is_refused_by_name(tmp_path, text, message):
    (tmp_path / "results.json").write_text(text)
    with pytest.raises(ValueError, match=rf"results\.json: {message}"):
        read_results(tmp_path / "results.json")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"results\.json: no such file"):
        read_results(tmp_path / "results.json")
