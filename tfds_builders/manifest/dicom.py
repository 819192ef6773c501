"""DICOM files as the 8-bit pictures that their headers ask for: single-frame grey, colour or palette."""

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from jaxtyping import Integer, UInt8
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames
from pydicom.errors import InvalidDicomError
from pydicom.pixels import apply_color_lut, apply_modality_lut, apply_voi_lut, get_decoder
from pydicom.pixels.utils import get_expected_length

from tfds_builders.record import DatasetError

GREY, COLOUR, PALETTE = ("MONOCHROME1", "MONOCHROME2"), ("RGB", "YBR_FULL", "YBR_FULL_422"), ("PALETTE COLOR",)
COLOUR_OF_JPEG2000 = ("YBR_RCT", "YBR_ICT")
JPEG = ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51")
"""Transfer syntaxes of JPEG with lossy compression (baseline, extended)."""


def read_dicom(path: Path, name: str) -> UInt8[np.ndarray, "height width"] | UInt8[np.ndarray, "height width 3"]:
    """Reads a DICOM file as it is to be shown.

    Grey levels go through rescale and then the first VOI table or window; the least and the most that these may yield
    become 0 and 255, and MONOCHROME1 is inverted. Without table and window 8 bits cover their whole range, and more
    are refused: nothing tells how to show them. YBR and palettes become RGB. Overlays and the shape of pixels are not
    looked at.

    Args:
        path: the file.
        name: what an error message calls it.

    Raises:
        DatasetError: not a DICOM file, several frames, no pixel data, or pixels of a kind that is not supported.
    """
    with warnings.catch_warnings():
        # pydicom warns of headers that bend the standard; what matters to the pixels is checked here.
        warnings.simplefilter("ignore")
        try:
            header = pydicom.dcmread(path)
            _require_supported(header, name)
            photometric = header.PhotometricInterpretation
            if photometric in GREY:
                return _grey(header, name)
            return _palette(header, name) if photometric in PALETTE else _colour(header, name)
        except DatasetError:
            raise
        except InvalidDicomError as error:
            raise DatasetError(f"{name}: not a DICOM file (no DICM at byte 128)") from error
        except Exception as error:  # pydicom raises errors of nearly every type
            reason = " ".join(str(error).split()) or type(error).__name__
            raise DatasetError(f"{name}: cannot be read as DICOM: {reason}") from error


def _require_supported(header: Dataset, name: str) -> None:
    """Raises `DatasetError` where the header tells of other than one picture of 8 or 16 bits."""
    frames = int(header.get("NumberOfFrames") or 1)
    if frames > 1:
        raise DatasetError(
            f"{name}: {frames} frames, expected one picture; export the frames that you need as images, with a row for "
            "each and one case_id"
        )
    if "PixelData" not in header:
        raise DatasetError(f"{name}: a DICOM file without pixel data")
    photometric, samples = header.PhotometricInterpretation, header.SamplesPerPixel
    known = (*GREY, *PALETTE, *COLOUR, *COLOUR_OF_JPEG2000)
    if photometric not in known or samples != (1 if photometric in (*GREY, *PALETTE) else 3):
        raise DatasetError(f"{name}: {photometric} with {samples} samples, expected one of {', '.join(known)}")
    allocated, used, high = header.BitsAllocated, header.BitsStored, header.get("HighBit", header.BitsStored - 1)
    deepest = 16 if photometric in GREY else 8
    if allocated not in (8, deepest) or not 1 < used <= allocated or high != used - 1:
        raise DatasetError(
            f"{name}: {photometric} of {used} bits in {allocated} up to bit {high}, expected up to {deepest} bits"
        )
    syntax = header.file_meta.TransferSyntaxUID
    if not get_decoder(syntax).is_available:
        raise DatasetError(
            f"{name}: compressed as {syntax.name}, for which no decoder is installed; undo the compression first "
            "(gdcmconv --raw, or dcmdjpeg and dcmdjpls of DCMTK)"
        )
    if not syntax.is_encapsulated:
        # One byte more makes the length even; any other number says that rows, columns or frames are wrong.
        expected, found = get_expected_length(header), len(header.PixelData)
        if found not in (expected, expected + expected % 2):
            raise DatasetError(f"{name}: {found} bytes of pixel data, its header says {expected}")


def _decode(header: Dataset) -> tuple[Integer[np.ndarray, "..."], dict[str, Any]]:
    """Stored values, YBR turned into RGB, and what pydicom says of them."""
    return get_decoder(header.file_meta.TransferSyntaxUID).as_array(header)


def _grey(header: Dataset, name: str) -> UInt8[np.ndarray, "height width"]:
    if header.get("ModalityLUTSequence"):
        raise DatasetError(f"{name}: a modality table, which is not supported; export it as a PNG")
    rescaled = "RescaleSlope" in header and "RescaleIntercept" in header
    slope, intercept = (float(header.RescaleSlope), float(header.RescaleIntercept)) if rescaled else (1.0, 0.0)
    if slope <= 0:
        raise DatasetError(f"{name}: rescale slope {slope}, expected above 0")
    below = 2 ** (header.BitsStored - 1) if header.PixelRepresentation else 0
    low, high = -below * slope + intercept, (2**header.BitsStored - 1 - below) * slope + intercept
    if header.get("VOILUTSequence"):
        bits = header.VOILUTSequence[0].LUTDescriptor[2]
        # pydicom looks up pixels as integers of the table's own width, so that wider ones would wrap around.
        if (slope, intercept) != (1, 0) or (bits == 8 and header.BitsAllocated > 8):
            raise DatasetError(f"{name}: a VOI table of a kind that is not supported; export it as a PNG")
        low, high = 0.0, 2.0**bits - 1
    elif header.BitsStored > 8 and None in (header.get("WindowCenter"), header.get("WindowWidth")):
        raise DatasetError(
            f"{name}: {header.BitsStored} bits and no window in its header, so it is open how to show them; choose one "
            "and export it as a PNG"
        )
    stored, _ = _decode(header)
    shown = np.asarray(apply_voi_lut(apply_modality_lut(stored, header), header), dtype=np.float64)
    grey = (shown - low) * (255 / (high - low))
    if grey.min() < -0.5 or grey.max() > 255.5:
        raise DatasetError(
            f"{name}: values from {shown.min():g} to {shown.max():g}, its header says {low:g} to {high:g}"
        )
    whole = np.rint(np.clip(grey, 0, 255)).astype(np.uint8)
    return 255 - whole if header.PhotometricInterpretation == "MONOCHROME1" else whole


def _palette(header: Dataset, name: str) -> UInt8[np.ndarray, "height width 3"]:
    bits = header.RedPaletteColorLookupTableDescriptor[2]
    stored, _ = _decode(header)
    colours = apply_color_lut(stored, header)[..., :3]  # a fourth one is the opacity
    if bits not in (8, 16) or colours.max() >= 2**bits:
        raise DatasetError(f"{name}: palette values up to {colours.max()} of {bits} bits, expected 8 or 16 bits")
    return (colours >> (bits - 8)).astype(np.uint8)


def _colour(header: Dataset, name: str) -> UInt8[np.ndarray, "height width 3"]:
    if header.file_meta.TransferSyntaxUID in JPEG:
        return _colour_of_jpeg(header, name)
    values, found = _decode(header)
    if found["photometric_interpretation"] != "RGB":
        raise DatasetError(f"{name}: colours decoded as {found['photometric_interpretation']}, expected RGB")
    return values.astype(np.uint8, casting="safe")


def _colour_of_jpeg(header: Dataset, name: str) -> UInt8[np.ndarray, "height width 3"]:
    """Decodes a JPEG by its own marks of colour space, as any viewer of JPEGs does.

    pydicom 3.0 converts twice where Adobe's mark says YCbCr and the DICOM header too.
    """
    frame = next(generate_frames(header.PixelData, number_of_frames=1))
    with Image.open(io.BytesIO(frame), formats=["JPEG"]) as image:
        marked = "jfif" in image.info or "adobe_transform" in image.info or _named_rgb(image)
        if header.PhotometricInterpretation == "RGB" and not marked:
            raise DatasetError(
                f"{name}: its header says RGB, its JPEG does not, and files exist in which that is wrong; "
                "export it as a PNG"
            )
        values = np.asarray(image.convert("RGB"))
    if values.shape != (header.Rows, header.Columns, 3):
        raise DatasetError(
            f"{name}: a JPEG of {values.shape[1]}x{values.shape[0]} pixels, "
            f"its header says {header.Columns}x{header.Rows}"
        )
    return values


def _named_rgb(image: Image.Image) -> bool:
    """Whether the JPEG's channels are called R, G and B."""
    return [layer[0] for layer in getattr(image, "layer", [])] in ([82, 71, 66], [114, 103, 98])
