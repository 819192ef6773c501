import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from tfds_builders import pixels
from tfds_builders.record import DatasetError


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=kind, **options)
    return buffer.getvalue()


GREY = np.arange(35, dtype=np.uint8).reshape(5, 7) * 7
COLOUR = np.stack([GREY, 255 - GREY, GREY // 2], axis=-1)


@settings(max_examples=30, deadline=None)
@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3))))
def test_rgb_png_goes_through_unchanged(values: np.ndarray) -> None:
    released = encoded(Image.fromarray(values))
    stored, size = pixels.encode_image(released, "x.png")
    assert stored == released
    assert size == (values.shape[1], values.shape[0]) == pixels.image_size(stored)
    np.testing.assert_array_equal(pixels.decode_image(stored), values)


def test_grey_is_repeated() -> None:
    stored, _ = pixels.encode_image(encoded(Image.fromarray(GREY)), "x.png")
    np.testing.assert_array_equal(pixels.decode_image(stored), np.repeat(GREY[..., None], 3, axis=-1))


def test_jpeg_is_kept_byte_for_byte_and_decoded_by_pillow() -> None:
    released = encoded(Image.fromarray(COLOUR), "JPEG", quality=80)
    stored, _ = pixels.encode_image(released, "x.jpg")
    assert stored == released
    np.testing.assert_array_equal(pixels.decode_image(stored), np.asarray(Image.open(io.BytesIO(released))))


@pytest.mark.parametrize("kind", ["BMP", "TIFF"])
def test_other_formats_are_written_again_without_loss(kind: str) -> None:
    stored, _ = pixels.encode_image(encoded(Image.fromarray(COLOUR), kind), f"x.{kind}")
    assert Image.open(io.BytesIO(stored)).format == "PNG"
    np.testing.assert_array_equal(pixels.decode_image(stored), COLOUR)


def test_colour_under_transparent_pixels_is_kept() -> None:
    transparent = np.dstack([COLOUR, np.zeros_like(GREY)])
    stored, _ = pixels.encode_image(encoded(Image.fromarray(transparent)), "x.png")
    np.testing.assert_array_equal(pixels.decode_image(stored), COLOUR)


def test_palette_becomes_its_colours() -> None:
    palette = Image.fromarray(np.array([[0, 1], [1, 2]], dtype=np.uint8)).convert("P")
    palette.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    stored, _ = pixels.encode_image(encoded(palette), "x.png")
    np.testing.assert_array_equal(
        pixels.decode_image(stored), [[[10, 20, 30], [40, 50, 60]], [[40, 50, 60], [70, 80, 90]]]
    )


@pytest.mark.parametrize("part", [0.0, 0.2, 0.5, 0.9])
def test_truncated_png_is_refused_by_name(part: float) -> None:
    values = np.random.default_rng(0).integers(0, 256, (40, 40), dtype=np.uint8)
    whole = encoded(Image.fromarray(values))
    with pytest.raises(DatasetError, match=r"^bus_1\.png: not a whole image file"):
        pixels.encode_image(whole[: int(part * len(whole))], "bus_1.png")


def test_damaged_png_is_refused() -> None:
    whole = bytearray(encoded(Image.fromarray(COLOUR)))
    whole[45] ^= 0xFF
    with pytest.raises(DatasetError, match="not a whole image file"):
        pixels.encode_image(bytes(whole), "x.png")


def test_sixteen_bits_are_refused_not_clipped() -> None:
    deep = Image.fromarray(np.array([[0, 40000]], dtype=np.uint16))
    with pytest.raises(DatasetError, match=r"x\.png: pixel mode I;16, expected 8-bit"):
        pixels.encode_image(encoded(deep), "x.png")


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "RGBA"])
def test_masks_of_every_mode(mode: str) -> None:
    lesion = np.zeros((4, 6), dtype=bool)
    lesion[1:3, 2:5] = True
    mask = Image.fromarray(np.where(lesion, np.uint8(255), np.uint8(0))).convert(mode)
    np.testing.assert_array_equal(pixels.read_mask(encoded(mask), "m.png"), lesion)


def test_coloured_mask_counts_whatever_the_colour() -> None:
    values = np.zeros((1, 4, 3), dtype=np.uint8)
    values[0, 1], values[0, 2], values[0, 3] = (0, 255, 0), (0, 0, 255), (127, 127, 127)
    np.testing.assert_array_equal(pixels.read_mask(encoded(Image.fromarray(values)), "m.png"), [[0, 1, 1, 0]])


def test_mask_of_zeros_and_ones_is_refused() -> None:
    mask = np.array([[0, 1], [1, 0]], dtype=np.uint8)
    with pytest.raises(DatasetError, match=r"m\.png: mask values go up to 1, expected 0 and 255"):
        pixels.read_mask(encoded(Image.fromarray(mask)), "m.png")
