"""Reads files of weights: Keras's HDF5, PyTorch's .pth and .safetensors. What a file is, its first bytes say."""

import pickle
import re
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import ml_dtypes  # noqa: F401  # teaches NumPy bfloat16, which safetensors may hold
import numpy as np

from busjax.pretrained.errors import PretrainedError
from busjax.pretrained.keras_files import read_hdf5

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
ZIP_SIGNATURE = b"PK\x03\x04"
PICKLE_SIGNATURE = b"\x80"  # files of PyTorch before 1.6 are several pickles, one after the other


def _read_torch(path: Path) -> dict[str, np.ndarray]:
    """Reads what torch.save has written; nothing but tensors and plain containers is unpickled."""
    try:
        import torch
    except ImportError as error:
        raise PretrainedError(
            f"{path}: to read PyTorch's format, PyTorch must be installed (pip install torch); or convert the file "
            "where it is installed, with safetensors.torch.save_file(torch.load(FILE, weights_only=True), "
            "'NAME.safetensors')"
        ) from error
    with path.open("rb") as file:
        if file.read(4) == ZIP_SIGNATURE and not zipfile.is_zipfile(path):
            raise PretrainedError(f"{path}: is truncated: the archive has no end")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about files that are then refused
            content = torch.load(path, map_location="cpu", weights_only=True)
    except EOFError as error:
        raise PretrainedError(f"{path}: is truncated: a pickle in it has no end") from error
    except pickle.UnpicklingError as error:
        # PyTorch's own message tells how to read the file all the same, which is the wrong advice here.
        culprit = re.search(r"GLOBAL (\S+)", str(error))
        what = f" ({culprit[1]})" if culprit else ""
        raise PretrainedError(
            f"{path}: is refused: it holds more than tensors{what} and could run code, or is damaged"
        ) from error
    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
        content = content["state_dict"]
    if not isinstance(content, dict) or not all(isinstance(v, torch.Tensor) for v in content.values()):
        raise PretrainedError(f"{path}: holds no state dictionary, that is, no tensors by name")
    # PyTorch does not give its bfloat16 to NumPy.
    return {str(name): (v.float() if v.dtype == torch.bfloat16 else v).detach().numpy() for name, v in content.items()}


def _read_safetensors(path: Path) -> dict[str, np.ndarray]:
    from safetensors.numpy import load_file

    return load_file(path)


def _reader(path: Path) -> Callable[[Path], dict[str, np.ndarray]]:
    """The reader for a file, by its content."""
    with path.open("rb") as file:
        start = file.read(9)
    if start.startswith(HDF5_SIGNATURE):
        return read_hdf5
    # Before the pickle, whose first byte the length may have too.
    if start[8:] == b"{":  # the length of a JSON object, and the object
        return _read_safetensors
    if start.startswith((ZIP_SIGNATURE, PICKLE_SIGNATURE)):
        return _read_torch
    raise PretrainedError(f"{path}: is not a file of weights: neither HDF5 (Keras) nor PyTorch's nor safetensors")


def read_tensors(path: str | Path) -> dict[str, np.ndarray]:
    """All tensors of a file of weights by name.

    Args:
      path: a Keras .h5 (legacy layout, a saved model included) or .weights.h5, a .pth or .pt of torch.save, or
        .safetensors; the kind is known from the content. A .pth is read with weights only: a pickle that would run
        code is refused.

    Returns:
      Name -> array; Keras: 'layer/leaf', PyTorch and safetensors: as they are.

    Raises:
      PretrainedError: for a file that is missing, truncated, of another kind, or unsafe.
    """
    path = Path(path)
    try:
        return _reader(path)(path)
    except PretrainedError:
        raise
    # A damaged file makes the libraries raise nearly anything (OSError, RuntimeError, KeyError, EOFError, ...).
    except Exception as error:
        text = str(getattr(error, "strerror", None) or error).strip()
        reason = text.splitlines()[0] if text else type(error).__name__
        raise PretrainedError(f"{path}: cannot be read: {reason}") from error
