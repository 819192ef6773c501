"""Image files of a manifest: which are taken as they are, which are converted, and which are refused."""

import struct
from pathlib import Path

from PIL import Image

from tfds_builders import pixels
from tfds_builders.record import DatasetError

FORMATS = ("PNG", "JPEG", "BMP", "TIFF")
DICOM_SUFFIXES = (".dcm", ".dicom")
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", *DICOM_SUFFIXES)
"""What is left out of an image's name."""

_ORIENTATION, _BITS_PER_SAMPLE = 0x0112, 258


def stored(path: Path, name: str) -> Path | bytes:
    """What a `Record` takes: the file itself, or the PNG of a DICOM file.

    Args:
        path: an image file.
        name: what an error message calls it.

    Raises:
        DatasetError: a DICOM file that cannot be shown; the message says why.
    """
    if not _is_dicom(path):
        return path
    from tfds_builders.manifest.dicom import read_dicom  # loads pydicom, which few need

    return pixels.encode_png(read_dicom(path, name))


def check_image(path: Path, name: str) -> tuple[int, int]:
    """Decodes an image and returns its size (width, height) in pixels.

    Raises:
        DatasetError: as `stored`, `check_plain` and `pixels.encode_image`.
    """
    source = stored(path, name)
    if source == path:
        check_plain(path, name)
    return pixels.encode_image(source, name)[1]


def check_plain(path: Path, name: str) -> None:
    """Refuses what Pillow would open but not show as the user sees it.

    These are pictures of more than 8 bits per channel, which it cuts to 8 where they are in colour; files of several
    pictures, of which it shows the first; and JPEGs with an orientation tag, which viewers follow and it does not, so
    that a mask drawn in a viewer lies elsewhere.

    Raises:
        DatasetError: one of these, or another format than `FORMATS`.
    """
    try:
        with Image.open(path) as image:
            kind, frames = image.format, getattr(image, "n_frames", 1)
            orientation = image.getexif().get(_ORIENTATION, 1)
            bits = _bits(image, path)
    except (OSError, SyntaxError, ValueError, struct.error, Image.DecompressionBombError):
        return  # `pixels` will say what is wrong with it
    if kind not in FORMATS:
        raise DatasetError(f"{name}: format {kind}, expected one of {', '.join(FORMATS)} or DICOM")
    if frames > 1:
        raise DatasetError(f"{name}: {frames} pictures in one file, expected one")
    if bits > 8:
        raise DatasetError(
            f"{name}: {bits} bits per channel, expected 8: choose how the grey levels are to be shown and save it again"
        )
    if orientation != 1:
        raise DatasetError(
            f"{name}: orientation tag {orientation}, expected none or 1: turn the pixels and save it without the tag"
        )


def _is_dicom(path: Path) -> bool:
    """By its name or by the mark at byte 128."""
    if path.suffix.lower() in DICOM_SUFFIXES:
        return True
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


def _bits(image: Image.Image, path: Path) -> int:
    """Bits per channel as the file has them; Pillow's mode tells only grey levels of more than 8."""
    if image.format == "PNG":
        with path.open("rb") as file:
            return file.read(25)[24]  # in the header chunk, after signature, length, name, width and height
    if image.format == "TIFF":
        bits = getattr(image, "tag_v2", {}).get(_BITS_PER_SAMPLE, (1,))
        return max(bits)
    return 8
