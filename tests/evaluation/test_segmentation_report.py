"""What is shown of predicted masks: figures, the report's section, the printed table, and their place in results."""

import io

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from busjax.evaluation.examples import MaskExample
from busjax.evaluation.figures import png_bytes
from busjax.evaluation.report import write_report
from busjax.evaluation.results import build_results, print_results, read_results, write_results
from busjax.evaluation.rows import outputs_of, table_rows
from busjax.evaluation.segmentation import Segmentation, pixel_counts
from busjax.evaluation.segmentation_figures import BINS, outline_gallery, overlap_figure
from tests.evaluation.test_report import Page


@pytest.fixture(scope="module")
def drawn() -> Segmentation:
    """Thirty images of twelve cases: squares and squares beside them, five empty masks, five images without a mask."""
    rng = np.random.default_rng(0)
    true, called = np.zeros((2, 30, 16, 16), bool)
    for i in range(30):
        top, left = rng.integers(0, 8, 2)
        true[i, top : top + 6, left : left + 6] = i >= 10
        called[i, top + 1 : top + 7, left + rng.integers(0, 4) : left + 6] = i % 5 > 0
    return Segmentation(
        np.array([f"image {i}" for i in range(30)]),
        np.array([f"case {i % 12}" for i in range(30)]),
        np.arange(30) >= 5,
        pixel_counts(called, true),
    )


def example(true=True, dice=0.5, image_id="image") -> MaskExample:
    probability = np.zeros((20, 30))
    probability[5:15, 10:20] = 0.9
    mask = np.zeros((20, 30), bool)
    mask[0:10, 0:12] = True  # at the edge
    return MaskExample(image_id, np.full((20, 30, 3), 90, np.uint8), mask if true else None, probability, dice)


def test_the_histogram_counts_every_image_with_a_lesion(drawn):
    figure = overlap_figure(drawn)
    left, right = figure.axes
    dice = drawn.figures()["dice"][drawn.has_lesion]
    expected = np.histogram(dice, bins=BINS)[0]
    assert expected.sum() == 20
    outline = left.patches[0].get_xy()  # Dice is drawn first
    for low, count in zip(BINS, expected, strict=False):  # a bin's left edge goes up or down to its height
        assert count in outline[outline[:, 0] == low, 1]
    assert outline[:, 1].max() == expected.max()
    points = right.collections[0].get_offsets()
    np.testing.assert_allclose(points[:, 1], dice)
    np.testing.assert_allclose(points[:, 0], 100 * 36 / 256)
    with pytest.raises(ValueError, match="no image with a lesion"):
        overlap_figure(drawn.subset(~drawn.has_lesion))


def test_outlines_follow_the_masks():
    """Around the pixels, half a pixel outside their centres, also where the mask meets the image's edge."""
    figure = outline_gallery({"best": [example()], "none": []})
    assert len(figure.axes) == 3  # an image, the same with outlines, a gap; no row for what is empty
    true, predicted = figure.axes[1].collections
    corners = {}
    for name, contour in (("true", true), ("predicted", predicted)):
        points = np.concatenate([path.vertices for path in contour.get_paths()])
        corners[name] = (*points.min(axis=0), *points.max(axis=0))
    assert corners["true"] == pytest.approx((-0.5, -0.5, 11.5, 9.5))
    assert corners["predicted"] == pytest.approx((9.5, 4.5, 19.5, 14.5))
    assert [axes.get_title() for axes in figure.axes[:2]] == ["image", "Dice 0.500"]
    image = np.asarray(Image.open(io.BytesIO(png_bytes(figure))).convert("RGB")).reshape(-1, 3).astype(int)
    for colour in ((57, 255, 20), (230, 159, 0)):
        assert (np.abs(image - colour).max(axis=1) < 40).any()
    without = outline_gallery({"best": [example(true=False, dice=np.nan)]})
    assert without.axes[1].get_title() == "no true mask"
    assert len(without.axes[1].collections) == 1
    with pytest.raises(ValueError, match="no example"):
        outline_gallery({"best": []})


def test_examples_that_do_not_fit_are_refused():
    given = example()
    with pytest.raises(ValueError, match=r"image 'image': true: found size \(3, 4\), expected \(20, 30\)"):
        MaskExample("image", given.image, np.zeros((3, 4), bool), given.probability, 0.5)
    with pytest.raises(ValueError, match=r"image 'image': probability: found values from 0 to 1\.8"):
        MaskExample("image", given.image, given.true, 2 * given.probability, 0.5)


@pytest.fixture(scope="module")
def results(drawn, random_predictions):
    return build_results(
        {"test": [random_predictions(name="net")]},
        {},
        segmentations={"test": drawn},
        datasets={"busi": {"test": [random_predictions(name="net")]}},
        dataset_segmentations={"busi": {"test": drawn.subset(np.arange(30) % 2 == 0)}},
        mask_threshold=0.4,
        resamples=50,
    )


def test_its_place_in_the_results(results, tmp_path):
    write_results(tmp_path / "results.json", results)
    assert read_results(tmp_path / "results.json") == results
    entry = results["test"]["segmentation"]
    assert (entry["images"], entry["unmasked"], entry["lesion_images"]) == (25, 5, 20)
    assert entry["threshold"] == 0.4
    assert results["datasets"]["busi"]["test"]["segmentation"]["images"] == 12
    assert list(outputs_of(results, "test")) == ["net"]
    assert [row.label for row in table_rows(results, "test")] == ["net"]


def test_an_output_of_that_name_is_refused(random_predictions):
    with pytest.raises(ValueError, match="found an output called 'segmentation'"):
        build_results({"test": [random_predictions(name="segmentation")]}, {})


@pytest.mark.parametrize("width", [60, 140])
def test_the_printed_table(results, width):
    console = Console(file=io.StringIO(), width=width)
    print_results(results, console)
    text = console.file.getvalue()
    assert "test: masks, threshold 0.4 (fixed), means over images" in " ".join(text.split())
    mean = f"{results['test']['segmentation']['lesions']['dice']['mean']:.3f}"
    assert mean in text
    assert "busi alone" in text


def test_the_section_of_the_report(results, drawn, tmp_path):
    path = tmp_path / "report.html"
    groups = {"best": [example()], "middle": [], "worst": [example(image_id="<b>")], "no lesion": []}
    write_report(path, title="run", run_facts={}, results=results, segmentations={"test": drawn}, mask_examples=groups)
    page = Page(path.read_text())
    assert "Segmentation" in page.headings
    rows = [row for row in page.rows if row and row[0] in ("all with a mask", "with a lesion")]
    assert len(rows) == 4  # of the test part, and of the dataset by itself
    entry = results["test"]["segmentation"]
    interval = entry["dice"]["interval"]
    expected = f"{entry['dice']['mean']:.3f}[{interval['low']:.3f}, {interval['high']:.3f}]"
    assert rows[0][:3] == ["all with a mask", "25 (12)", expected]
    assert rows[1][1] == "20 (12)"
    for words in ("Dice and IoU of two empty masks are 1", "256 pixels", "5 more images have no mask"):
        assert words in page.text
    assert sum(source.startswith("data:image/png") for source in page.sources) == 2
    # Without masks there is no such section.
    plain = {part: value for part, value in results.items() if part != "datasets"}
    plain["test"] = outputs_of(results, "test")
    write_report(path, title="run", run_facts={}, results=plain)
    assert "Segmentation" not in Page(path.read_text()).headings
