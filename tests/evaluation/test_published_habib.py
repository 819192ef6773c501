"""Table 1 of Habib et al. 2020 against what the paper's text says of it."""

from decimal import Decimal

import pytest

from busjax.evaluation.literature import QUESTIONS
from busjax.evaluation.published import check_place, published_rows, published_table, row_of

# The cells as they are printed: mammography/ultrasound/combined.
PRINTED = {
    "separate_bce_cnn": "0.76/0.75/0.79",
    "separate_bce_googlenet": "0.89/0.88/0.94",
    "separate_lmcl_cnn": "0.73/0.79/0.82",
    "separate_lmcl_googlenet": "0.88/0.87/0.89",
    "end_to_end_bce_cnn": "0.74/0.78/0.79",
    "end_to_end_bce_googlenet": "0.82/0.81/0.82",
    "end_to_end_lmcl_cnn": "0.72/0.78/0.79",
    "end_to_end_lmcl_googlenet": "0.84/0.80/0.78",
}
HEADS = ("mammography", "ultrasound", "combined")


def aucs(table: str) -> dict[str, Decimal]:
    return {row.name: Decimal(row.printed["auc"]) for row in published_table(table).rows}


def test_the_24_cells_and_the_words_beside_them():
    rows = {row.name: row for row in published_table("habib_1").rows}
    assert len(rows) == 24
    for experiment, cell in PRINTED.items():
        assert "/".join(rows[f"{experiment}_{head}"].printed["auc"] for head in HEADS) == cell
    for name, row in rows.items():
        training, loss, modality = row.setting.split(", ")
        network = {"Small CNN": "cnn", "GoogLeNet": "googlenet"}[row.method]
        assert name == "_".join((training.replace(" ", "_"), loss.lower(), network, modality))
    assert published_table("habib_1").number == "Table 1"


def test_each_output_of_a_run_has_a_row_of_its_own():
    rows = [row.name for row in published_table("habib_1").rows]
    assert row_of("separate_bce_cnn", "combined", rows) == "separate_bce_cnn_combined"
    assert row_of("separate_bce_cnn", "sn", rows) == row_of("", "combined", rows) == ""
    assert row_of("vgg16_ultrasound", "ultrasound", ["vgg16_ultrasound"]) == "vgg16_ultrasound"
    check_place("habib_1", "end_to_end_lmcl_googlenet")
    with pytest.raises(ValueError, match=r"table\.row: habib_1 has no row 'end_to_end_lmcl_vgg'"):
        check_place("habib_1", "end_to_end_lmcl_vgg")
    (found,) = published_rows("habib_1", "separate_lmcl_cnn", "test", QUESTIONS["malignant"], output="ultrasound")
    assert found.printed["auc"] == "0.79"


def test_what_the_text_says_of_it():
    """Section 4.1: one experiment got worse by both modalities; transfer and separate training are better."""
    found = aucs("habib_1")
    worse = [e for e in PRINTED if found[f"{e}_combined"] < max(found[f"{e}_mammography"], found[f"{e}_ultrasound"])]
    assert worse == ["end_to_end_lmcl_googlenet"]
    for training in ("separate", "end_to_end"):
        for loss in ("bce", "lmcl"):
            for head in HEADS[:2]:
                assert found[f"{training}_{loss}_googlenet_{head}"] > found[f"{training}_{loss}_cnn_{head}"]
    for loss in ("bce", "lmcl"):
        for network in ("cnn", "googlenet"):
            separate, together = (found[f"{t}_{loss}_{network}_combined"] for t in ("separate", "end_to_end"))
            assert separate >= together


def test_baselines_lie_between_the_two_networks():
    found, baselines = aucs("habib_1"), aucs("habib_baselines")
    for name, head in (("densenet121_mammography", "mammography"), ("vgg16_ultrasound", "ultrasound")):
        assert found[f"separate_bce_cnn_{head}"] < baselines[name] < found[f"separate_bce_googlenet_{head}"]


def test_the_model_surpasses_two_of_four_readers():
    found = aucs("habib_readers")
    model = found.pop("model")
    assert len(found) == 4
    assert sum(model > reader for reader in found.values()) == 2
    assert round(model, 2) == aucs("habib_1")["separate_bce_googlenet_combined"]
    # "Similarly to an average radiologist": their mean.
    assert float(sum(found.values()) / 4 - model) == pytest.approx(0.01175)
