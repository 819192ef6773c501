"""MATLAB struct arrays as plain values: what `scipy.io.loadmat` returns is nested in arrays of one element."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped

from tfds_builders.record import DatasetError


def read_structs(path: Path, variable: str, fields: Sequence[str]) -> list[dict[str, Any]]:
    """Reads a struct array of a .mat file, in the order of MATLAB's linear index.

    Args:
        path: the file (MATLAB 5 to 7.2).
        variable: the name of the struct array.
        fields: those that must be there; others are left out.

    Returns:
        A dict per element; its values are as MATLAB's cells or matrices come, for `scalar` and `matrix`.

    Raises:
        DatasetError: not such a file, or a variable or field that is missing.
    """
    from scipy import io  # takes a second; few datasets need it

    try:
        content = io.loadmat(path)
    except Exception as error:  # scipy raises errors of many kinds
        raise DatasetError(f"{path}: not a whole MATLAB file ({error})") from error
    if variable not in content:
        found = ", ".join(name for name in content if not name.startswith("__"))
        raise DatasetError(f"{path}: no variable {variable}; found {found or 'nothing'}")
    structs = content[variable]
    names = structs.dtype.names or ()
    if missing := [name for name in fields if name not in names]:
        raise DatasetError(
            f"{path}: {variable} has no field {', '.join(missing)}; found {', '.join(names) or 'no fields'}"
        )
    return [{name: element[name] for name in fields} for element in structs.ravel(order="F")]


def scalar(value: Any, where: str) -> str | float:
    """A text or a number, out of the cells and matrices of one element around it.

    Args:
        value: a field of `read_structs`.
        where: what it is, for the error message.

    Raises:
        DatasetError: it is empty, or has several elements.
    """
    while isinstance(value, np.ndarray):
        if value.size != 1:
            raise DatasetError(f"{where}: {value.size} values, expected one")
        value = value.ravel()[0]
    return str(value).strip() if isinstance(value, str) else float(value)


def matrix(value: Any, where: str) -> Shaped[np.ndarray, "rows columns"]:
    """A matrix of finite real numbers, out of the cells of one element around it.

    Args:
        value: a field of `read_structs`.
        where: what it is, for the error message.

    Raises:
        DatasetError: it is something else.
    """
    while isinstance(value, np.ndarray) and value.dtype == object and value.size == 1:
        value = value.ravel()[0]
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "biuf" or value.ndim != 2 or not value.size:
        found = f"{value.dtype} {list(value.shape)}" if isinstance(value, np.ndarray) else repr(value)
        raise DatasetError(f"{where}: {found}, expected a matrix of real numbers")
    if not np.isfinite(value).all():
        raise DatasetError(f"{where}: not a number somewhere, expected finite numbers")
    return value
