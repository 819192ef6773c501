"""Figures of single images: class activation maps and feature maps beside the image they belong to."""

from collections.abc import Sequence

import matplotlib
import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from busjax.evaluation.examples import CamExample, FeatureExample

PAIRS_PER_ROW = 3
"""Pairs (image, image with map) in each row of the CAM gallery, as in Qi et al. 2019, Fig. 11."""

_OUTLINE = "#39FF14"
_OUTCOMES = {  # in the paper's order: (true class, decision)
    "true positives": (1, True),
    "true negatives": (0, False),
    "false negatives": (1, False),
    "false positives": (0, True),
}


def overlay(
    image: UInt8[np.ndarray, "height width 3"], cam: Float[np.ndarray, "height width"], *, strength: float = 0.6
) -> UInt8[np.ndarray, "height width 3"]:
    """The image with a map from 0 to 1 laid over it in colour, blue (low) to red (high).

    The colour covers the image by `strength` times the map, so that the image shows unchanged where the map is 0.

    Raises:
      ValueError: the sizes differ, or the map is not from 0 to 1.
    """
    if cam.shape != image.shape[:2]:
        raise ValueError(f"overlay: map: found size {cam.shape}, expected the image's {image.shape[:2]}")
    if not np.all((cam >= 0) & (cam <= 1)):
        raise ValueError(f"overlay: map: found values from {np.min(cam):g} to {np.max(cam):g}, expected 0 to 1")
    colour = 255 * matplotlib.colormaps["turbo"](cam)[..., :3]
    cover = strength * cam[..., None].astype(np.float64)
    return np.round((1 - cover) * image + cover * colour).astype(np.uint8)


def cam_gallery(examples: Sequence[CamExample], *, threshold: float = 0.5) -> Figure:
    """Image and image with map, in rows of true positives, true negatives, false negatives and false positives; of more
    than two classes in rows of each class, decided rightly and wrongly.

    The layout of Qi et al. 2019, Fig. 11; the lesion is outlined where there is a mask. Of each outcome the first
    three examples given are shown; one without a known target is not. A row says so where there is no example.

    Raises:
      ValueError: no example.
    """
    if not examples:
        raise ValueError("CAM gallery: found no example, expected at least one")
    if classes := examples[0].classes:
        members = {
            f"{name.replace('_', ' ')}, {'right' if right else 'wrong'}": [
                e for e in examples if e.target == index and (e.decided == index) == right
            ]
            for index, name in enumerate(classes)
            for right in (True, False)
        }
    else:
        members = {
            name: [example for example in examples if (example.target, example.score > threshold) == outcome]
            for name, outcome in _OUTCOMES.items()
        }
    heights = [2.25 if found else 0.5 for found in members.values()]
    widths = [1.0, 1.0, 0.06] * PAIRS_PER_ROW  # a pair and a gap
    figure = Figure(figsize=(2.0 * sum(widths), sum(heights)), layout="constrained")
    grid = figure.subplots(len(heights), len(widths), squeeze=False, height_ratios=heights, width_ratios=widths)
    for axes in grid.flat:
        axes.axis("off")
    for line, (name, found) in zip(grid, members.items(), strict=True):
        label = line[0].text(0, 0.5, name, va="center", transform=line[0].transAxes, fontsize=10)
        if found:
            label.set(x=-0.06, rotation=90, ha="right")
        else:
            label.set(text=f"no {name} among the examples", in_layout=False)
        for pair, example in enumerate(found[:PAIRS_PER_ROW]):
            _show_pair(line[3 * pair], line[3 * pair + 1], example)
    return figure


def feature_maps(examples: Sequence[FeatureExample]) -> Figure:
    """For each image: input, input map, and feature maps of both pathways side by side (Qi et al. 2019, Fig. 10).

    Each feature map is scaled by itself from black (its lowest value) to white (its highest).

    Raises:
      ValueError: no example, or examples with different map numbers.
    """
    if not examples:
        raise ValueError("feature maps: found no example, expected at least one")
    numbers = sorted(examples[0].image_maps)
    for example in examples:
        if sorted(example.image_maps) != numbers:
            found = sorted(example.image_maps)
            raise ValueError(f"feature maps: image '{example.image_id}': found maps {found}, expected {numbers}")
    columns = 2 + 2 * len(numbers)
    figure = Figure(figsize=(2.0 * columns, 2.15 * len(examples)), layout="constrained")
    grid = figure.subplots(len(examples), columns, squeeze=False)
    for row, example in enumerate(examples):
        height, width = example.image.shape[:2]
        panels = [("input image", example.image), ("input CAM", example.input_cam)]
        for number in numbers:
            panels.append((f"F_img, map {number}", example.image_maps[number]))
            panels.append((f"F_cam, map {number}", example.map_maps[number]))
        for column, (title, values) in enumerate(panels):
            axes = grid[row, column]
            limits = {"vmin": 0, "vmax": 1, "cmap": "turbo"} if title == "input CAM" else {"cmap": "gray"}
            axes.imshow(values, extent=(0, width, height, 0), interpolation="bilinear", **limits)
            axes.set(xticks=[], yticks=[])
            if row == 0:
                axes.set_title(title, fontsize=9)
        grid[row, 0].set_ylabel(short_id(example.image_id), fontsize=8)
    return figure


def _show_pair(left: Axes, right: Axes, example: CamExample) -> None:
    left.imshow(example.image)
    right.imshow(overlay(example.image, example.cam))
    for axes in (left, right):
        if example.mask is not None and example.mask.any() and not example.mask.all():
            axes.contour(example.mask > 0, levels=[0.5], colors=_OUTLINE, linewidths=0.9)
    left.set_title(short_id(example.image_id), fontsize=8)
    what = example.classes[example.decided].replace("_", " ") if example.classes else f"{example.output} score"
    right.set_title(f"{what} {example.score:.3f}", fontsize=8)


def short_id(image_id: str, length: int = 24) -> str:
    """An identifier that fits over a picture; the end is kept, since that is where images of a case differ."""
    return image_id if len(image_id) <= length else f"…{image_id[1 - length :]}"
