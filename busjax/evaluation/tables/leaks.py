"""Whether the parts of a run share patients."""

from collections.abc import Mapping
from typing import Any

from busjax.names import EVERY, image_of

LEAKING = "leaks patients"
"""What stands beside every figure of a run whose parts share patients."""

SIDES = (("train", "val"), ("test",))
"""The parts that a network is made by, and those that it is judged by."""

BY_IMAGE = "_image"
"""The end of the names of protocols that divide images one by one: 'holdout_image'."""

AUGMENTED = "augmented_image"
"""The protocol that divides versions of images (Hijab et al. 2019)."""

SHARED_LESIONS = {
    "bus_benchmark/released_cases": "near-duplicates of BUSI count as different cases",
    "bus_benchmark/as_published": "near-duplicates of BUSI count as different cases",
    "bus_benchmark/multitask_released_cases": "near-duplicates of BUSI count as different cases",
}
"""Datasets whose cases are known not to keep a lesion's images together."""


def leak(config: Mapping[str, Any], cases: Mapping[str, Mapping[str, str]]) -> str:
    """Why images of one patient may stand on both sides of a run's split, in words; '' where nothing says so.

    Args:
      config: fields of the run by dotted names.
      cases: for each part, the case of every image.
    """
    reasons = []
    protocol = str(config.get("data.split", ""))
    if protocol == AUGMENTED:
        seen, tested = ({image_of(name) for part in parts for name in cases[part]} for parts in SIDES)
        reasons.append(
            f"images are multiplied and then divided: versions of {len(seen & tested)} of the {len(tested)} images "
            "tested are in training or validation, too"
        )
    elif protocol.endswith(BY_IMAGE):
        reasons.append("divided by image")
    names = [config.get(f"data.{field}") or () for field in ("name", "train", "test")]
    words = [name for value in names for name in (value.split(",") if isinstance(value, str) else value)]
    reasons += [why for name, why in SHARED_LESIONS.items() if name in [word.strip() for word in words]]
    train, val, test = (set(cases[part].values()) for part in ("train", "val", "test"))
    if config.get("data.fold") == EVERY:
        train = set()  # of the test part, whose every case is scored by networks that are trained without it
    if shared := (train | val) & test:
        reasons.append(f"{len(shared)} cases of the test part are in training or validation, too ({min(shared)!r})")
    return "; ".join(dict.fromkeys(reasons))
