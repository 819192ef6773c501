"""What is kept of every image to compare it with the others: one pass over the pixels, 10 kB an image."""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from typing import Any

import imagehash
import numpy as np
from jaxtyping import Bool, Int32, Shaped, UInt8, UInt64
from PIL import Image
from rich.console import Console
from rich.progress import track

from tfds_builders.check.collection import Collection

BLACK = 8
"""Rows and columns at the edges whose grey levels are all at most this are cut off before an image is compared.

Copies are often padded to a square: of 225 real images padded so, 8 % were found before, and all with the borders cut.
"""

THUMBNAIL = 96
"""Height and width in pixels of the thumbnails that are correlated."""


@dataclass(frozen=True)
class Fingerprints:
    """Of images, one row each.

    Attributes:
        digest: SHA-256 of the decoded pixels and their shape, as text: equal where the pixels are.
        hash: 64-bit perceptual hash (imagehash.phash: signs of the 8x8 lowest frequencies about their median), like the
            thumbnail of the image without its black borders.
        mirrored_hash: the same of the image with left and right exchanged.
        thumbnail: grey levels, shrunk to a square whatever the aspect (Pillow's bicubic filter).
        spread: grey levels between the 1st and the 99th percentile of all pixels.
        empty_mask: whether there is a mask without a lesion.
    """

    digest: Shaped[np.ndarray, " images"]
    hash: UInt64[np.ndarray, " images"]
    mirrored_hash: UInt64[np.ndarray, " images"]
    thumbnail: UInt8[np.ndarray, "images 96 96"]
    spread: Int32[np.ndarray, " images"]
    empty_mask: Bool[np.ndarray, " images"]


def fingerprint(
    image: UInt8[np.ndarray, "height width 3"], mask: UInt8[np.ndarray, "height width 1"], has_mask: bool
) -> dict[str, Any]:
    """The fingerprint of one image, by the names of `Fingerprints`."""
    grey = Image.fromarray(image).convert("L")
    inside = _cut_borders(grey)
    # The size to which imagehash shrinks an image first; mirrored there, it need not be shrunk twice.
    small = inside.resize((32, 32), Image.Resampling.LANCZOS)
    levels = np.cumsum(grey.histogram()) / (grey.width * grey.height)
    return {
        "digest": hashlib.sha256(repr(image.shape).encode() + np.ascontiguousarray(image).tobytes()).hexdigest(),
        "hash": _bits(small),
        "mirrored_hash": _bits(small.transpose(Image.Transpose.FLIP_LEFT_RIGHT)),
        "thumbnail": np.asarray(inside.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BICUBIC)),
        "spread": int(np.searchsorted(levels, 0.99) - np.searchsorted(levels, 0.01)),
        "empty_mask": has_mask and not mask.any(),
    }


def read_fingerprints(collection: Collection, *, progress: bool = False) -> Fingerprints:
    """Reads all images, several at a time.

    Args:
        collection: where they are.
        progress: show a bar on stderr.
    """

    def read(index: int) -> dict[str, Any]:
        example = collection[index]
        return fingerprint(example["image"], example["mask"], example["has_mask"])

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        found = threads.map(read, range(len(collection)))
        rows = list(
            track(
                found,
                description="Reading images",
                total=len(collection),
                console=Console(stderr=True),
                disable=not progress,
            )
        )
    types = {
        "hash": np.uint64,
        "mirrored_hash": np.uint64,
        "spread": np.int32,
        "empty_mask": np.bool_,
        "thumbnail": np.uint8,
    }
    columns: dict[str, Any] = {
        field.name: np.array([row[field.name] for row in rows], dtype=types.get(field.name))
        for field in fields(Fingerprints)
    }
    return Fingerprints(**columns)


def _cut_borders(grey: Image.Image) -> Image.Image:
    """The image without black rows and columns at its edges; whole where it is all black."""
    bright = np.asarray(grey) > BLACK
    rows, columns = np.flatnonzero(bright.any(axis=1)), np.flatnonzero(bright.any(axis=0))
    if not len(rows):
        return grey
    return grey.crop((int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1))


def _bits(small: Image.Image) -> int:
    return int(np.packbits(imagehash.phash(small).hash).view(">u8")[0])
