"""JSON files of a release, checked while they are taken apart."""

import json
from pathlib import Path
from typing import Any, TypeVar

from tfds_builders.record import DatasetError

Kind = TypeVar("Kind")

_NAMES: dict[type, str] = {dict: "an object", list: "a list", str: "a text"}


def read_json(path: Path, kind: type[Kind]) -> Kind:
    """Reads a JSON file (UTF-8, a byte-order mark is passed over) whose outermost value is of a kind.

    Raises:
        DatasetError: no such file, not JSON, or of another kind.
    """
    try:
        content = json.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror or error})") from error
    except ValueError as error:
        raise DatasetError(f"{path}: not a JSON file ({error})") from error
    return _require(content, kind, str(path))


def member(content: dict[str, Any], name: str, kind: type[Kind], where: str) -> Kind:
    """A member of an object of JSON, of a kind.

    Args:
        content: the object.
        name: of the member.
        kind: dict, list or str.
        where: what the object is, for the error message.

    Raises:
        DatasetError: there is none, or it is of another kind.
    """
    if name not in content:
        raise DatasetError(f"{where}: no {name}; found {', '.join(content) or 'nothing'}")
    return _require(content[name], kind, f"{where}, {name}")


def _require(value: Any, kind: type[Kind], where: str) -> Kind:
    if not isinstance(value, kind):
        raise DatasetError(f"{where}: {json.dumps(value, ensure_ascii=False)[:60]}, expected {_NAMES[kind]}")
    return value
