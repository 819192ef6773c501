"""Images picked out to look at, with the masks that a network draws on them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Int

from busjax.evaluation.examples import MaskExample
from busjax.evaluation.segmentation import FP, Segmentation
from busjax.training import parallel
from busjax.training.releases import preprocessing
from busjax.training.run import Run
from busjax.training.run_data import evaluation_stream
from busjax.training.scoring import Scored, on_host


def pick(segmentation: Segmentation, count: int) -> dict[str, Int[np.ndarray, " picked"]]:
    """Positions of up to `count` images each: the best, the middle and the worst Dice among images with a lesion, and
    of images without one those with the most pixels called lesion.

    No image is picked twice; where there are few, the worst go first, then the best.
    """
    dice = segmentation.figures()["dice"]
    lesions = np.flatnonzero(segmentation.has_lesion)
    order = lesions[np.argsort(dice[lesions], kind="stable")]
    worst, rest = order[:count], order[count:]
    best, rest = rest[len(rest) - min(count, len(rest)) :][::-1], rest[: len(rest) - min(count, len(rest))]
    start = max(0, (len(rest) - count) // 2)
    empty = np.flatnonzero(segmentation.has_mask & ~segmentation.has_lesion)
    false = empty[np.argsort(-segmentation.counts[empty, FP], kind="stable")]
    return {
        "best": best,
        "middle": rest[start : start + count],
        "worst": worst,
        "no lesion": false[:count],
    }


def mask_examples(run: Run, state: Any, scored: Scored, count: int) -> Mapping[str, list[MaskExample]]:
    """The picked images with true and predicted mask, drawn once more: masks are not kept while a part is scored.

    Every process must call it, for the devices of all work.

    Args:
      run: whose method, data and devices.
      state: the state that scored.
      scored: what it said.
      count: images of each kind.

    Returns:
      Examples by the kinds of `pick`; {} of a method that draws no masks.
    """
    if scored.segmentation is None:
        return {}
    picked = pick(scored.segmentation, count)
    positions = np.concatenate(list(picked.values())).astype(np.int64)
    if not len(positions):
        return {}
    examples = _drawn(run, state, scored, np.unique(positions))
    return {name: [examples[at] for at in group.tolist()] for name, group in picked.items()}


def _drawn(run: Run, state: Any, scored: Scored, positions: Int[np.ndarray, " picked"]) -> dict[int, MaskExample]:
    """Examples by position; the middle view of each."""
    segmentation = scored.segmentation
    assert segmentation is not None
    dice, scale = segmentation.figures()["dice"], preprocessing(run.config)
    place = dict(zip(scored.rows[positions].tolist(), positions.tolist(), strict=True))
    size = min(len(positions), run.config.eval.batch_size)
    found = {}
    for batch in evaluation_stream(
        run.config, run.data, scored.rows[positions], parallel.divided(run.mesh), batch_size=size
    ):
        told = {name: batch[name] for name in ("image", "mask", "has_mask", "index")}
        told = on_host({**told, "masks": run.predict(state, batch)["masks"]})
        (masks,) = told["masks"].values()
        middle = masks.shape[1] // 2
        for i, row in enumerate(told["index"].tolist()):
            at = place[row]
            true = told["mask"][i, middle, ..., 0] > 0.5 if told["has_mask"][i] else None
            image = scale.invert(told["image"][i, middle])
            found[at] = MaskExample(str(segmentation.image_id[at]), image, true, masks[i, middle], float(dice[at]))
    return found
