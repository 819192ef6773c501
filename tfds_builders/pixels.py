"""Encoded images and masks: checked when a dataset is built, decoded when it is read, always by Pillow."""

import io
from pathlib import Path

import numpy as np
from jaxtyping import Bool, UInt8
from PIL import Image

from tfds_builders.record import DatasetError

KEPT_AS_RELEASED = {("PNG", "L"), ("PNG", "RGB"), ("JPEG", "L"), ("JPEG", "RGB")}
EIGHT_BIT_MODES = ("1", "L", "LA", "P", "RGB", "RGBA")
MASK_THRESHOLD = 128


def _read(source: Path | bytes, name: str) -> bytes:
    try:
        return source if isinstance(source, bytes) else source.read_bytes()
    except OSError as error:
        raise DatasetError(f"{name}: cannot be read ({error.strerror or error})") from error


def _decode(data: bytes, name: str) -> Image.Image:
    """Decodes a whole image, so that a truncated one is found now and not while training."""
    try:
        image = Image.open(io.BytesIO(data))
        image.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DatasetError(f"{name}: not a whole image file, Pillow says: {error}") from error
    if image.mode not in EIGHT_BIT_MODES:
        expected = ", ".join(EIGHT_BIT_MODES)
        raise DatasetError(f"{name}: pixel mode {image.mode}, expected 8-bit grey or colour ({expected})")
    return image


def encode_image(source: Path | bytes, name: str) -> tuple[bytes, tuple[int, int]]:
    """Checks an image and returns the bytes to store.

    8-bit grey and RGB files in PNG or JPEG are stored byte for byte. Anything else is written again as PNG, without
    loss: transparency is dropped, not composited, since some releases have colour under transparent pixels.

    Args:
        source: a file or its bytes.
        name: what an error message calls it.

    Returns:
        The encoded image, and its size (width, height) in pixels.

    Raises:
        DatasetError: the file cannot be read, is not a whole image, or has other than 8 bits per channel.
    """
    data = _read(source, name)
    image = _decode(data, name)
    if (image.format, image.mode) in KEPT_AS_RELEASED:
        return data, image.size
    return encode_png(np.asarray(image.convert("L" if image.mode in ("1", "LA") else "RGB"))), image.size


def read_mask(source: Path | bytes, name: str, threshold: int = MASK_THRESHOLD) -> Bool[np.ndarray, "height width"]:
    """Reads a mask of any 8-bit mode: a pixel is lesion where its largest colour channel is at least `threshold`.

    Raises:
        DatasetError: as `encode_image`; also where no pixel reaches the threshold but some are not 0 (a mask of 0 and
            1, say).
    """
    values = np.asarray(_decode(_read(source, name), name).convert("RGB")).max(axis=-1)
    lesion = values >= threshold
    if values.any() and not lesion.any():
        raise DatasetError(f"{name}: mask values go up to {values.max()}, expected 0 and 255")
    return lesion


def resize_mask(mask: Bool[np.ndarray, "_ _"], height: int, width: int) -> Bool[np.ndarray, "{height} {width}"]:
    """Resizes a mask to the nearest pixel."""
    return np.asarray(Image.fromarray(mask).resize((width, height), Image.Resampling.NEAREST))


def encode_mask(mask: Bool[np.ndarray, "height width"]) -> bytes:
    """Encodes a mask as PNG of 0 and 255."""
    return encode_png(np.where(mask, np.uint8(255), np.uint8(0)))


def encode_png(array: UInt8[np.ndarray, "height width"] | UInt8[np.ndarray, "height width 3"]) -> bytes:
    """Encodes a grey or RGB array as PNG."""
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, format="PNG")
    return buffer.getvalue()


def decode_image(encoded: bytes) -> UInt8[np.ndarray, "height width 3"]:
    """Decodes a stored image; grey is repeated to three channels, in a read-only view that holds it once."""
    with Image.open(io.BytesIO(encoded)) as image:
        if image.mode == "L":
            grey = np.asarray(image)[..., None]
            return np.broadcast_to(grey, (*grey.shape[:2], 3))
        return np.array(image.convert("RGB"))


def decode_mask(encoded: bytes) -> UInt8[np.ndarray, "height width 1"]:
    """Decodes a stored mask: 0 or 255."""
    with Image.open(io.BytesIO(encoded)) as image:
        return np.array(image.convert("L"))[..., None]


def image_size(encoded: bytes) -> tuple[int, int]:
    """Returns (width, height) from the header alone."""
    with Image.open(io.BytesIO(encoded)) as image:
        return image.size
