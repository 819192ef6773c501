from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.tfds_builders.releases.oasbud import elements, write_structs
from tfds_builders.oasbud import b_mode as module
from tfds_builders.oasbud.b_mode import AXIAL_MM, LATERAL_MM, b_mode, envelope, nearest_rows
from tfds_builders.reading import prepare
from tfds_builders.record import DatasetError

Elements = list[dict[str, Any]]


def test_geometry() -> None:
    assert pytest.approx(0.01925) == AXIAL_MM  # 1540 m/s / (2 x 40 MHz)
    assert pytest.approx(0.0745098, rel=1e-6) == LATERAL_MM  # 38 mm / 510
    # 1824 samples x 0.01925 mm = 35.112 mm = 471.24 pixels of 0.0745098 mm
    assert b_mode(np.ones((1824, 510), dtype=np.int16)).shape == (471, 510)


def test_envelope_of_a_modulated_pulse_is_its_modulation() -> None:
    samples = np.arange(400.0)[:, None]
    centres = np.array([150.0, 210.0])
    modulation = 8000 * np.exp(-(((samples - centres) / 25) ** 2))
    rf = modulation * np.cos(2 * np.pi * 10 / 40 * samples + 0.7)  # 10 MHz, sampled at 40 MHz
    np.testing.assert_allclose(envelope(rf), modulation, atol=0.01)
    quantised = np.round(rf).astype(np.int16)
    np.testing.assert_allclose(envelope(quantised), modulation, atol=2)


def test_an_echo_is_at_its_depth() -> None:
    samples = np.arange(1000.0)[:, None]
    depths = np.array([[300.0, 700.0]])
    pulse = 9000 * np.exp(-(((samples - depths) / 6) ** 2)) * np.cos(2 * np.pi * samples / 4)
    image = b_mode(pulse)
    # 300 x 0.01925 / 0.0745098 = 77.5; 700: 180.8
    assert image.argmax(axis=0).tolist() == [77, 180]


def test_rows_average_the_envelope_and_are_compressed_from_40_to_80_db(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "envelope", lambda rf: rf.astype(np.float64))
    values = np.zeros((12, 4))
    values[3, 0] = 1e4
    values[:, 1] = (1e2, 1e3, 1e4) * 4
    values[:, 2:] = (10, 1e5)
    # A row is 3.870639 samples high. Line 0: row 0 has 0.870639 of sample 3, so its mean is 2249.34, 67.0411 dB and
    # 27.0411 / 40 x 255 = 172.4; row 1 has the remaining 0.129361: 334.21, 50.4805 dB, 66.8; row 2 none.
    # Line 1: row 0 is 100 + 1000 + 10000 + 0.870639 x 100 = 11187.06 over 3.870639: 2890.24, 69.2187 dB, 186.3.
    image = b_mode(values)
    assert image.shape == (3, 4)
    assert image[:, 0].tolist() == [172, 67, 0]
    assert image[0, 1] == 186
    assert image[:, 2].tolist() == [0, 0, 0]
    assert image[:, 3].tolist() == [255, 255, 255]


def test_masks_take_the_sample_below_a_pixels_centre() -> None:
    mask = np.zeros((20, 1), dtype=bool)
    mask[[1, 5, 9, 14]] = True  # centres of rows 0 to 4: 1.94, 5.81, 9.68, 13.55, 17.42
    assert nearest_rows(mask)[:, 0].tolist() == [True, True, True, False, False]


def refused(path: Path, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        prepare("oasbud", path.parent / "data", path.parent)
    assert not (path.parent / "data" / "oasbud" / "1.0.0").exists()


def change(field: str, value: Any) -> Callable[[Elements], None]:
    """Puts a value, or what a function makes of the old one, into the second element."""

    def edit(structs: Elements) -> None:
        structs[1][field] = value(structs[1][field]) if callable(value) else value

    return edit


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (change("class", 2.0), r"OASBUD\.mat, data\(2\): class '2', expected 0 \(benign\) or 1 \(malignant\)"),
        (change("class", "M"), r"data\(2\): class 'M', expected 0"),
        (change("class", np.zeros((0, 0))), r"data\(2\), class: 0 values, expected one"),
        (change("birads", np.arange(2.0)), r"data\(2\), birads: 2 values, expected one"),
        (change("id", " "), r"data\(2\): id is empty"),
        (change("rf1", lambda rf: rf[:, 1:]), r"data\(2\), rf1: 509 lines, expected 510"),
        (change("rf2", lambda rf: rf * 1j), r"data\(2\), rf2: complex128 \[\d+, 510\], expected a matrix of real"),
        (change("rf2", lambda rf: rf * np.nan), r"data\(2\), rf2: not a number somewhere, expected finite"),
        (change("roi1", lambda roi: roi[1:]), r"roi1 has the size \[\d+, 510\], rf1 \[\d+, 510\]; expected the same"),
        (change("roi2", lambda roi: roi * 2.0), r"data\(2\), roi2: values 0 to 2, expected 0 and 1"),
        (change("roi2", lambda roi: roi * 0.0), r"data\(2\), roi2: values 0 to 0, expected 0 and 1"),
        (lambda structs: [s.pop("roi2") for s in structs], r"OASBUD\.mat: data has no field roi2; found id, rf1, rf2"),
    ],
)
def test_faults(tmp_path: Path, edit: Callable[[Elements], None], message: str) -> None:
    structs = elements()[0][:3]
    edit(structs)
    write_structs(tmp_path / "OASBUD.mat", structs)
    refused(tmp_path / "OASBUD.mat", message)


def test_another_variable(tmp_path: Path) -> None:
    write_structs(tmp_path / "OASBUD.mat", elements()[0][:1], variable="scans")
    refused(tmp_path / "OASBUD.mat", r"OASBUD\.mat: no variable data; found scans")


@pytest.mark.parametrize("content", [b"", b"not a MATLAB file, but longer than its header of 128 bytes" * 4])
def test_not_a_matlab_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "OASBUD.mat").write_bytes(content)
    refused(tmp_path / "OASBUD.mat", r"OASBUD\.mat: not a whole MATLAB file")


def test_the_whole_release_has_52_malignant_lesions(tmp_path: Path) -> None:
    tiny = np.ones((8, 510), dtype=np.int16)
    structs = [
        {"id": str(n), **dict.fromkeys(("rf1", "rf2", "roi1", "roi2"), tiny), "birads": "3", "class": float(n < 48)}
        for n in range(100)
    ]
    write_structs(tmp_path / "OASBUD.mat", structs)
    refused(tmp_path / "OASBUD.mat", r"48 of 100 lesions are of class 1, expected 52, the malignant ones of the paper")
