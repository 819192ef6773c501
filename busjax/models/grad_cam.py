"""Grad-CAM (Selvaraju et al. 2017, eqs. 1 and 2), for every network of this package and every feature that it names.

The gradient is taken at the features as the network computes them, wherever they are used from there on: by the layers
that follow, by a decoder, by both. The computation is therefore written out by JAX and divided there, and its second
half is differentiated.
"""

import functools
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.extend.core import ClosedJaxpr, Var, jaxpr_as_fun
from jaxtyping import Array, Float

from busjax.models.backbone import TAPS, tapped
from busjax.models.class_activation import enlarge
from busjax.models.layers import at_least_float32
from busjax.names import hint

FEATURES = "features"
"""The layer that a class activation map is of: the network's last features, before they are averaged or flattened."""


def layers(network: nn.Module, variables: Any, image: Any) -> dict[str, tuple[int, ...]]:
    """The names that `grad_cam` knows in a network, in ascending strides, and the shape of each one's features.

    Args:
      network, variables, image: as of `grad_cam`; shapes alone are enough.
    """
    _, named = jax.eval_shape(functools.partial(_forward, network), variables, image)
    strides = sorted((name for name in named if name != FEATURES), key=lambda name: int(name.removeprefix("stride_")))
    return {name: named[name].shape for name in (*strides, FEATURES)}


def grad_cam(
    network: nn.Module,
    variables: Any,
    image: Float[Array, "batch height width channels"],
    answer: int,
    layer: str = FEATURES,
) -> Float[Array, "batch h w"]:
    """ReLU(sum_k alpha_k A_k) of each image, alpha_k the mean over positions of the gradient of y in A_k.

    y is the answer's logit, before softmax and sigmoid; of a network with one output l, that of answer 1 is l and of
    answer 0 -l. The network runs as at inference: running statistics, no dropout, blank maps where it takes any.

    For many images compile it: `jax.jit(lambda variables, image: grad_cam(network, variables, image, 1, "stride_8"))`.
    The maps are as the equations have them, at the layer's resolution and not scaled; `shown` makes them a picture.
    Where the features of h by w positions are averaged for a linear layer with weights W, alpha_k is W[k, c] / (h w):
    the map is ReLU(sum_k W[k, c] A_k) / (h w), the class activation map (Zhou et al. 2016) of class c where that is
    positive, and 0 elsewhere.

    Args:
      network: gives something with `logits` and `features` when called with images alone.
      variables: its parameters and running statistics, {"params": ..., "batch_stats": ...}.
      image: as the network expects it.
      answer: index of the class.
      layer: 'features', or what `backbone.tap` has named: 'stride_8'. `layers` lists them.

    Raises:
      ValueError: the network has no such layer, or answer; the message lists those it has.
    """
    known = layers(network, variables, image)
    if layer not in known:
        raise ValueError(f"Grad-CAM: unknown layer {layer!r}{hint(layer, list(known))}")
    program = jax.make_jaxpr(functools.partial(_forward, network))(variables, image)
    # Outputs are flattened: the logits, and the features in the alphabetical order of their names.
    place = program.jaxpr.outvars[1 + sorted(known).index(layer)]
    before, after = _divide(program, place)
    features, *others = before(*jax.tree.leaves((variables, image)))

    def score(features: Array) -> Array:
        return _of_answer(after(features, *others)[0], answer).sum()  # of an image by its own features alone

    weights = at_least_float32(jax.grad(score)(features)).mean(axis=(1, 2))
    return nn.relu(jnp.einsum("bhwk,bk->bhw", at_least_float32(features), weights))


def shown(cam: Float[Array, "batch h w"], size: int) -> Float[Array, "batch {size} {size}"]:
    """Maps from 0 to 1 of `size` pixels: each divided by its maximum (one that is 0 everywhere stays 0), bilinear."""
    highest = cam.max(axis=(1, 2), keepdims=True)
    return enlarge(jnp.where(highest > 0, cam / jnp.where(highest > 0, highest, 1.0), 0.0), size)


def _forward(network: nn.Module, variables: Any, image: Array) -> tuple[Array, dict[str, Array]]:
    """Logits, and the features by name."""
    outputs, left = network.apply(variables, image, mutable=[TAPS])
    return outputs.logits, {**tapped(left.get(TAPS, {})), FEATURES: outputs.features}


def _of_answer(logits: Float[Array, "batch classes"], answer: int) -> Float[Array, " batch"]:
    classes = logits.shape[-1]
    if not 0 <= answer < max(classes, 2):
        raise ValueError(f"Grad-CAM: answer: found {answer}, expected 0 to {max(classes, 2) - 1}")
    if classes == 1:
        return logits[:, 0] if answer else -logits[:, 0]
    return logits[:, answer]


def _divide(program: ClosedJaxpr, place: Var) -> tuple[Callable[..., list[Array]], Callable[..., list[Array]]]:
    """The program up to the value at `place`, and from there on.

    Returns:
      A function of the program's inputs, which gives that value and all else that the rest needs; and one of these,
      which gives the program's first output in a list.
    """
    whole = program.jaxpr
    end = 1 + next(i for i, step in enumerate(whole.eqns) if any(made is place for made in step.outvars))
    output, rest = whole.outvars[0], whole.eqns[end:]
    made = {variable for step in rest for variable in step.outvars}
    taken = (atom for step in rest for atom in step.invars if isinstance(atom, Var))
    needed = [place, *(v for v in dict.fromkeys((*taken, output)) if v not in made and v is not place)]
    names = whole.debug_info.with_unknown_names()
    before = whole.replace(eqns=whole.eqns[:end], outvars=needed, debug_info=names)
    after = whole.replace(constvars=[], invars=needed, eqns=rest, outvars=[output], debug_info=names)
    return jaxpr_as_fun(ClosedJaxpr(before, program.consts)), jaxpr_as_fun(ClosedJaxpr(after, []))
