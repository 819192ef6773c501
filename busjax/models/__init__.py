"""Flax networks. They know nothing of datasets, losses or training."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax.numpy as jnp

from busjax.models.alexnet import alexnet
from busjax.models.backbone import Backbone
from busjax.models.densenet import densenet121, densenet161
from busjax.models.dizaj import dizaj, dizaj_unet
from busjax.models.efficientnet import efficientnet_b0
from busjax.models.googlenet import googlenet
from busjax.models.habib_cnn import habib_cnn
from busjax.models.hijab_cnn import hijab_cnn
from busjax.models.inception_resnet_v2 import inception_resnet_v2
from busjax.models.inception_v3 import inception_v3
from busjax.models.layers import Settings
from busjax.models.mobilenet import mobilenet
from busjax.models.mt_estan import MTEstan, mt_estan
from busjax.models.multitask import MultitaskNetwork, benchmark_multitask
from busjax.models.region_enhanced import RegionEnhancedNetwork
from busjax.models.resnet import resnet50
from busjax.models.sha_mtl import sha_mtl
from busjax.models.unet import LEVELS as UNET_LEVELS
from busjax.models.unet import unet
from busjax.models.vakanski import LEVELS as VAKANSKI_LEVELS
from busjax.models.vakanski import vakanski
from busjax.models.vgg import vgg16, vgg19
from busjax.models.xception import xception
from busjax.names import hint

BACKBONES: dict[str, Callable[..., Backbone]] = {
    "alexnet": alexnet,
    "densenet121": densenet121,
    "densenet161": densenet161,
    "efficientnet_b0": efficientnet_b0,
    "googlenet": googlenet,
    "habib_cnn": habib_cnn,
    "hijab_cnn": hijab_cnn,
    "inception_resnet_v2": inception_resnet_v2,
    "inception_v3": inception_v3,
    "mobilenet": mobilenet,
    "resnet50": resnet50,
    "unet": unet,
    "vgg16": vgg16,
    "vgg19": vgg19,
    "xception": xception,
}
"""Name -> function of (settings, **options)."""


@dataclass(frozen=True)
class Multitask:
    """A network that classifies and segments.

    Attributes:
      make: function of (settings, backbone, **fields).
      backbone: the network's own, or None where any will do.
      options: of the backbone, as the network needs them.
      dropout_first: whether dropout acts on the averaged features, so that there is some without hidden layers, too.
    """

    make: Callable[..., MultitaskNetwork | MTEstan]
    backbone: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    dropout_first: bool = False


MULTITASK: dict[str, Multitask] = {
    "benchmark": Multitask(benchmark_multitask),
    "dizaj": Multitask(dizaj, dropout_first=True),
    "dizaj_unet": Multitask(dizaj_unet, "unet", {"levels": UNET_LEVELS, "normalise": True}, dropout_first=True),
    # EMT-NET (Shi et al.) has a segmentation branch on MobileNet. No code is public; our reading is the benchmark's
    # decoder on it: 4,873,554 parameters, 4% fewer than the 5.1 million that Shareef et al. give.
    "emt_net": Multitask(benchmark_multitask, "mobilenet"),
    # The version of which biases and strides its parameters and the sizes of its features are.
    "mt_estan": Multitask(mt_estan, "resnet50", {"stride_first": True, "use_bias": True}),
    "sha_mtl": Multitask(sha_mtl, "densenet121"),
    "vakanski": Multitask(vakanski, "unet", {"levels": VAKANSKI_LEVELS}),
}


def _settings(
    width: float = 1.0,
    norm_scale: bool = True,
    norm_momentum: float = 0.9,
    norm_epsilon: float = 1e-3,
    dtype: str = "float32",
    axis_name: str | None = None,
    unroll_blocks: bool | None = None,
) -> Settings:
    return Settings(width, norm_scale, norm_momentum, norm_epsilon, axis_name, jnp.dtype(dtype), unroll_blocks)


def _backbone(name: str, settings: Settings, options: Mapping[str, Any]) -> Backbone:
    if name not in BACKBONES:
        raise ValueError(f"unknown backbone {name!r}{hint(name, sorted(BACKBONES))}")
    return BACKBONES[name](settings, **options)


def make_network(
    backbone: str,
    *,
    width: float = 1.0,
    norm_scale: bool = True,
    norm_momentum: float = 0.9,
    norm_epsilon: float = 1e-3,
    dtype: str = "float32",
    axis_name: str | None = None,
    unroll_blocks: bool | None = None,
    options: Mapping[str, Any] | None = None,
    hidden_layers: bool = False,
    **network: Any,
) -> RegionEnhancedNetwork:
    """Makes a network from its name and sizes.

    Args:
      backbone: a name of `BACKBONES`.
      width, norm_scale, norm_momentum, norm_epsilon, axis_name, unroll_blocks: see `Settings`.
      dtype: 'float32' or 'bfloat16', the type of the convolutions.
      options: further arguments of the backbone's function.
      hidden_layers: whether the published hidden layers stand before the last linear layer, where a backbone has such;
        else its features are averaged, as class activation maps need it.
      **network: attributes of `RegionEnhancedNetwork`.

    Raises:
      ValueError: for an unknown name, with the nearest one that exists.
    """
    settings = _settings(width, norm_scale, norm_momentum, norm_epsilon, dtype, axis_name, unroll_blocks)
    made = _backbone(backbone, settings, options or {})
    hidden = made.hidden if hidden_layers or made.always_hidden else None
    return RegionEnhancedNetwork(made.lower, made.upper, hidden, **network)


def make_multitask_network(
    name: str,
    *,
    backbone: str = "",
    options: Mapping[str, Any] | None = None,
    classes: int | None = None,
    head_widths: Sequence[int] | None = None,
    dropout_rate: float | None = None,
    segmentation: bool = True,
    image_unit: Sequence[float] = (1.0, 1.0, 1.0),
    **settings: Any,
) -> MultitaskNetwork | MTEstan:
    """Makes a network that classifies and segments.

    Args:
      name: of `MULTITASK`.
      backbone: of `BACKBONES`; needed where the network has none of its own, and else '' or its own.
      options: further arguments of the backbone's function.
      classes: number of outputs; 1 is the logit of a sigmoid. By default the published number.
      head_widths: hidden layers of the classifier; by default the published ones.
      dropout_rate: share dropped there; by default the published one.
      segmentation: whether there is a decoder; only MT-ESTAN can go without.
      image_unit: see `MultitaskNetwork`; MT-ESTAN's decoder does not take the image.
      **settings: width, norm_scale, norm_momentum, norm_epsilon, dtype, axis_name, unroll_blocks, as of `make_network`.
        Those of batch normalisation are the backbone's; the layers beside it have a learned scale and epsilon 1e-3,
        but for Vakanski's, which has one kind.

    Raises:
      ValueError: for an unknown name, with the nearest one that exists; for a backbone, or an option of it, that is not
        the network's.
    """
    if name not in MULTITASK:
        raise ValueError(f"unknown multi-task network {name!r}{hint(name, sorted(MULTITASK))}")
    own = MULTITASK[name]
    backbone = backbone or own.backbone or ""
    if own.backbone not in (None, backbone):
        raise ValueError(f"{name}: found the backbone {backbone!r}, expected {own.backbone!r}")
    for option, value in (options or {}).items():
        if option in own.options and own.options[option] != value:
            raise ValueError(f"{name}: found {option} {value!r} of {backbone}, expected {own.options[option]!r}")
    if not segmentation and own.make is not mt_estan:
        raise ValueError(f"{name}: found no segmentation, which only 'mt_estan' can go without")
    shared = _settings(**settings)
    fields: dict[str, Any] = {"classes": classes, "head_widths": head_widths, "dropout_rate": dropout_rate}
    fields = {key: value for key, value in fields.items() if value is not None}
    if not segmentation:
        fields["segmentation"] = False
    network = own.make(shared, _backbone(backbone, shared, {**own.options, **(options or {})}), **fields)
    return network.clone(image_unit=tuple(image_unit)) if isinstance(network, MultitaskNetwork) else network
