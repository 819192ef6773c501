"""A lesion seen in mammography and in ultrasound: two networks and their fusion (Habib et al. 2020, section 3.3).

Every batch holds pairs. End to end, all three networks are updated by the sum of their three losses. Separately, both
single networks are trained first, each by its own loss; then they stay as they are, their descriptors of every pair
are computed once, and the fusion network is trained on batches of these.
"""

from collections.abc import Mapping
from typing import Any

import clu.metrics
import jax
import jax.numpy as jnp
import optax
from jax import lax
from jaxtyping import Array, Float

from busjax.methods import passes
from busjax.methods.batch import Batch
from busjax.methods.losses import Loss, cross_entropy, known, mean_over_devices
from busjax.methods.method import AXIS, Method
from busjax.methods.metrics import collection
from busjax.methods.state import NetworkState, TrainState, apply_gradients, init_network, initial_key, step_key
from busjax.methods.tasks import Task
from busjax.models.fusion import FusionNetwork
from busjax.models.initialisation import initialise
from busjax.models.region_enhanced import RegionEnhancedNetwork

SINGLE = ("mammography", "ultrasound")
COMBINED = "combined"
"""The networks' names in states, outputs and configs."""

PICTURES = dict(zip(SINGLE, ("image", "partner"), strict=True))
"""Where a batch has the pictures of each."""


def fusion(
    networks: Mapping[str, RegionEnhancedNetwork],
    combined: FusionNetwork,
    task: Task,
    optimizers: Mapping[str, optax.GradientTransformation],
    frozen: bool,
    loss: Loss = cross_entropy,
    *,
    end_to_end: bool,
) -> Method:
    """Training of three networks.

    A batch of pictures trains all three end to end, or else the two single ones; one with `features` in their place
    (`Method.features`: both descriptors, one beside the other) the fusion network alone.

    Args:
      networks: those of `SINGLE`, without map towers.
      combined: takes their descriptors.
      task: the question that all three answer.
      optimizers: the update rule of each network.
      frozen: whether batch normalisation keeps its running statistics in training.
      loss: of an example, of every network.
      end_to_end: whether the fusion's loss trains the single networks, too.
    """
    metrics = collection((*SINGLE, COMBINED))
    train = not frozen

    def init(key: Array, size: int) -> TrainState:
        states = {
            name: init_network(networks[name], optimizers[name], initial_key(key, number), size)
            for number, name in enumerate(SINGLE)
        }
        found = [descriptor_shape(networks[name], size) for name in SINGLE]
        params = initialise(combined, initial_key(key, len(SINGLE)), *found)["params"]
        states[COMBINED] = NetworkState(params, {}, optimizers[COMBINED].init(params))
        return TrainState(jnp.zeros((), jnp.int32), key, states)

    def single(name: str, params: Any, stats: Any, image: Array, keys: Any, train: bool) -> tuple[Any, Any]:
        network = networks[name]
        features, stats = passes.run(network, "image_features", train, params, stats, image)
        return passes.run(network, "classify", train, params, stats, features, keys)

    def fused(params: Any, descriptors: list[Array], keys: Any) -> Array:
        both = jnp.concatenate(descriptors, axis=-1)
        outputs: Any = combined.apply({"params": params}, both, keys, method="beside")
        return outputs.logits

    def all_of(params: Mapping[str, Any], state: TrainState, batch: Batch, target: Array) -> tuple[Array, Any]:
        """The sum of the losses, and what is told of each network."""
        keys = [passes.example_keys(jax.random.fold_in(step_key(state), i), batch) for i in range(3)]
        weight, logits, stats, descriptors = known(target, batch["weight"]), {}, {}, []
        for name, own in zip(SINGLE, keys, strict=False):
            net = state.networks[name]
            outputs, stats[name] = single(name, params[name], net.batch_stats, batch[PICTURES[name]], own, train)
            logits[name] = outputs.logits
            descriptors.append(outputs.descriptor)
        if COMBINED in params:
            logits[COMBINED], stats[COMBINED] = fused(params[COMBINED], descriptors, keys[2]), {}
        each = {name: loss(values, target) for name, values in logits.items()}
        total = sum(mean_over_devices(values, weight, AXIS) for values in each.values())
        return jnp.asarray(total), (logits, each, stats)

    def fusion_alone(params: Mapping[str, Any], state: TrainState, batch: Batch, target: Array) -> tuple[Array, Any]:
        keys = passes.example_keys(jax.random.fold_in(step_key(state), 2), batch)
        logits = fused(params[COMBINED], [batch["features"]], keys)
        each = loss(logits, target)
        value = mean_over_devices(each, known(target, batch["weight"]), AXIS)
        return value, ({COMBINED: logits}, {COMBINED: each}, {COMBINED: {}})

    def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, clu.metrics.Collection]:
        target, stored = task.target(batch), "features" in batch
        trained = (COMBINED,) if stored else (*SINGLE, COMBINED) if end_to_end else SINGLE
        params = {name: state.networks[name].params for name in trained}
        whole = fusion_alone if stored else all_of
        (value, (logits, each, stats)), gradients = jax.value_and_grad(whole, has_aux=True)(
            params, state, batch, target
        )
        gradients, stats = lax.pmean((gradients, stats), AXIS)
        updated = {
            name: apply_gradients(state.networks[name], gradients[name], stats[name], optimizers[name])
            for name in trained
        }
        told: dict[str, Array] = {}
        for name in (*SINGLE, COMBINED):
            if name in trained:
                told |= passes.step_outputs(name, logits[name], each[name], target, batch["weight"])
            else:
                told |= dict.fromkeys(
                    [f"{name}_{value}" for value in ("each_loss", "correct", "known")], jnp.zeros_like(batch["weight"])
                )
        gathered = metrics.gather_from_model_output(
            axis_name=AXIS, all_finite=jnp.isfinite(lax.pmean(value, AXIS)), step=state.step, **told
        )
        return TrainState(state.step + 1, state.key, {**state.networks, **updated}), gathered

    def seen(state: TrainState, batch: Batch) -> dict[str, Any]:
        """The single networks' outputs for every pair and view."""
        return {
            name: single(
                name,
                state.networks[name].params,
                state.networks[name].batch_stats,
                passes.fold_views(batch[PICTURES[name]]),
                None,
                False,
            )[0]
            for name in SINGLE
        }

    def features(state: TrainState, batch: Batch) -> Float[Array, "batch views features"]:
        both = jnp.concatenate([outputs.descriptor for outputs in seen(state, batch).values()], axis=-1)
        return passes.unfold_views(both, batch["image"])

    def predict(state: TrainState, batch: Batch) -> dict:
        outputs = seen(state, batch)
        logits = {name: outputs[name].logits for name in SINGLE}
        descriptors = [outputs[name].descriptor for name in SINGLE]
        logits[COMBINED] = fused(state.networks[COMBINED].params, descriptors, None)
        targets = dict.fromkeys(logits, task.target(batch))
        return {
            "scores": {name: passes.mean_probability(values, batch["image"]) for name, values in logits.items()},
            "cams": {},
            "maps": {},
            **passes.validation_losses(loss, logits, targets, batch),
        }

    names = (*SINGLE, COMBINED)
    return Method(
        networks={**networks, COMBINED: combined},
        outputs=dict.fromkeys(names, task),
        selectors=names,
        init=init,
        train_step=train_step,
        predict=predict,
        metrics=metrics,
        reported_with={name: name for name in names},
        features=features,
    )


def descriptor_shape(network: RegionEnhancedNetwork, size: int) -> jax.ShapeDtypeStruct:
    """The descriptor that a network gives of one picture of `size` x `size` pixels."""
    image = jax.ShapeDtypeStruct((1, size, size, 3), jnp.float32)
    outputs = jax.eval_shape(lambda key, x: network.init_with_output(key, x)[0], jax.random.PRNGKey(0), image)
    return jax.ShapeDtypeStruct(outputs.descriptor.shape, outputs.descriptor.dtype)
