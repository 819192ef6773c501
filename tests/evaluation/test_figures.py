import io

import matplotlib
import numpy as np
import pytest
from PIL import Image

from busjax.evaluation.figures import confusion_matrix, png_bytes, roc_curves, training_curves
from busjax.evaluation.predictions import Predictions


def pixels(figure) -> np.ndarray:
    return np.array(Image.open(io.BytesIO(png_bytes(figure, dpi=80))).convert("RGB"))


def test_png(random_predictions):
    data = png_bytes(roc_curves([random_predictions()]), dpi=80)
    image = pixels(roc_curves([random_predictions()]))
    assert image.shape == (400, 400, 3)  # 5 inches
    assert len(np.unique(image.reshape(-1, 3), axis=0)) > 10
    assert png_bytes(roc_curves([random_predictions()]), dpi=80) == data


def test_drawing_leaves_the_backend_alone(random_predictions):
    before = dict(matplotlib.rcParams)
    png_bytes(roc_curves([random_predictions()]))
    assert dict(matplotlib.rcParams) == before


def test_roc_curves_show_each_output_and_chance(make, random_predictions):
    perfect = make([0, 0, 1], [0.1, 0.4, 0.8], name="perfect")
    one_class = make([1, 1], [0.2, 0.4], name="one_class")
    axes = roc_curves([perfect, random_predictions(name="other"), one_class], title="Test").axes[0]
    chance, first = axes.lines[0], axes.lines[1]
    assert chance.get_xydata().tolist() == [[0, 0], [1, 1]]
    assert [0, 1] in first.get_xydata().tolist()
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels[1] == "perfect: AUC 1.000, n = 3 (1 positive)"
    assert labels[2].startswith("other: AUC 0.")
    assert labels[3] == "one_class: no curve, one class only, n = 2 (2 positive)"
    assert len(axes.lines[3].get_xydata()) == 0
    assert axes.get_title() == "Test"


def test_confusion_matrix_has_the_positive_class_first(from_counts):
    axes = confusion_matrix(from_counts(3, 1, 8, 2)).axes[0]
    texts = {tuple(text.get_position()): text.get_text() for text in axes.texts}
    assert texts == {(0, 0): "3\n75.0 %", (1, 0): "1\n25.0 %", (0, 1): "2\n20.0 %", (1, 1): "8\n80.0 %"}
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["malignant", "not malignant"]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["malignant", "not malignant"]
    assert axes.images[0].get_array().tolist() == [[0.75, 0.25], [0.2, 0.8]]


def test_confusion_matrix_of_one_class_claims_no_percentage(from_counts):
    texts = [text.get_text() for text in confusion_matrix(from_counts(0, 0, 5, 0)).axes[0].texts]
    assert texts == ["0\nno image", "0\nno image", "0\n0.0 %", "5\n100.0 %"]


def test_training_curves_group_parts_and_skip_what_is_missing():
    history = [
        {"epoch": 1, "step": 10, "train/mt_loss": 1.0, "note": "text", "done": True},
        {"epoch": 2, "step": 20, "train/mt_loss": 0.5, "val/mt_loss": np.float32(0.75), "val/mt_auc": None},
        {"epoch": 3, "step": 30, "train/mt_loss": float("nan"), "val/mt_loss": 0.25, "val/mt_auc": 0.5},
    ]
    loss, auc = training_curves(history).axes
    assert (loss.get_title(), auc.get_title()) == ("mt_loss", "mt_auc")
    assert [text.get_text() for text in loss.get_legend().get_texts()] == ["train", "val"]
    assert loss.lines[1].get_xydata().tolist() == [[2, 0.75], [3, 0.25]]
    assert loss.lines[0].get_xydata()[:2].tolist() == [[1, 1], [2, 0.5]]
    assert np.isnan(loss.lines[0].get_ydata()[2])  # a gap, not a value
    assert auc.lines[0].get_xydata().tolist() == [[3, 0.5]]
    assert loss.get_xlabel() == "epoch"
    del history[0]["epoch"]
    assert training_curves(history).axes[0].get_xlabel() == "step"


def test_nothing_to_draw_is_refused():
    with pytest.raises(ValueError, match="ROC curves: found no output"):
        roc_curves([])
    with pytest.raises(ValueError, match="found no 'epoch' or 'step'"):
        training_curves([])
    with pytest.raises(ValueError, match="found no 'epoch' or 'step'"):
        training_curves([{"epoch": 1, "loss": 1.0}, {"step": 2, "loss": 1.0}])
    with pytest.raises(ValueError, match="found no scalar in the history"):
        training_curves([{"epoch": 1, "train/loss": None}])


def three_classes() -> Predictions:
    """Five images; of the two benign ones one is decided as malignant."""
    target = np.array([0, 1, 1, 2, 2])
    scores = np.array([[0.8, 0.1, 0.1], [0.1, 0.7, 0.2], [0.1, 0.3, 0.6], [0.2, 0.2, 0.6], [0.1, 0.1, 0.8]])
    ids = np.array([f"image {i}" for i in range(5)])
    return Predictions("tumour", ("normal", "benign", "malignant"), ids, ids, target, scores)


def test_of_three_classes_each_has_a_curve_against_the_rest(random_predictions):
    axes = roc_curves([three_classes(), random_predictions(name="other")]).axes[0]
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels[1:4] == [
        "tumour, normal: AUC 1.000, n = 5 (1 positive)",
        "tumour, benign: AUC 1.000, n = 5 (2 positive)",
        "tumour, malignant: AUC 0.917, n = 5 (2 positive)",  # 5.5 of 6 pairs: 0.6 ties with the benign one's
    ]
    assert labels[4].startswith("other: AUC")


def test_confusion_matrix_of_three_classes_is_in_their_order():
    axes = confusion_matrix(three_classes()).axes[0]
    texts = {tuple(text.get_position()): text.get_text() for text in axes.texts}
    assert len(texts) == 9
    assert texts[0, 0] == "1\n100.0 %"
    assert texts[1, 1] == texts[2, 1] == "1\n50.0 %"  # the benign row: one right, one called malignant
    assert texts[2, 2] == "2\n100.0 %"
    names = ["normal", "benign", "malignant"]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == names
    assert [tick.get_text() for tick in axes.get_xticklabels()] == names
