"""What changes at random in a training image."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from busjax.data.transforms import Example, flip_horizontal, random_crop
from busjax.data.warp import FILLS, Warp, warp
from busjax.names import hint

# The largest value of each number, which is 0 where nothing changes.
LARGEST = {"rotate_degrees": 180.0, "shift_height": 1.0, "shift_width": 1.0, "shear_degrees": 45.0, "noise": 255.0}
SWITCHES = ("right_angles", "flip_horizontal")


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """Random changes of a training image besides the random crop, in this order.

    Shareef et al. flip, shift by 0.2 and turn by 20 degrees with fill 'edge', by Keras's ImageDataGenerator; Dizaj and
    Valizadeh 2021 flip, turn, scale from 0.5 to 2 and add noise; Hijab et al. 2019 turn by right angles, shift, shear,
    scale and flip; Qi et al. 2019 list none.

    Attributes:
      right_angles: whether the image is first turned by 0, 90, 180 or 270 degrees, each as often, without resampling.
      rotate_degrees: the largest angle to either side.
      shift_height, shift_width: the largest shift to either side, as a share of the height and of the width.
      shear_degrees: the largest angle by which upright lines lean to either side.
      scale: the smallest and the largest factor, even in its logarithm: halves are as likely as doubles.
      fill: what comes into the image from outside: 'zero', or 'edge', the nearest pixel.
      flip_horizontal: whether half of the images are mirrored.
      noise: standard deviation of Gaussian noise, the same for the three channels, in grey levels.
    """

    flip_horizontal: bool = False
    rotate_degrees: float = 0.0
    shift_height: float = 0.0
    shift_width: float = 0.0
    scale: tuple[float, float] = (1.0, 1.0)
    fill: str = "zero"
    noise: float = 0.0
    right_angles: bool = False
    shear_degrees: float = 0.0

    @classmethod
    def from_mapping(cls, fields: Mapping[str, Any]) -> "Augmentation":
        """Reads the fields of a config.

        Raises:
          ValueError: an unknown field, or a value that is not of its kind or out of its range.
        """
        known = [field.name for field in dataclasses.fields(cls)]
        for name in fields:
            if name not in known:
                raise ValueError(f"unknown augmentation {name!r}{hint(name, known)}")
        switches = {name: fields.get(name, False) for name in SWITCHES}
        for name, value in switches.items():
            if not isinstance(value, bool):
                raise ValueError(f"augment.{name} is {value!r}, expected True or False")
        numbers = {name: fields.get(name, 0.0) for name in LARGEST}
        for name, value in numbers.items():
            if not _is_number(value) or not 0 <= value <= LARGEST[name]:
                raise ValueError(f"augment.{name} is {value!r}, expected a number from 0 to {LARGEST[name]:g}")
        scale = fields.get("scale", (1.0, 1.0))
        if not isinstance(scale, tuple | list) or len(scale) != 2 or not all(map(_is_number, scale)):
            raise ValueError(f"augment.scale is {scale!r}, expected two numbers, the smallest and the largest factor")
        if not 0 < scale[0] <= scale[1]:
            raise ValueError(f"augment.scale is {scale!r}, expected two factors above 0, the smaller one first")
        fill = fields.get("fill", "zero")
        if fill not in FILLS:
            raise ValueError(f"augment.fill is {fill!r}, expected one of {', '.join(FILLS)}")
        values: dict[str, Any] = {name: float(value) for name, value in numbers.items()} | switches
        return cls(scale=(float(scale[0]), float(scale[1])), fill=fill, **values)

    @property
    def changes(self) -> bool:
        """Whether it does anything at all."""
        return dataclasses.replace(self, fill="zero") != Augmentation()

    def draw(self, rng: np.random.Generator, height: int, width: int) -> Warp:
        """A random warp of an image of this size. What is not asked for draws nothing."""
        low, high = self.scale
        return Warp(
            degrees=_uniform(rng, self.rotate_degrees),
            down=height * _uniform(rng, self.shift_height),
            right=width * _uniform(rng, self.shift_width),
            scale=math.exp(rng.uniform(math.log(low), math.log(high))) if low < high else low,
            shear=_uniform(rng, self.shear_degrees),
        )

    def apply(self, example: Example, size: int, *, crop: bool, rng: np.random.Generator) -> Example:
        """One random version of an example: warped, cropped to `size` if `crop`, mirrored, with noise.

        Turning comes before the crop, so that fewer of the black corners remain. An image that is not square and is
        turned by 90 degrees changes its height for its width.
        """
        if self.right_angles:
            turns = int(rng.integers(4))
            example = Example(np.rot90(example.image, turns), np.rot90(example.mask, turns))
        example = warp(example, self.draw(rng, *example.image.shape[:2]), self.fill)
        if crop:
            example = random_crop(example, size, rng)
        if self.flip_horizontal:
            example = flip_horizontal(example, rng)
        return _noisy(example, rng, self.noise) if self.noise else example


def _uniform(rng: np.random.Generator, largest: float) -> float:
    return float(rng.uniform(-largest, largest)) if largest else 0.0


def _noisy(example: Example, rng: np.random.Generator, deviation: float) -> Example:
    noise = deviation * rng.standard_normal((*example.image.shape[:2], 1), np.float32)
    return Example(np.clip(np.rint(example.image + noise), 0, 255).astype(np.uint8), example.mask)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
