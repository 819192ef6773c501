"""What a sweep is: a Python file whose function `sweep(add)` calls `add` once for each run.

    def sweep(add):
        for scale in (0.1, 0.2):
            add({"model.map_scale": scale})                                     the base config, one field changed
        add("configs/basic.py:small", {"data.fold": 1}, seed=3)                 another config

A function `sweep(add, variant)` also gets the text after the colon in `--sweep FILE:VARIANT`. Where the file has a
`get_config` too, it is the base config of its own sweep.
"""

import copy
import importlib.util
import inspect
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from ml_collections import ConfigDict

from busjax.fields import flatten
from busjax.names import nearest
from busjax.sweeps.errors import SweepError

# A run as the file asks for it: a config file with its variant ('' for the base config), and fields to change.
Request = tuple[str, dict[str, Any]]

EXPECTED = 'add("FILE.py:variant", {"field": value}, field=value), each part optional'


def read_sweep(source: str) -> list[Request]:
    """The runs that a sweep file asks for, in its order.

    Args:
      source: the file, with a variant after a colon where its `sweep` takes one.

    Raises:
      SweepError: the file cannot be loaded, has no `sweep`, or calls `add` with what it does not take.
    """
    path, colon, variant = source.partition(":")
    module = _load(path)
    define = getattr(module, "sweep", None)
    if not callable(define):
        raise SweepError(f"{path}: found no function 'sweep', expected sweep(add)")
    takes_variant = len(inspect.signature(define).parameters) > 1
    if colon and not takes_variant and not hasattr(module, "get_config"):
        raise SweepError(f"{path}: found the variant {variant!r}, expected none: sweep(add) takes no variant")
    requests: list[Request] = []

    def add(*arguments: Any, **fields: Any) -> None:
        requests.append(_request(path, arguments, fields))

    with _blamed_on(path):
        if takes_variant:
            define(add, variant)
        else:
            define(add)
    if not requests:
        raise SweepError(f"{path}: sweep(add) added no run, expected at least one")
    return requests


def own_base(source: str) -> str:
    """The config that a sweep file gives for its own runs, as `FILE:variant`; '' where it has no `get_config`."""
    return source if hasattr(_load(source.partition(":")[0]), "get_config") else ""


def first_config(source: str, root: Path) -> str:
    """The config of a sweep's first run, as `FILE:variant`; '' where the sweep leaves it to the command line.

    Args:
      source: the sweep file, with its variant.
      root: where a relative config file is sought after the current folder.

    Raises:
      SweepError: as `read_sweep`.
    """
    reference = read_sweep(source)[0][0] or own_base(source)
    path, colon, variant = reference.partition(":")
    return f"{_sought(path, root)}{colon}{variant}" if reference else ""


def load_config(reference: str, root: Path) -> ConfigDict:
    """The config of `FILE.py:variant`, the file sought from the current folder and then from `root`.

    Raises:
      SweepError: there is no such file or variant, or the file fails.
    """
    path, colon, variant = reference.partition(":")
    path = _sought(path, root)
    module = _load(path)
    if not callable(getattr(module, "get_config", None)):
        raise SweepError(f"{path}: found no function 'get_config', expected a config file")
    with _blamed_on(path):
        return module.get_config(variant) if colon else module.get_config()


def changed(config: ConfigDict, overrides: Mapping[str, Any], where: str) -> ConfigDict:
    """A copy of a config with fields changed.

    Args:
      config: left as it is.
      overrides: values by dotted names of fields.
      where: what the error message begins with.

    Raises:
      SweepError: an unknown field, or a value of another type than the field has.
    """
    config = copy.deepcopy(config)
    known = list(flatten(config))
    for field, value in overrides.items():
        *parents, last = field.split(".")
        section = config
        for parent in parents:
            section = section.get(parent) if isinstance(section, ConfigDict) else None
        if not isinstance(section, ConfigDict) or last not in section:
            raise SweepError(f"{where}: unknown field {field!r}; did you mean {nearest(field, known)!r}?")
        if isinstance(section[last], ConfigDict):
            raise SweepError(
                f"{where}: {field}: found {value!r}, expected values of its fields {', '.join(section[last])}"
            )
        kind = type(section[last]).__name__
        try:
            # ml_collections would take True for 1.0.
            if isinstance(value, bool) and kind in ("int", "float"):
                raise TypeError
            section[last] = value
        except TypeError:
            raise SweepError(f"{where}: {field}: found {value!r}, expected a value of type {kind}") from None
    return config


def _sought(path: str, root: Path) -> str:
    return str(root / path) if not Path(path).exists() and (root / path).exists() else path


def _request(path: str, arguments: tuple[Any, ...], fields: Mapping[str, Any]) -> Request:
    rest = list(arguments)
    config = rest.pop(0) if rest and isinstance(rest[0], str) else ""
    overrides = dict(_dotted(rest.pop(0))) if rest and isinstance(rest[0], Mapping) else {}
    if rest:
        raise SweepError(f"{path}: add() got {rest[0]!r}, expected {EXPECTED}")
    for field, value in _dotted(fields):
        if field in overrides:
            raise SweepError(f"{path}: add() got the field {field!r} twice, expected it once")
        overrides[field] = value
    return config, overrides


def _dotted(fields: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Values by dotted names; a mapping stands for the fields of a section."""
    for name, value in fields.items():
        if isinstance(value, Mapping | ConfigDict) and value:
            yield from _dotted(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _load(path: str) -> ModuleType:
    if not Path(path).is_file():
        raise SweepError(f"{path}: no such file, expected a Python file")
    spec = importlib.util.spec_from_file_location("busjax_sweep_file", path)
    if spec is None or spec.loader is None:
        raise SweepError(f"{path}: not a Python file, expected one ending in .py")
    module = importlib.util.module_from_spec(spec)
    with _blamed_on(path):
        spec.loader.exec_module(module)
    return module


@contextmanager
def _blamed_on(path: str) -> Iterator[None]:
    """Tells an error in a user's file by its file, line and message."""
    try:
        yield
    except SweepError:
        raise
    except (Exception, SystemExit) as error:  # exit() in a file is an error of the file
        lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if Path(f.filename) == Path(path)]
        line = error.lineno if isinstance(error, SyntaxError) else (lines or [None])[-1]
        at = "" if line is None else f", line {line}"
        raise SweepError(f"{path}{at}: {type(error).__name__}: {error}") from error
