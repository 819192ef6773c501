"""From a release's tensors to our arrays: how each framework names them, and in which order their axes are.

A tensor is named 'layer/leaf' in Keras's files ('conv1/kernel', as `read_tensors` gives it) and 'module.leaf' in
PyTorch's ('features.0.weight'). A layer's name in a mapping may be more than the name itself:

- 'block2_sepconv1:depthwise', 'block2_sepconv1:pointwise': one of the two kernels of a Keras separable convolution.
- 'classifier.0:chw7x7x512': a linear layer after a flatten, whose inputs are in the order channel, row, column of a
  [7, 7, 512] map; ours are in the order row, column, channel.
- 'conv2d#17': the 18th by number of the Keras layers that are called conv2d, conv2d_1, conv2d_2, ... Keras counts such
  names on through a whole process, so that only their order is fixed.
- 'predictions|fc1000': the first of several names that the file has, where spellings have changed with time.
"""

import re
from collections.abc import Iterable

import numpy as np

from busjax.pretrained.errors import PretrainedError

# Our leaf -> theirs. Norm layers have another word for bias than convolutions in Keras, and another for scale in ours.
CONVOLUTION = {
    "keras": {"kernel": "kernel", "bias": "bias"},
    "torch": {"kernel": "weight", "bias": "bias"},
}
NORM = {
    "keras": {"scale": "gamma", "bias": "beta", "mean": "moving_mean", "var": "moving_variance"},
    "torch": {"scale": "weight", "bias": "bias", "mean": "running_mean", "var": "running_var"},
}
SEPARATOR = {"keras": "/", "torch": "."}

# Keras 1 had other words for the classes after which layers are named.
_OLDER = {"conv2d": "convolution2d", "batch_normalization": "batchnormalization"}


def layer_of(tensor: str, layout: str) -> str:
    """The layer that a tensor belongs to."""
    return tensor.rpartition(SEPARATOR[layout])[0]


class Namer:
    """Finds the tensor of a file that holds one of our arrays.

    Args:
      tensors: names of the tensors in the file.
      layout: 'keras' or 'torch'.
    """

    def __init__(self, tensors: Iterable[str], layout: str) -> None:
        self._layout = layout
        self._tensors = set(tensors)
        self._layers = {layer_of(t, layout) for t in self._tensors}
        self._ordered: dict[str, list[str]] = {}

    def choose(self, name: str) -> str:
        """Of alternative names, the first that the file has; the first one where it has none."""
        names = name.split("|")
        return next((n for n in names if self.layer(n) in self._layers), names[0])

    def layer(self, name: str) -> str:
        """The file's name of a layer: `name` without suffix, an ordinal resolved where there are enough such layers."""
        name = name.partition(":")[0]
        base, mark, ordinal = name.partition("#")
        if not mark:
            return name
        if base not in self._ordered:
            pattern = re.compile(rf"(?:{re.escape(base)}|{re.escape(_OLDER.get(base, base))})(?:_(\d+))?")
            found = [(int(m[1] or 0), m[0]) for m in map(pattern.fullmatch, self._layers) if m]
            self._ordered[base] = [layer for _, layer in sorted(found)]
        same = self._ordered[base]
        return same[int(ordinal)] if int(ordinal) < len(same) else name

    def has(self, name: str) -> bool:
        """Whether the file has a layer of this name, or of one of its alternatives."""
        return self.layer(self.choose(name)) in self._layers

    def tensor(self, name: str, leaf: str, norm: bool) -> str:
        """The tensor's name, whether or not the file has it.

        Args:
          name: the layer, as a mapping has it, one of its alternatives.
          leaf: ours: kernel, bias, scale, mean or var.
          norm: whether our module is a batch normalisation.
        """
        theirs = (NORM if norm else CONVOLUTION)[self._layout].get(leaf, leaf)
        stem = self.layer(name) + SEPARATOR[self._layout]
        suffix = name.partition(":")[2]
        if leaf == "kernel" and suffix in ("depthwise", "pointwise"):
            return f"{stem}{suffix}_kernel"
        # A depthwise convolution's kernel is called depthwise_kernel by Keras 2, and kernel by Keras 3.
        if self._layout == "keras" and leaf == "kernel" and f"{stem}depthwise_kernel" in self._tensors:
            return f"{stem}depthwise_kernel"
        return stem + theirs


def _rows_to_our_order(kernel: np.ndarray, suffix: str) -> np.ndarray:
    """Reorders a linear kernel's rows from channel, row, column to row, column, channel."""
    match = re.fullmatch(r"chw(\d+)x(\d+)x(\d+)", suffix)
    if match is None:
        raise PretrainedError(f"{suffix!r} is not an order of a flattened map, such as 'chw7x7x512'")
    height, width, channels = map(int, match.groups())
    if kernel.ndim != 2 or kernel.shape[0] != height * width * channels:
        return kernel  # its shape will be reported as one that does not fit
    return kernel.reshape(channels, height, width, -1).transpose(1, 2, 0, 3).reshape(kernel.shape)


def convert(tensor: np.ndarray, name: str, leaf: str, layout: str, shape: tuple[int, ...]) -> np.ndarray:
    """One of the release's tensors with its axes in our order.

    Args:
      tensor: as in the file.
      name: the layer, as a mapping has it, with its suffix.
      leaf: ours.
      layout: 'keras' or 'torch'.
      shape: of our array. Only decides where one name stands for two forms: Keras's kernel of a plain or a depthwise
        convolution, and a linear layer on one side that is a 1x1 convolution on the other.

    Returns:
      The array; of another shape than `shape` where the tensor does not fit.
    """
    if leaf != "kernel":
        return tensor
    suffix = name.partition(":")[2]
    if layout == "torch":
        axes = {2: (1, 0), 4: (2, 3, 1, 0)}.get(tensor.ndim)
        tensor = tensor if axes is None else tensor.transpose(axes)
    elif tensor.ndim == len(shape) == 4 and tensor.shape[3] == shape[2] == 1:  # depthwise: [h, w, channels, 1]
        tensor = tensor.swapaxes(2, 3)
    if suffix.startswith("chw"):
        tensor = _rows_to_our_order(tensor, suffix)
    if tensor.ndim == 4 and len(shape) == 2 and tensor.shape[:2] == (1, 1):
        return tensor[0, 0]
    if tensor.ndim == 2 and len(shape) == 4 and shape[:2] == (1, 1):
        return tensor[None, None]
    return tensor
