"""Smooth pictures, in which copies can be told from strangers, and what may be done to a copy."""

import io
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageEnhance, ImageOps
from scipy import ndimage

from tfds_builders.check.fingerprints import Fingerprints, fingerprint


def scene(seed: int, width: int = 220, height: int = 170) -> Image.Image:
    """Blurred noise at several scales, grey from about 20 to 235, with fine speckle; another for every seed."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((height, width))
    field = sum(sigma * ndimage.gaussian_filter(noise, sigma) for sigma in (6, 12, 30))
    field = field + 0.03 * field.std() * rng.standard_normal((height, width))
    low, high = field.min(), field.max()
    return Image.fromarray((20 + 215 * (field - low) / (high - low)).astype(np.uint8))


def jpeg(image: Image.Image) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=60)
    return Image.open(buffer).convert("L")


def cut(image: Image.Image, part: float) -> Image.Image:
    """Without `part` of its width and height on every side."""
    across, down = round(image.width * part), round(image.height * part)
    return image.crop((across, down, image.width - across, image.height - down))


def padded(image: Image.Image) -> Image.Image:
    """In the middle of a black square."""
    side = max(image.size)
    square = Image.new("L", (side, side))
    square.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    return square


COPIES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "recompressed": jpeg,
    "halved": lambda image: image.resize((image.width // 2, image.height // 2), Image.Resampling.BILINEAR),
    "squashed": lambda image: image.resize((128, 128), Image.Resampling.BILINEAR),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.25),
    "more contrast": lambda image: ImageEnhance.Contrast(image).enhance(1.4),
    "cut": lambda image: cut(image, 0.02),
    "padded": padded,
    "padded and recompressed": lambda image: jpeg(padded(image)),
}
mirror = ImageOps.mirror


def rgb(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("RGB"))


def prints_of(images: list[Image.Image]) -> Fingerprints:
    """Fingerprints of images without masks."""
    rows = [fingerprint(rgb(image), np.zeros((image.height, image.width, 1), np.uint8), False) for image in images]
    dtypes = {"hash": np.uint64, "mirrored_hash": np.uint64, "spread": np.int32}
    return Fingerprints(**{name: np.array([row[name] for row in rows], dtypes.get(name)) for name in rows[0]})
