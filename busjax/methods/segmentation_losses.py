"""Losses of predicted masks, over a batch in which some images have no mask.

Given as the logits and the true mask of every pixel, y 0 or 1, and a weight for every image, 0 where it has no mask.
Predicted is p = sigmoid(logit). Sums run over pixels; `SMOOTH` is added above and below, so that two empty masks agree
and nothing is divided by 0.

Each function gives a device's share of the loss: the average of the shares over the devices is the loss itself, and
the average of their gradients is its gradient.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from busjax.methods.losses import mean_over_devices
from busjax.names import hint

SMOOTH = 1.0  # of the code of Shareef et al.

# Mask logits and masks [batch, height, width, 1], weights [batch], the axis of the devices -> a device's share [].
SegmentationLoss = Callable[[Array, Array, Array, str], Array]


def _sums(
    logits: Float[Array, "batch height width 1"], mask: Float[Array, "batch height width 1"]
) -> tuple[Float[Array, " batch"], Float[Array, " batch"]]:
    """For each image the sum of p y, and the sum of p plus the sum of y."""
    p = jax.nn.sigmoid(logits.astype(jnp.float32))
    return (p * mask).sum(axis=(1, 2, 3)), (p + mask).sum(axis=(1, 2, 3))


def _dice(overlap: Array, total: Array, smooth: float) -> Array:
    return 1.0 - (2.0 * overlap + smooth) / (total + smooth)


def _soft_iou(overlap: Array, total: Array, smooth: float) -> Array:
    return 1.0 - (overlap + smooth) / (total - overlap + smooth)


def _over_batch(form: Callable[[Array, Array, float], Array]) -> SegmentationLoss:
    """One fraction for the whole batch over all devices: a large lesion counts more than a small one."""

    def loss(logits: Array, mask: Array, weight: Array, axis_name: str) -> Array:
        overlap, total = _sums(logits, mask)
        # Every device has the sums of all, so the whole loss is each one's share. A sum over devices sends each of
        # them the gradients of all N, which are equal: N times the part of its own images, and the average of these
        # over the devices is the sum of the parts.
        all_overlap, all_total = lax.psum(((overlap * weight).sum(), (total * weight).sum()), axis_name)
        return form(all_overlap, all_total, SMOOTH)

    return loss


def _per_image(form: Callable[[Array, Array, float], Array]) -> SegmentationLoss:
    """The mean over images with a mask of each one's own fraction."""

    def loss(logits: Array, mask: Array, weight: Array, axis_name: str) -> Array:
        return mean_over_devices(form(*_sums(logits, mask), SMOOTH), weight, axis_name)

    return loss


SEGMENTATION_LOSSES: dict[str, SegmentationLoss] = {
    "dice": _over_batch(_dice),
    "dice_per_image": _per_image(_dice),
    "soft_iou": _over_batch(_soft_iou),
    "soft_iou_per_image": _per_image(_soft_iou),
}
"""By name.

- dice: 1 - (2 sum py + 1) / (sum p + sum y + 1) (Milletari et al. 2016 with sums in place of squares), over the whole
  batch tensor, as the code of Shareef et al. has it.
- soft_iou: 1 - (sum py + 1) / (sum p + sum y - sum py + 1) (Rahman and Wang 2016).
- the same `_per_image`, then averaged: each lesion counts alike.
"""


def image_losses(
    name: str, logits: Float[Array, "batch height width 1"], mask: Float[Array, "batch height width 1"]
) -> Float[Array, " batch"]:
    """The loss of every image by itself, as validation averages it: it does not depend on how images are batched."""
    form = _dice if _known(name).startswith("dice") else _soft_iou
    return form(*_sums(logits, mask), SMOOTH)


def make_segmentation_loss(config: Any) -> SegmentationLoss:
    """The loss that `config.loss.segmentation` names: (mask logits, masks, weights, axis) -> a device's share.

    Args:
      config: the fields of `loss`.

    Raises:
      ValueError: for an unknown name, with the nearest one that exists.
    """
    return SEGMENTATION_LOSSES[_known(config.segmentation)]


def _known(name: str) -> str:
    if name not in SEGMENTATION_LOSSES:
        raise ValueError(f"loss.segmentation: unknown name {name!r}{hint(name, sorted(SEGMENTATION_LOSSES))}")
    return name
