"""A stacked denoising autoencoder, trained layer by layer and then as a classifier (Cheng et al. 2016).

A run has a stage for each hidden layer and one more. In a layer's stage that layer alone learns, by plain gradient
descent, to give its input back from the same input with a share of the values set to 0 (Vincent et al. 2010); the
layers below it stay as they are, and of images no answer is needed. In the last stage all layers and the classifier
learn the task, by the optimizer of the run, without noise. Which stage a step is in follows from its number, so all of
them are one compiled step and a run that is resumed goes on where it was.

The loss of a reconstruction is the cross-entropy between values and reconstructed values, both from 0 to 1, summed over
values and averaged over images. What is told of every layer is its error: the mean squared difference, over values and
images, which unlike the cross-entropy is 0 where the input is given back as it was.
"""

import dataclasses
from typing import Any

import clu.metrics
import jax
import jax.numpy as jnp
import optax
from jax import lax
from jaxtyping import Array, Float, UInt32

from busjax.methods import passes
from busjax.methods.batch import Batch
from busjax.methods.losses import Loss, cross_entropy, known, mean_over_devices
from busjax.methods.method import AXIS, Method
from busjax.methods.metrics import collection
from busjax.methods.state import NetworkState, TrainState, apply_gradients, init_network, initial_key, step_key
from busjax.methods.tasks import Task
from busjax.models.autoencoder import StackedAutoencoder

NOISE_AT_VALIDATION = 2  # folded into the run's key: the same noise at every validation


@dataclasses.dataclass(frozen=True)
class Pretraining:
    """How layers are trained before the classifier.

    Attributes:
      steps: of each layer; 0 for none.
      learning_rate: of gradient descent.
      noise: the share of a layer's input that is set to 0.
    """

    steps: int
    learning_rate: float = 0.1
    noise: float = 0.3


def masking_noise(
    keys: UInt32[Array, "batch 2"], x: Float[Array, "batch inputs"], share: float
) -> Float[Array, "batch inputs"]:
    """The input with a share of its values set to 0, by each example's own key."""
    keep = jax.vmap(lambda key: jax.random.uniform(key, x.shape[1:]) >= share)(keys)
    return jnp.where(keep, x, 0.0)


def reconstruction_loss(
    logits: Float[Array, "batch inputs"], x: Float[Array, "batch inputs"]
) -> Float[Array, " batch"]:
    """-sum of x log z + (1 - x) log(1 - z), z the sigmoid of the logits; each example's, in nats."""
    return (jax.nn.softplus(logits) - x * logits).sum(axis=1)


def reconstruction_error(
    logits: Float[Array, "batch inputs"], x: Float[Array, "batch inputs"]
) -> Float[Array, " batch"]:
    """The mean of (z - x)^2 over the values of each example."""
    return jnp.square(jax.nn.sigmoid(logits) - x).mean(axis=1)


def autoencoding(
    name: str,
    network: StackedAutoencoder,
    task: Task,
    optimizer: optax.GradientTransformation,
    pretraining: Pretraining,
    loss: Loss = cross_entropy,
) -> Method:
    """Layer-wise pre-training and fine-tuning in one run.

    Batches need `extra`, the further inputs. At validation the error of every layer is told as a measure,
    `<name>_layer1_error` and so on, with noise in its input that is the same every time.

    Args:
      name: of the network in states and results.
      network: the autoencoder with its classifier.
      task: the question it answers.
      optimizer: its update rule in the last stage, of which it alone counts the steps.
      pretraining: the stages before.
      loss: of an example, in the last stage.
    """
    layers = range(len(network.widths))
    errors = [f"{name}_{network.layer_name(number)}_error" for number in layers]
    learned = {error: f"{error}_counts" for error in errors}
    metrics = collection((name,), **learned, **{f"{name}_reconstruction_loss": "pretrained"})

    def init(key: Array, size: int) -> TrainState:
        state = init_network(network, optimizer, initial_key(key, 0), size)
        return TrainState(jnp.zeros((), jnp.int32), key, {name: state})

    def apply(params, *arrays: Any, part: str = "__call__") -> Array:
        return network.apply({"params": params}, *arrays, method=part)  # type: ignore[return-value]

    def reconstructed(params, image: Array, number: int, keys: Array) -> tuple[Array, Array]:
        """A layer's input, and its logits from that input with noise."""
        x = apply(params, image, number, part="layer_input")
        noisy = masking_noise(keys, x, pretraining.noise)
        return x, apply(params, noisy, number, part="reconstruct")

    def pretrain(number: int, net: NetworkState, batch: Batch, keys: Array) -> tuple[NetworkState, Array, dict]:
        layer, weight = network.layer_name(number), batch["weight"]

        def whole_loss(own):
            x, logits = reconstructed({**net.params, layer: own}, batch["image"], number, keys)
            each = reconstruction_loss(logits, x)
            return mean_over_devices(each, weight, AXIS), (each, reconstruction_error(logits, x))

        (value, (each, error)), gradients = jax.value_and_grad(whole_loss, has_aux=True)(net.params[layer])
        own = jax.tree.map(
            lambda old, gradient: old - pretraining.learning_rate * gradient,
            net.params[layer],
            lax.pmean(gradients, AXIS),
        )
        told = nothing(weight) | {f"{name}_reconstruction_loss": each, "pretrained": weight}
        told |= {errors[number]: error, learned[errors[number]]: weight}
        return NetworkState({**net.params, layer: own}, net.batch_stats, net.opt_state), value, told

    def finetune(net: NetworkState, batch: Batch, keys: Array) -> tuple[NetworkState, Array, dict]:
        del keys
        target = task.target(batch)

        def whole_loss(params):
            logits = apply(params, batch["image"], batch["extra"])
            each = loss(logits, target)
            return mean_over_devices(each, known(target, batch["weight"]), AXIS), (logits, each)

        (value, (logits, each)), gradients = jax.value_and_grad(whole_loss, has_aux=True)(net.params)
        net = apply_gradients(net, lax.pmean(gradients, AXIS), net.batch_stats, optimizer)
        told = passes.step_outputs(name, logits, each, target, batch["weight"])
        return net, value, nothing(batch["weight"]) | told

    def nothing(weight: Array) -> dict[str, Array]:
        """What a step tells of what it does not do: values that do not count."""
        fields = [f"{name}_each_loss", f"{name}_correct", f"{name}_known", f"{name}_reconstruction_loss", "pretrained"]
        return dict.fromkeys([*fields, *learned, *learned.values()], jnp.zeros_like(weight))

    stages = [lambda net, batch, keys, number=number: pretrain(number, net, batch, keys) for number in layers]

    def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, clu.metrics.Collection]:
        inputs = (state.networks[name], batch, passes.example_keys(step_key(state), batch))
        if pretraining.steps:
            stage = jnp.minimum(state.step // pretraining.steps, len(layers))
            net, value, told = lax.switch(stage, [*stages, finetune], *inputs)
        else:
            net, value, told = finetune(*inputs)
        gathered = metrics.gather_from_model_output(
            axis_name=AXIS, all_finite=jnp.isfinite(lax.pmean(value, AXIS)), step=state.step, **told
        )
        return TrainState(state.step + 1, state.key, {name: net}), gathered

    def predict(state: TrainState, batch: Batch) -> dict:
        params, image = state.networks[name].params, passes.fold_views(batch["image"])  # of one view
        logits = apply(params, image, batch["extra"])
        keys = passes.example_keys(jax.random.fold_in(state.key, NOISE_AT_VALIDATION), batch)
        measures = {}
        for number, error in zip(layers, errors, strict=True):
            x, again = reconstructed(params, image, number, keys)
            measures[error] = reconstruction_error(again, x)
        return {
            "scores": {name: passes.mean_probability(logits, batch["image"])},
            "cams": {},
            "maps": {},
            "measures": measures,
            **passes.validation_losses(loss, {name: logits}, {name: task.target(batch)}, batch),
        }

    return Method({name: network}, {name: task}, (name,), init, train_step, predict, metrics, {name: name})
