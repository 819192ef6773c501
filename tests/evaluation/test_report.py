import base64
import io
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from busjax.evaluation.examples import FeatureExample
from busjax.evaluation.report import write_report
from busjax.evaluation.results import build_results

VOID = {"meta", "img", "link", "br", "hr", "input"}


class Page(HTMLParser):
    """Collects the headings, table rows, references and text of a page, and checks that its tags match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.headings: list[str] = []
        self.rows: list[list[str]] = []
        self.sources: list[str] = []
        self.links: list[str] = []
        self.anchors: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        values = dict(attrs)
        self.sources += [values[name] for name in ("src", "srcset", "data", "poster") if name in values]
        self.links += [values["href"]] if "href" in values else []
        self.anchors += [values["id"]] if "id" in values else []
        assert not any(name.startswith("on") for name in values)
        if tag not in VOID:
            self.open.append(tag)
        if tag == "h2":
            self.headings.append("")
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" in self.open:
            assert "url(" not in data
            assert "@import" not in data
            return
        self.text += data
        if "h2" in self.open:
            self.headings[-1] += data
        if self.open and self.open[-1] in ("td", "th", "span", "small") and self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


@pytest.fixture(scope="module")
def content(from_counts, random_predictions, cam_example):
    """Everything a report can show."""
    sn = {"name": "sn", "classes": ("no_solid_nodule", "solid_nodule")}
    test = [from_counts(440, 20, 844, 55), from_counts(854, 59, 371, 75, **sn)]
    predictions = {"test": test, "val": [random_predictions(), random_predictions(**sn)]}
    frame = np.ones((20, 30))
    frame[2:-2, 2:-2] = 0
    features = FeatureExample(
        "image", np.zeros((20, 30, 3), np.uint8), np.zeros((20, 30)), {1: np.eye(4)}, {1: np.ones((4, 4))}
    )
    return {
        "title": "A <b>bold</b> & plain run",
        "run_facts": {
            "notice": "The images are synthetic <script>",
            "dataset": "phantom & <more>",
            "seed": 3,
            "command": "python launch.py --config configs/rem.py > log",
        },
        "results": build_results(
            predictions, {name: {"metric": f"val/{name}_f_beta", "step": 7} for name in ("mt", "sn")}, resamples=50
        ),
        "predictions": predictions,
        "history": [{"epoch": 1, "train/mt_loss": 1.0}, {"epoch": 2, "train/mt_loss": 0.5}],
        "cam_examples": {"mt": [cam_example(), cam_example(mask=None)], "sn": [cam_example(frame, output="sn")]},
        "feature_examples": [features],
        "place": ("qi2019", "REM"),
    }


@pytest.fixture(scope="module")
def full(content, tmp_path_factory) -> Page:
    path = tmp_path_factory.mktemp("report") / "new" / "folder" / "report.html"
    write_report(path, **content)
    return Page(path.read_text(encoding="utf-8"))


def test_every_section_is_there_in_order(full):
    assert full.headings == [
        "What this run is",
        "Test results",
        "Validation results",
        "ROC curves",
        "Confusion matrices",
        "Training curves",
        "Class activation maps",
        "Feature maps of the two pathways",
        "Definitions",
        "How to make this run again",
    ]
    assert sorted(full.links) == sorted(f"#{anchor}" for anchor in full.anchors)


def test_nothing_is_fetched_and_nothing_runs(full):
    assert full.sources
    assert all(source.startswith("data:image/png;base64,") for source in full.sources)
    assert all(link.startswith("#") for link in full.links)
    assert not {"script", "link", "iframe", "object", "embed"} & set(full.tags)


def test_pictures_can_be_decoded_and_differ(full):
    data = [base64.b64decode(source.partition(",")[2]) for source in full.sources]
    assert len(data) == 2 + 4 + 1 + 2 + 1  # ROC, confusion, training, maps, features
    assert len(set(data)) == len(data)
    for picture in data:
        with Image.open(io.BytesIO(picture)) as image:
            assert min(image.size) > 100


def test_texts_are_escaped_and_kept(full):
    assert "b" not in full.tags
    for text in ("A <b>bold</b> & plain run", "The images are synthetic <script>", "phantom & <more>", "> log"):
        assert text in full.text
    assert "metric val/mt_f_beta, step 7" in full.text


def test_our_rows_and_the_papers(full):
    mt = next(row for row in full.rows if row[0] == "mt" and len(row) == 10)
    assert mt[1] == "1359 (1359)"
    assert mt[3].startswith("0.942[0.9")
    assert [cell.partition("[")[0] for cell in mt[4:7]] == ["94.48", "95.65", "93.88"]
    assert mt[9] == "440/20/844/55"
    published = [row for row in full.rows if row[0].startswith(("Mt-Net(", "Sn-Net(", "Han", "Cheng"))]
    assert len(published) == 20
    assert all(row[1] == "other data" for row in published)
    assert ["Mt-Net(REM)", "other data", "0.982", "0.942", "94.48", "95.65", "93.88", "–", "–", "–"] in published
    assert "cannot be compared directly" in full.text


def test_conditions_of_the_numbers_are_said(full, content):
    assert "Decision threshold 0.5 (fixed)" in full.text
    assert "50 resamples of cases (seed 0)" in full.text
    unknown = content["results"]["val"]["sn"]["unknown"]
    assert f"sn: {unknown} more images have no known target" in full.text
    assert "malignant (mt), solid nodule (sn)" in full.text


def test_a_map_of_the_frame_is_visible_as_a_number(full):
    rows = {row[0]: row for row in full.rows if len(row) == 5}
    assert rows["mt"][1:3] == ["1 (1 without)", "100.00above chance"]
    assert rows["sn"][1:5] == ["1 (0 without)", "0.00not above chance", "0.00not above chance", "16.67"]


def test_sections_without_data_are_left_out(tmp_path, content):
    only_test = {"test": content["results"]["test"], "selection": {}}
    write_report(tmp_path / "report.html", title="Short", run_facts={"seed": 1}, results=only_test)
    page = Page((tmp_path / "report.html").read_text())
    assert page.headings == ["What this run is", "Test results", "Definitions"]
    assert page.sources == []
    write_report(tmp_path / "empty.html", title="Empty", run_facts={}, results={"selection": {}})
    assert Page((tmp_path / "empty.html").read_text()).headings == []


def test_a_path_that_cannot_be_written_is_named(tmp_path, content):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match=r"report\.html: cannot be written"):
        write_report(tmp_path / "file" / "report.html", title="x", run_facts={}, results={"selection": {}})


def test_importing_loads_no_framework_and_no_display():
    code = (
        "import sys, busjax.evaluation.report, busjax.evaluation.results;"
        "print([name for name in ('jax', 'tensorflow', 'matplotlib.pyplot', 'sklearn') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
