"""What a machine draws on an exported image: frame, depth scale, grey bar, body text, callipers."""

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

_SIDES = ("QSE", "QSI", "QIE", "QII")


def decorate(
    image: UInt8[np.ndarray, "height width"], pixel_mm: float, rng: np.random.Generator
) -> UInt8[np.ndarray, "height width"]:
    """Draws a random choice of the marks of real exports; none of them tells the class."""
    height, width = image.shape
    picture = Image.fromarray(image)
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(size=9)
    frame = int(rng.integers(0, 5)) if rng.random() < 0.5 else 0
    shade = int(rng.choice([0, 0, 18, 40]))
    for side in range(frame):
        draw.rectangle((side, side, width - 1 - side, height - 1 - side), outline=shade)
    if rng.random() < 0.45:
        x = width - 2 - frame
        for centimetre in np.arange(5.0, height * pixel_mm, 5.0):
            y = int(centimetre / pixel_mm)
            draw.line((x - (5 if centimetre % 10 == 0 else 2), y, x, y), fill=200)
    if rng.random() < 0.25:
        bar = np.repeat(np.linspace(235, 0, height // 4)[:, None], 4, axis=1).astype(np.uint8)
        picture.paste(Image.fromarray(bar), (width - 12, height // 10))
    if rng.random() < 0.45:
        text = f"MAMA {'DIR' if rng.random() < 0.5 else 'ESQ'} {_SIDES[rng.integers(4)]}"
        draw.text((rng.uniform(0.05, 0.5) * width, rng.uniform(0.8, 0.94) * height), text, fill=210, font=font)
    if rng.random() < 0.2:
        # Callipers are put anywhere, not on the lesion: where they are must not tell that there is one.
        for x, y in rng.uniform(0.2, 0.8, (2, 2)) * (width, height):
            draw.line((x - 3, y, x + 3, y), fill=230)
            draw.line((x, y - 3, x, y + 3), fill=230)
    return np.array(picture)
