"""Single images picked out to look at: with a class activation map, feature maps of both pathways, or a lesion mask."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, UInt8


@dataclass(frozen=True, eq=False)
class CamExample:
    """One image with the class activation map (CAM) of one output.

    Attributes:
      image_id: as in the predictions.
      image: what the output saw, in colour.
      cam: from 0 to 1, already resized to the image.
      mask: nonzero inside the lesion; None where the dataset has no mask for this image.
      target: 1 positive, 0 negative, -1 unknown; of more than two classes the class.
      score: the output's score of the positive class; of more than two classes that of the one decided.
      output: the output's name, e.g. 'mt'.
      classes: the classes where there are more than two.
      decided: of more than two classes the one with the highest score.

    Raises:
      ValueError: sizes differ, or a value is out of range; the message names the image and the field.
    """

    image_id: str
    image: UInt8[np.ndarray, "height width 3"]
    cam: Float[np.ndarray, "height width"]
    mask: UInt8[np.ndarray, "mask_height mask_width"] | None
    target: int
    score: float
    output: str
    classes: tuple[str, ...] = ()
    decided: int = -1

    def __post_init__(self) -> None:
        size = self.image.shape[:2]
        for field, array in (("cam", self.cam), ("mask", self.mask)):
            if array is not None and array.shape != size:
                raise ValueError(f"image '{self.image_id}': {field}: found size {array.shape}, expected {size}")
        _check_unit(self.image_id, "cam", self.cam)
        _check_unit(self.image_id, "score", np.asarray(self.score, dtype=np.float64))
        known = range(len(self.classes) or 2)
        if self.target not in (-1, *known):
            expected = f"0 to {known[-1]}" if self.classes else "1, 0"
            raise ValueError(
                f"image '{self.image_id}': target: found {self.target}, expected {expected}, or -1 (unknown)"
            )
        if self.classes and self.decided not in known:
            raise ValueError(f"image '{self.image_id}': decided: found {self.decided}, expected 0 to {known[-1]}")


@dataclass(frozen=True, eq=False)
class FeatureExample:
    """One image with high-level feature maps of both pathways, at the point where they are added (Qi et al., Fig. 10).

    Attributes:
      image_id: as in the predictions.
      image: the input x_img, in colour.
      input_cam: the other network's map as it was fed in, x_cam, from 0 to 1.
      image_maps: feature maps of F_img(x_img) by their number, counted from 1; each map of its own size.
      map_maps: feature maps of F_cam(x_cam), the same numbers.

    Raises:
      ValueError: the numbers differ, or a value is not finite; the message names the image and the field.
    """

    image_id: str
    image: UInt8[np.ndarray, "height width 3"]
    input_cam: Float[np.ndarray, "cam_height cam_width"]
    image_maps: dict[int, np.ndarray]
    map_maps: dict[int, np.ndarray]

    def __post_init__(self) -> None:
        _check_unit(self.image_id, "input_cam", self.input_cam)
        if not self.image_maps or sorted(self.image_maps) != sorted(self.map_maps):
            found = f"{sorted(self.map_maps)} beside image_maps {sorted(self.image_maps)}"
            raise ValueError(f"image '{self.image_id}': map_maps: found {found}, expected the same map numbers")
        for field, maps in (("image_maps", self.image_maps), ("map_maps", self.map_maps)):
            for number, values in maps.items():
                if values.ndim != 2 or not np.all(np.isfinite(values)):
                    found = f"shape {values.shape} or values that are not finite"
                    raise ValueError(f"image '{self.image_id}': {field}[{number}]: found {found}, expected a 2-D map")


@dataclass(frozen=True, eq=False)
class MaskExample:
    """One image with its true and its predicted lesion mask.

    Attributes:
      image_id: as in the predictions.
      image: what the network saw, in colour.
      true: where the lesion is; None where the dataset has no mask for this image.
      probability: of the lesion, from 0 to 1.
      dice: of the two masks; NaN where there is no true one.

    Raises:
      ValueError: sizes differ, or a value is out of range; the message names the image and the field.
    """

    image_id: str
    image: UInt8[np.ndarray, "height width 3"]
    true: Bool[np.ndarray, "mask_height mask_width"] | None
    probability: Float[np.ndarray, "p_height p_width"]
    dice: float

    def __post_init__(self) -> None:
        size = self.image.shape[:2]
        for field, array in (("true", self.true), ("probability", self.probability)):
            if array is not None and array.shape != size:
                raise ValueError(f"image '{self.image_id}': {field}: found size {array.shape}, expected {size}")
        _check_unit(self.image_id, "probability", self.probability)


def _check_unit(image_id: str, field: str, values: np.ndarray) -> None:
    if not np.all((values >= 0) & (values <= 1)):
        found = f"values from {np.min(values):g} to {np.max(values):g}"
        raise ValueError(f"image '{image_id}': {field}: found {found}, expected 0 to 1")
