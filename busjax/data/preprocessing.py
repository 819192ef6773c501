"""From 8-bit RGB to what a network takes, and back to be looked at."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

INTERPOLATIONS = ("bilinear", "bicubic", "bilinear_point")


@dataclass(frozen=True)
class Preprocessing:
    """(x - mean) / deviation for each channel, then the order of channels.

    Attributes:
      mean: subtracted, by channel R, G, B, in units of 0 to 255.
      deviation: divided by, in the same units.
      bgr: whether the network expects blue first.
      interpolation: of the resize, one of `INTERPOLATIONS`.
    """

    mean: tuple[float, float, float] = (127.5, 127.5, 127.5)
    deviation: tuple[float, float, float] = (127.5, 127.5, 127.5)
    bgr: bool = False
    interpolation: str = "bilinear"

    def apply(self, image: UInt8[np.ndarray, "*batch height width 3"]) -> Float[np.ndarray, "*batch height width 3"]:
        """What the network takes, in float32."""
        scaled = image.astype(np.float32)
        if len({*self.mean}) == len({*self.deviation}) == 1:  # one number for all channels is several times faster
            scaled -= np.float32(self.mean[0])
            scaled /= np.float32(self.deviation[0])
        else:
            scaled -= np.array(self.mean, np.float32)
            scaled /= np.array(self.deviation, np.float32)
        return scaled[..., ::-1] if self.bgr else scaled

    def invert(self, scaled: Float[np.ndarray, "*batch height width 3"]) -> UInt8[np.ndarray, "*batch height width 3"]:
        """The image that `apply` was given."""
        rgb = scaled[..., ::-1] if self.bgr else scaled
        image = rgb * np.array(self.deviation, np.float32) + np.array(self.mean, np.float32)
        return np.clip(np.round(image), 0, 255).astype(np.uint8)


HALVES = Preprocessing()
"""x / 127.5 - 1, from -1 to 1."""

# 'unit' is 0 to 1, as Vakanski and Xian have it. The others are as the released scripts of Shareef et al. feed all
# their networks, whatever the weights expect: read by OpenCV, blue first, resized without antialiasing. Single-task
# networks see 0 to 255, multi-task ones 0 to 1.
PIXELS: dict[str, Preprocessing] = {
    "unit": Preprocessing((0.0, 0.0, 0.0), (255.0, 255.0, 255.0)),
    "raw_bgr": Preprocessing((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), bgr=True, interpolation="bilinear_point"),
    "unit_bgr": Preprocessing((0.0, 0.0, 0.0), (255.0, 255.0, 255.0), bgr=True, interpolation="bilinear_point"),
}
"""By name, other scalings than those of released weights."""


def in_turn(first: Preprocessing, second: Preprocessing) -> Preprocessing:
    """One scaling after the other: the second takes what the first gives for its R, G, B, whatever that is.

    Raises:
      ValueError: the second puts blue first.
    """
    order = (2, 1, 0) if first.bgr else (0, 1, 2)
    if second.bgr:
        raise ValueError("in_turn: found a second scaling that puts blue first, expected one that keeps the order")
    mean = tuple(first.mean[c] + first.deviation[c] * second.mean[order[c]] for c in range(3))
    deviation = tuple(first.deviation[c] * second.deviation[order[c]] for c in range(3))
    return Preprocessing(mean, deviation, first.bgr, first.interpolation)  # type: ignore[arg-type]
