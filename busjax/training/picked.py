"""Images picked out to look at, with their maps."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int, UInt8
from ml_collections import ConfigDict

from busjax.evaluation.examples import CamExample, FeatureExample
from busjax.evaluation.metrics import decide
from busjax.methods.cross_training import MT, SHOWN_CHANNELS, SN
from busjax.models.class_activation import enlarge
from busjax.training.releases import preprocessing
from busjax.training.run_data import RunData, evaluation_stream
from busjax.training.scoring import Scored


def varied(scored: Scored, output: str, count: int, threshold: float) -> Int[np.ndarray, " picked"]:
    """Positions of up to `count` images for every outcome (true or false, positive or negative) of an output; of more
    than two classes for those of each class that are decided rightly, and wrongly.

    Of each outcome the most confident, the least confident and evenly many between, so that a gallery shows neither
    the best nor the worst alone.
    """
    predictions = next(p for p in scored.predictions if p.name == output)
    confidence = predictions.scores.max(axis=1)
    two = len(predictions.classes) == 2
    outcomes = decide(predictions, threshold) if two else predictions.predicted == predictions.target
    picked = []
    for target in range(len(predictions.classes)):
        for outcome in (False, True):
            members = np.flatnonzero((predictions.target == target) & (outcomes == outcome))
            members = members[np.argsort(-confidence[members], kind="stable")]
            places = np.unique(np.linspace(0, len(members) - 1, min(count, len(members))).round().astype(int))
            picked.append(members[places] if len(members) else members)
    return np.concatenate(picked).astype(np.int64)


def cam_examples(
    config: ConfigDict, data: RunData, scored: Scored, output: str, positions: Int[np.ndarray, " picked"]
) -> list[CamExample]:
    """The middle view of each picked image, with its map.

    Args:
      config: of the run.
      data: of the run.
      scored: what the state said.
      output: whose maps.
      positions: of the images in `scored`.
    """
    if not len(positions):
        return []
    predictions = next(p for p in scored.predictions if p.name == output)
    images, masks = _middle_views(config, data, scored.rows[positions])
    middle = scored.cams[output].shape[1] // 2
    cams = _enlarged(scored.cams[output][positions, middle], config.data.image_size)
    two = len(predictions.classes) == 2
    return [
        CamExample(
            image_id=str(predictions.image_id[at]),
            image=images[i],
            cam=cams[i],
            mask=masks[i] if data.dataset.table.has_mask[scored.rows[at]] else None,
            target=int(predictions.target[at]),
            score=float(predictions.scores[at, 1] if two else predictions.scores[at].max()),
            output=output,
            classes=() if two else predictions.classes,
            decided=-1 if two else int(predictions.predicted[at]),
        )
        for i, at in enumerate(positions)
    ]


def feature_examples(
    config: ConfigDict, data: RunData, scored: Scored, positions: Int[np.ndarray, " picked"]
) -> list[FeatureExample]:
    """What Fig. 10 of Qi et al. 2019 shows of each picked image: input, input map, two feature maps of each pathway."""
    if not scored.maps or not len(positions):
        return []
    images, _ = _middle_views(config, data, scored.rows[positions])
    middle = scored.cams[SN].shape[1] // 2
    inputs = _enlarged(scored.cams[SN][positions, middle], config.data.image_size)
    predictions = next(p for p in scored.predictions if p.name == MT)
    examples = []
    for i, at in enumerate(positions):
        image_maps, map_maps = (
            {channel + 1: scored.maps[pathway][at, middle, ..., j] for j, channel in enumerate(SHOWN_CHANNELS)}
            for pathway in ("image", "map")
        )
        examples.append(FeatureExample(str(predictions.image_id[at]), images[i], inputs[i], image_maps, map_maps))
    return examples


def _enlarged(cams: Float[np.ndarray, "n h w"], size: int) -> Float[np.ndarray, "n {size} {size}"]:
    return np.clip(np.asarray(jax.device_get(enlarge(jnp.asarray(cams), size))), 0.0, 1.0)


def _middle_views(
    config: ConfigDict, data: RunData, rows: Int[np.ndarray, " n"]
) -> tuple[UInt8[np.ndarray, "n size size 3"], UInt8[np.ndarray, "n size size"]]:
    """Pixels and masks as the network saw them."""
    images, masks = [], []
    for batch in evaluation_stream(config, data, rows, sharding=None, batch_size=1):
        middle = batch["image"].shape[1] // 2
        images.append(preprocessing(config).invert(batch["image"][0, middle]))
        masks.append((batch["mask"][0, middle, ..., 0] * 255).astype(np.uint8))
    return np.stack(images), np.stack(masks)
