"""What must be known of released weights to use them: the network they fit, and what they expect of an image."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from busjax.data.preprocessing import HALVES, Preprocessing

__all__ = ["CAFFE", "HALVES", "IMAGENET", "Layers", "Preprocessing", "Release"]

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)


IMAGENET = Preprocessing(tuple(255 * m for m in IMAGENET_MEAN), tuple(255 * d for d in IMAGENET_DEVIATION))  # type: ignore[arg-type]
"""(x / 255 - mean) / standard deviation of ImageNet."""
CAFFE = Preprocessing((123.68, 116.779, 103.939), (1.0, 1.0, 1.0), bgr=True)
"""Blue first, minus ImageNet's mean, not scaled."""

Layers = Mapping[str, str | tuple[str, ...]]
"""Our module, by its path in the parameter tree, -> the release's layer; several where `nn.scan` stacks ours."""


@dataclass(frozen=True)
class Release:
    """Weights that somebody has released.

    Attributes:
      name: 'source/network', such as 'keras/mobilenet_0.75'.
      backbone: key of `models.BACKBONES`.
      layout: whose arrays they are: 'keras' or 'torch' (torchvision, timm).
      layers: which layer of the release each of our modules is; called once.
      options: of the backbone: how this release differs (padding, bias, pooling).
      settings: `width`, `norm_scale`, `norm_epsilon` of `models.layers.Settings`, where not 1, True and 1e-3.
      hidden_layers: whether the release has hidden layers before its last linear layer (VGG, AlexNet).
      input_size: height and width that it was trained with, in pixels.
      preprocessing: what it expects of an image.
      parameters: the published number of values, with the last layer (torch: trainable; Keras: moving statistics too).
      ignored: patterns (of whole names) of tensors that are knowingly not used: auxiliary heads, counters.
      url: where it is; None where it cannot be fetched by a program.
      checksum: 'sha256:...' or 'md5:...' of the file, or 'sha256:<first digits>' where only these are published.
      licence: of the weights.
    """

    name: str
    backbone: str
    layout: str
    layers: Callable[[], Layers]
    input_size: int
    preprocessing: Preprocessing
    parameters: int
    licence: str
    options: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    hidden_layers: bool = False
    ignored: tuple[str, ...] = ()
    url: str | None = None
    checksum: str = ""
    classes: int = 1000
