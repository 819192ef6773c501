"""Reads weights that Keras has written as HDF5: its legacy layout, and that of .weights.h5 (Keras 3).

Legacy: the attribute `layer_names` lists groups, the attribute `weight_names` of each lists its datasets. A weight's
name ends in 'kernel:0' (Keras 2), 'kernel' (Keras 3) or '_W_1:0' (Keras 1).

.weights.h5: groups layers/CLASS, layers/CLASS_1, ..., numbered by class, not by the layer's name; the variables are
vars/0, vars/1, ... in the order in which the class makes them. Since Keras 3 the attribute `name` of `vars` is the
layer's name, so that both layouts give the same names here.
"""

import re
from pathlib import Path

import h5py
import numpy as np

from busjax.pretrained.errors import PretrainedError

# The variables of each class of layers in the order in which Keras 3 makes them. Of three variables of a batch
# normalisation the first is beta: of the released networks some have no gamma, none has no beta.
VARIABLES: dict[str, tuple[str, ...]] = {
    "conv2d": ("kernel", "bias"),
    "depthwise_conv2d": ("kernel", "bias"),
    "dense": ("kernel", "bias"),
    "separable_conv2d": ("depthwise_kernel", "pointwise_kernel", "bias"),
    "batch_normalization": ("gamma", "beta", "moving_mean", "moving_variance"),
    "normalization": ("mean", "variance", "count"),
}

# Keras 1's words. Its running_std is a variance, whatever it is called.
_OLDER_LEAVES = {"W": "kernel", "b": "bias", "running_mean": "moving_mean", "running_std": "moving_variance"}
_LEAF = re.compile(
    r"(?:.*?[/_])?(depthwise_kernel|pointwise_kernel|kernel|bias|gamma|beta|moving_mean|moving_variance"
    r"|running_mean|running_std|W|b)(?:_\d+)?"
)


def _texts(attributes: h5py.AttributeManager, name: str) -> list[str]:
    """A list of names; Keras spreads those too long for one attribute over `name0`, `name1`, ..."""
    pieces = [key for key in attributes if re.fullmatch(rf"{name}\d*", key)]
    pieces.sort(key=lambda key: int(key.removeprefix(name) or 0))
    texts = [text for piece in pieces for text in attributes[piece]]
    return [text.decode() if isinstance(text, bytes) else str(text) for text in texts]


def _leaf(weight: str) -> str:
    """The last word of a weight's name: 'kernel' of 'conv1/kernel:0'."""
    weight = weight.partition(":")[0]
    match = _LEAF.fullmatch(weight)
    word = match[1] if match else weight.rpartition("/")[2]
    return _OLDER_LEAVES.get(word, word)


def _read_legacy(root: h5py.Group) -> dict[str, np.ndarray]:
    tensors: dict[str, np.ndarray] = {}
    for layer in _texts(root.attrs, "layer_names"):
        group = root[layer]
        for weight in _texts(group.attrs, "weight_names"):
            # Layers that are called 'conv1/bn' in older files are called 'conv1_bn' by Keras 3.
            name = f"{layer.replace('/', '_')}/{_leaf(weight)}"
            if name in tensors:
                raise PretrainedError(f"{root.file.filename}: two weights are {name!r}; models in models are not read")
            tensors[name] = np.asarray(group[weight])
    return tensors


def _read_keras3(root: h5py.Group) -> dict[str, np.ndarray]:
    tensors: dict[str, np.ndarray] = {}
    for key, group in root["layers"].items():
        variables = group.get("vars", {})
        if "layers" in group:
            raise PretrainedError(f"{root.file.filename}: {key!r} holds layers itself; models in models are not read")
        if not len(variables):
            continue
        if "name" not in variables.attrs:
            raise PretrainedError(
                f"{root.file.filename}: does not hold the names of layers; load it into the Keras model, and save "
                "that by model.save_weights('NAME.weights.h5') of Keras 3"
            )
        leaves = VARIABLES.get(re.sub(r"_\d+$", "", key), ())
        if leaves == VARIABLES["batch_normalization"] and len(variables) == 3:
            leaves = leaves[1:]
        for index in sorted(variables, key=int):
            leaf = leaves[int(index)] if int(index) < len(leaves) else index
            tensors[f"{variables.attrs['name']}/{leaf}"] = np.asarray(variables[index])
    return tensors


def read_hdf5(path: Path) -> dict[str, np.ndarray]:
    """All weights of a Keras file as 'layer/leaf' -> array, such as 'conv1/kernel' and 'conv1_bn/moving_mean'.

    Raises:
      PretrainedError: if it is not in one of Keras's layouts.
      OSError: if it is no HDF5 file, or truncated.
    """
    with h5py.File(path, "r") as file:
        root = file.get("model_weights", file)  # the former in a whole saved model
        if "layer_names" in root.attrs or "layer_names0" in root.attrs:
            return _read_legacy(root)
        if "layers" in root:
            return _read_keras3(root)
    raise PretrainedError(f"{path}: is HDF5, but not as Keras writes weights")
