"""What changes at random in a training image."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from busjax.data.transforms import Example, flip_horizontal, random_crop, rotate
from busjax.names import hint


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """Random changes of a training image besides the random crop; the paper of Qi et al. (2019) lists none."""

    flip_horizontal: bool = False
    rotate_degrees: float = 0.0

    @classmethod
    def from_mapping(cls, fields: Mapping[str, Any]) -> "Augmentation":
        """Reads the fields of a config.

        Raises:
          ValueError: an unknown field, a flip that is no bool, or an angle outside 0 to 180 degrees.
        """
        known = [field.name for field in dataclasses.fields(cls)]
        for name in fields:
            if name not in known:
                raise ValueError(f"unknown augmentation {name!r}{hint(name, known)}")
        flip, degrees = fields.get("flip_horizontal", False), fields.get("rotate_degrees", 0.0)
        if not isinstance(flip, bool):
            raise ValueError(f"augment.flip_horizontal is {flip!r}, expected True or False")
        if isinstance(degrees, bool) or not isinstance(degrees, int | float) or not 0 <= degrees <= 180:
            raise ValueError(f"augment.rotate_degrees is {degrees!r}, expected a number from 0 to 180")
        return cls(flip, float(degrees))

    def apply(self, example: Example, size: int, *, crop: bool, rng: np.random.Generator) -> Example:
        """One random version of an example: turned, cropped to `size` if `crop`, mirrored.

        Turning comes before the crop, so that fewer of the black corners remain.
        """
        if self.rotate_degrees:
            example = rotate(example, rng, self.rotate_degrees)
        if crop:
            example = random_crop(example, size, rng)
        return flip_horizontal(example, rng) if self.flip_horizontal else example
