"""What the training loop knows of a way of training."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import clu.metrics
import flax.linen as nn
from jaxtyping import Array

from busjax.methods.batch import Batch
from busjax.methods.state import TrainState
from busjax.methods.tasks import Task

# The mapped axis that every step runs over: the devices among which a batch is divided.
AXIS = "batch"


@dataclasses.dataclass(frozen=True)
class Method:
    """A way of training, as pure functions.

    Attributes:
      networks: the networks, by name.
      outputs: the task that each kind of score answers, by the name it has in results.
      selectors: the outputs by which a best checkpoint is chosen, one checkpoint for each.
      init: (key, image size) -> state.
      train_step: (state, batch) -> (state, metrics). Runs per device, over the axis `AXIS`.
      predict: (state, batch with views) -> {"scores": {output: [batch, 2]}, "cams": {output: [batch, views, h, w]} of
        outputs that have class activation maps, "maps": feature maps at the aggregation point, where there are any,
        "masks": {output: probabilities of the lesion [batch, views, h, w]}, of methods that draw it,
        "losses" and "loss_weights": {output: [batch, terms]}}. Runs per device, over the axis `AXIS`. The validation
        loss of an output is the sum over terms (one for each part of a loss) of each term's weighted mean over images.
        "measures": {name: [batch]}, what else is told of every image, where there is any; its mean is a validation's.
      metrics: the collection that `train_step` returns.
      reported_with: for each output, the selector whose checkpoint it is reported from.
      features: (state, batch with views) -> what the head takes of every view, [batch, views, h, w, channels], of a
        method that takes them in place of images: batches may then hold `features`. Runs per device.
      draws: whether `predict` gives masks, which then must be trained.
    """

    networks: Mapping[str, nn.Module]
    outputs: Mapping[str, Task]
    selectors: tuple[str, ...]
    init: Callable[[Array, int], TrainState]
    train_step: Callable[[TrainState, Batch], tuple[TrainState, clu.metrics.Collection]]
    predict: Callable[[TrainState, Batch], dict[str, Any]]
    metrics: type[clu.metrics.Collection]
    reported_with: Mapping[str, str]
    draws: bool = False
    features: Callable[[TrainState, Batch], Array] | None = None
