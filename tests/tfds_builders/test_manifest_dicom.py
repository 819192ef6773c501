"""DICOM files of a manifest, against values worked out here with numpy, and what is refused."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.pixels import compress
from pydicom.sequence import Sequence
from pydicom.uid import JPEG2000Lossless, JPEGBaseline8Bit, JPEGLosslessSV1, RLELossless

from tests.tfds_builders.expected import picture
from tests.tfds_builders.releases.manifest import dataset, palette, save_dicom, windowed, ybr
from tfds_builders.manifest.dicom import read_dicom
from tfds_builders.record import DatasetError

GREY = picture("L", 16, 12, seed=1)
COLOUR = picture("RGB", 16, 12, seed=2)
SMOOTH = np.stack(np.broadcast_arrays(np.arange(16) * 15, np.arange(12)[:, None] * 20, 90), -1).astype(np.uint8)


def read(made: Dataset, folder: Path) -> np.ndarray:
    save_dicom(folder / "x.dcm", made)
    return read_dicom(folder / "x.dcm", "line 2: x.dcm")


def test_eight_bits_as_they_are(tmp_path: Path) -> None:
    np.testing.assert_array_equal(read(dataset(GREY), tmp_path), GREY)
    np.testing.assert_array_equal(read(dataset(GREY, "MONOCHROME1"), tmp_path), 255 - GREY)
    np.testing.assert_array_equal(read(dataset(COLOUR, "RGB"), tmp_path), COLOUR)
    planes = np.ascontiguousarray(COLOUR.transpose(2, 0, 1)).tobytes()
    np.testing.assert_array_equal(
        read(dataset(COLOUR, "RGB", PlanarConfiguration=1, PixelData=planes), tmp_path), COLOUR
    )
    # The window that many scanners write changes nothing.
    np.testing.assert_array_equal(read(dataset(GREY, WindowCenter=128, WindowWidth=256), tmp_path), GREY)


def test_odd_number_of_pixels_is_padded(tmp_path: Path) -> None:
    values = GREY[:11, :15]
    np.testing.assert_array_equal(read(dataset(values, PixelData=values.tobytes() + b"\0"), tmp_path), values)


def test_window_by_hand(tmp_path: Path) -> None:
    """Centre 100, width 101: 49.5 and below is black, 149.5 and above white, between 2.55 per unit."""
    values = np.array([[0, 49], [50, 99], [100, 149], [150, 1023]], dtype=np.uint16)
    made = dataset(values, BitsStored=10, WindowCenter=100, WindowWidth=101)
    np.testing.assert_array_equal(read(made, tmp_path), [[0, 0], [1, 126], [129, 254], [255, 255]])
    made = dataset(values, "MONOCHROME1", BitsStored=10, WindowCenter=[100, 500], WindowWidth=[101, 900])
    np.testing.assert_array_equal(read(made, tmp_path), [[255, 255], [254, 129], [126, 1], [0, 0]])


@pytest.mark.parametrize("kind", [windowed, ybr, palette])
def test_values_of_the_fixture(kind: Callable[[], tuple[Dataset, np.ndarray]], tmp_path: Path) -> None:
    made, shown = kind()
    np.testing.assert_array_equal(read(made, tmp_path), shown)


def test_signed_values_with_rescale_and_window(tmp_path: Path) -> None:
    """Output units are 2 v - 10; the window covers 0 to 200 of them by the exact formula, so 1.275 per unit."""
    values = np.arange(-90, 102, dtype=np.int16).reshape(12, 16)
    made = dataset(
        values,
        RescaleSlope=2,
        RescaleIntercept=-10,
        WindowCenter=100,
        WindowWidth=200,
        VOILUTFunction="LINEAR_EXACT",
    )
    expected = np.clip((2.0 * values - 10) * 1.275, 0, 255)
    np.testing.assert_allclose(read(made, tmp_path), expected, atol=0.5 + 1e-6)


def test_sigmoid_window(tmp_path: Path) -> None:
    values = np.arange(0, 192, dtype=np.uint8).reshape(12, 16)
    made = dataset(values, WindowCenter=90, WindowWidth=80, VOILUTFunction="SIGMOID")
    np.testing.assert_allclose(read(made, tmp_path), 255 / (1 + np.exp((90.0 - values) / 20)), atol=0.5 + 1e-6)


def test_eight_bits_with_rescale_cover_their_range(tmp_path: Path) -> None:
    np.testing.assert_array_equal(read(dataset(GREY, RescaleSlope=3, RescaleIntercept=-7), tmp_path), GREY)
    signed = np.array([[-128, -127], [0, 127]], dtype=np.int8)
    np.testing.assert_array_equal(read(dataset(signed), tmp_path), [[0, 1], [128, 255]])


def voi_table(values: list[int], first: int, bits: int) -> Sequence:
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [len(values), first, bits])
    item.add_new("LUTData", "US", values)
    return Sequence([item])


def test_voi_table(tmp_path: Path) -> None:
    stored = np.array([[0, 10], [11, 12], [13, 4000]], dtype=np.uint16)
    # Before its first entry the first one counts, after the last one the last; the window is not used.
    made = dataset(stored, BitsStored=12, VOILUTSequence=voi_table([1023, 0, 512, 100], 10, 10), WindowCenter=1)
    made.WindowWidth = 2
    np.testing.assert_array_equal(read(made, tmp_path), [[255, 255], [0, 128], [25, 25]])
    inverse = dataset(GREY, VOILUTSequence=voi_table(list(range(255, -1, -1)), 0, 8))
    np.testing.assert_array_equal(read(inverse, tmp_path), 255 - GREY)
    wide = dataset(stored, BitsStored=12, VOILUTSequence=voi_table(list(range(256)), 0, 8))
    with pytest.raises(DatasetError, match=r"^line 2: x\.dcm: a VOI table of a kind that is not supported"):
        read(wide, tmp_path)


def test_palette_of_eight_bits(tmp_path: Path) -> None:
    values = GREY % 4
    made = dataset(values, "PALETTE COLOR")
    colours = np.array([[0, 50, 100, 255], [1, 51, 101, 254], [2, 52, 102, 253]], dtype=np.uint8)
    for name, table in zip(("Red", "Green", "Blue"), colours, strict=True):
        setattr(made, f"{name}PaletteColorLookupTableDescriptor", [4, 0, 8])
        setattr(made, f"{name}PaletteColorLookupTableData", table.tobytes())
    np.testing.assert_array_equal(read(made, tmp_path), colours.T[values])


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless])
def test_lossless_compression(syntax: str, tmp_path: Path) -> None:
    made = dataset(GREY)
    if syntax == RLELossless:
        compress(made, syntax)
        compressed_colour = dataset(COLOUR, "RGB")
        compress(compressed_colour, syntax)
        np.testing.assert_array_equal(read(compressed_colour, tmp_path), COLOUR)
    else:
        encapsulated(made, encoded(GREY, "JPEG2000", no_jp2=True, irreversible=False), syntax)
    np.testing.assert_array_equal(read(made, tmp_path), GREY)


def encoded(values: np.ndarray, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, kind, **options)
    return buffer.getvalue()


def encapsulated(made: Dataset, frame: bytes, syntax: str) -> Dataset:
    made.file_meta.TransferSyntaxUID = syntax
    made.PixelData = encapsulate([frame])
    made["PixelData"].VR = "OB"
    made["PixelData"].is_undefined_length = True
    return made


JFIF = encoded(SMOOTH, "JPEG", quality=95)
BARE = JFIF[:2] + JFIF[4 + int.from_bytes(JFIF[4:6], "big") :]  # without the JFIF segment
ADOBE = BARE[:2] + b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x01" + BARE[2:]  # says YCbCr


@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL_422", "YBR_FULL"])
@pytest.mark.parametrize("frame", [JFIF, BARE, ADOBE], ids=["jfif", "bare", "adobe"])
def test_colours_of_jpeg(frame: bytes, photometric: str, tmp_path: Path) -> None:
    made = encapsulated(dataset(SMOOTH, photometric), frame, JPEGBaseline8Bit)
    if frame is BARE and photometric == "RGB":
        with pytest.raises(DatasetError, match=r"^line 2: x\.dcm: its header says RGB, its JPEG does not"):
            read(made, tmp_path)
        return
    np.testing.assert_array_equal(read(made, tmp_path), np.asarray(Image.open(io.BytesIO(JFIF))))
    assert np.abs(read(made, tmp_path).astype(int) - SMOOTH).mean() < 8


def test_jpeg_kept_in_rgb_and_in_grey(tmp_path: Path) -> None:
    frame = encoded(SMOOTH, "JPEG", quality=95, keep_rgb=True)
    found = read(encapsulated(dataset(SMOOTH, "RGB"), frame, JPEGBaseline8Bit), tmp_path)
    assert np.abs(found.astype(int) - SMOOTH).max() < 8
    grey = SMOOTH[..., 0]
    frame = encoded(grey, "JPEG", quality=95)
    found = read(encapsulated(dataset(grey), frame, JPEGBaseline8Bit), tmp_path)
    np.testing.assert_array_equal(found, np.asarray(Image.open(io.BytesIO(frame))))


def lacking(name: str) -> Dataset:
    made = dataset(GREY)
    delattr(made, name)
    return made


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (dataset(GREY, NumberOfFrames=30), "30 frames, expected one picture; export the frames that you need"),
        (lacking("PixelData"), "a DICOM file without pixel data"),
        (lacking("Rows"), "cannot be read as DICOM: .*Rows"),
        (dataset(COLOUR, "MONOCHROME2"), "MONOCHROME2 with 3 samples, expected one of MONOCHROME1"),
        (dataset(COLOUR, "HSV"), "HSV with 3 samples, expected one of"),
        (dataset(COLOUR.astype(np.uint16), "RGB"), "RGB of 16 bits in 16 up to bit 15, expected up to 8 bits"),
        (dataset(GREY.astype(np.uint16), "PALETTE COLOR"), "PALETTE COLOR of 16 bits"),
        (dataset(GREY, Rows=11), "192 bytes of pixel data, its header says 176"),
        (dataset(GREY, Rows=13), "192 bytes of pixel data, its header says 208"),
        (dataset(GREY, WindowCenter=3, WindowWidth=0), "cannot be read as DICOM: .*Window Width"),
        (dataset(GREY.astype(np.uint16), BitsStored=12), "12 bits and no window in its header"),
        (dataset(GREY, RescaleSlope=-1, RescaleIntercept=0), "rescale slope -1.0, expected above 0"),
        (dataset(GREY, ModalityLUTSequence=voi_table([1, 2], 0, 8)), "a modality table"),
        (encapsulated(dataset(GREY), b"junk", JPEGLosslessSV1), "compressed as JPEG Lossless.*; undo the compression"),
        (encapsulated(dataset(COLOUR, "YBR_FULL_422"), JFIF[:300], JPEGBaseline8Bit), "cannot be read as DICOM"),
        (
            encapsulated(dataset(COLOUR[:6], "RGB"), JFIF, JPEGBaseline8Bit),
            "a JPEG of 16x12 pixels, its header says 16x6",
        ),
    ],
)
def test_refused(made: Dataset, message: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=f"^line 2: x.dcm: {message}") as caught:
        read(made, tmp_path)
    assert "\n" not in str(caught.value)


def test_not_dicom(tmp_path: Path) -> None:
    (tmp_path / "x.dcm").write_bytes(b"GIF89a" * 40)
    with pytest.raises(DatasetError, match=r"^line 2: x\.dcm: not a DICOM file"):
        read_dicom(tmp_path / "x.dcm", "line 2: x.dcm")
