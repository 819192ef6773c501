"""From 8-bit RGB to what a network takes, and back to be looked at."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

INTERPOLATIONS = ("bilinear", "bicubic")


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
