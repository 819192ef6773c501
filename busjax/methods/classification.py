"""One network, one task: BASIC and MIP of Qi et al. 2019, section 4.3; the single-task networks of Shareef et al."""

from typing import Any

import clu.metrics
import jax
import jax.numpy as jnp
import optax
from jax import lax
from jaxtyping import Array

from busjax.methods import passes
from busjax.methods.batch import Batch
from busjax.methods.losses import Loss, cross_entropy, known, mean_over_devices
from busjax.methods.method import AXIS, Method
from busjax.methods.metrics import collection
from busjax.methods.state import TrainState, apply_gradients, init_network, initial_key, step_key
from busjax.methods.tasks import Task
from busjax.models.region_enhanced import RegionEnhancedNetwork


def classification(
    name: str,
    network: RegionEnhancedNetwork,
    task: Task,
    optimizer: optax.GradientTransformation,
    frozen: bool,
    loss: Loss = cross_entropy,
) -> Method:
    """Training of a plain network.

    There are class activation maps where nothing stands between the averaged features and the last layer. Batches may
    hold the features that the head takes, of a network that is frozen below it, in place of images.

    Args:
      name: of the network in states and results ('mt', 'sn').
      network: without a map tower, with one output or two.
      task: the question it answers.
      optimizer: its update rule.
      frozen: whether batch normalisation keeps its running statistics in training.
      loss: of an example.
    """
    metrics = collection((name,))
    train = not frozen

    def init(key: Array, size: int) -> TrainState:
        state = init_network(network, optimizer, initial_key(key, 0), size)
        return TrainState(jnp.zeros((), jnp.int32), key, {name: state})

    def below_head(params: Any, stats: Any, batch: Batch, train: bool) -> tuple[Array, Any]:
        """What the head takes, and the running statistics left."""
        if "features" in batch:
            return batch["features"], stats
        lower, stats = passes.run(network, "image_features", train, params, stats, batch["image"])
        return passes.run(network, "top_features", train, params, stats, lower)

    def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, clu.metrics.Collection]:
        net = state.networks[name]
        target = task.target(batch)
        keys = passes.example_keys(step_key(state), batch)

        def whole_loss(params):
            features, stats = below_head(params, net.batch_stats, batch, train)
            outputs, stats = passes.run(network, "head", train, params, stats, features, keys)
            each = loss(outputs.logits, target)
            return mean_over_devices(each, known(target, batch["weight"]), AXIS), (outputs.logits, each, stats)

        (value, (logits, each, stats)), gradients = jax.value_and_grad(whole_loss, has_aux=True)(net.params)
        net = apply_gradients(net, lax.pmean(gradients, AXIS), lax.pmean(stats, AXIS), optimizer)
        told = metrics.gather_from_model_output(
            axis_name=AXIS,
            all_finite=jnp.isfinite(lax.pmean(value, AXIS)),
            step=state.step,
            **passes.step_outputs(name, logits, each, target, batch["weight"]),
        )
        return TrainState(state.step + 1, state.key, {name: net}), told

    def folded(batch: Batch) -> Batch:
        """A batch whose views are examples."""
        return {key: passes.fold_views(batch[key]) for key in ("image", "features") if key in batch}

    def stored(state: TrainState, batch: Batch) -> Array:
        net = state.networks[name]
        features, _ = below_head(net.params, net.batch_stats, folded(batch), False)
        return passes.unfold_views(features, batch["image"])

    def predict(state: TrainState, batch: Batch) -> dict:
        net, given = state.networks[name], passes.seen(batch)
        features, _ = below_head(net.params, net.batch_stats, folded(batch), False)
        outputs, _ = passes.run(network, "head", False, net.params, net.batch_stats, features)
        cams = {}
        if network.hidden is None:
            cams[name] = passes.unfold_views(passes.activation_map(net.params, outputs), given)
        return {
            "scores": {name: passes.mean_probability(outputs.logits, given)},
            "cams": cams,
            "maps": {},
            **passes.validation_losses(loss, {name: outputs.logits}, {name: task.target(batch)}, batch),
        }

    return Method(
        {name: network}, {name: task}, (name,), init, train_step, predict, metrics, {name: name}, features=stored
    )
