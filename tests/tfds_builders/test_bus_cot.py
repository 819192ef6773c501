import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.tfds_builders.expected import picture, save
from tests.tfds_builders.releases.bus_cot import write_release
from tfds_builders.bus_cot.solidity import solidity
from tfds_builders.reading import prepare
from tfds_builders.record import DatasetError

CROPS, IMAGES = "lesion_dataset.json", "BUS-Expert_dataset.json"
FIRST = "trainval_000000@0.png"


@pytest.mark.parametrize(
    ("label", "histology", "echo", "solid"),
    [
        ("malignant", (), "", 1),
        ("malignant", ("Cyst",), "CysticSolidMixedEcho", 1),
        ("malignant", (), "NoEcho", -1),
        ("benign", ("fibroadenoma",), "", 1),
        ("benign", ("Phyllodes Tumor", "Adenosis"), "HighEcho", 1),
        ("benign", ("Fibroadenoma",), "NoEcho", -1),
        ("benign", ("Fibroadenoma", "Cyst"), "", -1),
        ("benign", ("Galactocele",), "LowEcho", 0),
        ("benign", ("Cyst",), "CysticSolidMixedEcho", -1),
        ("benign", ("Cyst", "Adenosis"), "LowEcho", -1),
        ("benign", ("Adenosis",), "NoEcho", 0),
        ("benign", (), "NoEcho", 0),
        ("benign", (), "CysticSolidMixedEcho", -1),
        ("benign", (), "", -1),
        (None, ("Fibroadenoma",), "LowEcho", -1),
        (None, ("Cyst",), "NoEcho", -1),
    ],
)
def test_solidity(label: str | None, histology: tuple[str, ...], echo: str, solid: int) -> None:
    assert solidity(label, histology, echo) == solid


@pytest.fixture
def release(tmp_path: Path) -> Path:
    write_release(tmp_path / "release")
    return tmp_path / "release" / "BUSCoT"


def refused(release: Path, tmp_path: Path, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        prepare("bus_cot", tmp_path / "data", release)
    assert not (tmp_path / "data" / "bus_cot" / "1.0.0").exists()


def put(file: str, *path: str, value: Any = None) -> Callable[[Path], None]:
    """Sets a member deep in a file, or takes it away where no value is given."""

    def edit(release: Path) -> None:
        table = release / "DatasetFiles" / file
        content = json.loads(table.read_text(encoding="utf-8-sig"))
        inner = content
        for name in path[:-1]:
            inner = inner[name]
        if value is None:
            del inner[path[-1]]
        else:
            inner[path[-1]] = value
        table.write_text(json.dumps(content))

    return edit


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (
            lambda release: (release / "DatasetFiles" / CROPS).unlink(),
            r"lesion_dataset\.json: cannot be read \(No such file",
        ),
        (
            lambda release: (release / "DatasetFiles" / IMAGES).write_text("[]"),
            r"BUS-Expert_dataset\.json: \[\], expected an object",
        ),
        (put(CROPS, FIRST, value=[1]), r"lesion_dataset\.json, 'trainval_000000@0\.png': \[1\], expected an object"),
        (put(CROPS, FIRST, "image_path"), r"'trainval_000000@0\.png': no image_path; found split, path"),
        (
            put(CROPS, FIRST, "image_path", value="BUS-Expert/1.png"),
            r"image_path 'BUS-Expert/1\.png', expected BUS-Lesion",
        ),
        (
            put(CROPS, FIRST, "split", value="test"),
            r"split 'test', but its image_path is 'BUS-Lesion/trainval/000000@0",
        ),
        (put(CROPS, FIRST, "us_report", value=""), r"'trainval_000000@0\.png', us_report: \"\", expected an object"),
        (
            put(CROPS, FIRST, "pathology_histology", "pathology", value="Borderline"),
            r"'trainval_000000@0\.png': pathology 'Borderline', expected benign, malignant or nothing",
        ),
        (
            put(CROPS, FIRST, "pathology_histology", "subtype", value=["IDC"]),
            r"'trainval_000000@0\.png': subtype \['IDC'\], expected objects by name",
        ),
        (put(IMAGES, "000000"), r"'trainval_000000@0\.png': image '000000' has no entry in .*BUS-Expert_dataset\.json"),
        (put(IMAGES, "000000", value="x"), r"BUS-Expert_dataset\.json, '000000': 'x', expected an object"),
        (
            put(IMAGES, "000000", "patient_id"),
            r"BUS-Expert_dataset\.json, '000000': no patient_id; found dataset, image",
        ),
        (
            put(IMAGES, "000000", "dataset", value=" "),
            r"'000000': dataset '', patient_id 'BUSBRA@000177', expected both",
        ),
        (
            lambda release: (release / "BUS-Lesion/trainval/000000@0.png").unlink(),
            r"'trainval_000000@0\.png': .*000000@0\.png is missing",
        ),
        (
            lambda release: save(release / "BUS-Lesion/test/000099@0.png", picture("L", 9, 9, 0)),
            r"test/000099@0\.png: no entry in .*lesion_dataset\.json",
        ),
        (
            lambda release: save(release / "BUS-Lesion/test/000099.png", picture("L", 9, 9, 0)),
            r"test/000099\.png: unknown file name, expected NNNNNN@N\.png",
        ),
    ],
)
def test_faults(release: Path, tmp_path: Path, edit: Callable[[Path], None], message: str) -> None:
    edit(release)
    refused(release, tmp_path, message)
