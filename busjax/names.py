"""Names that users give, and those of files that several rooms read."""

import difflib
from collections.abc import Sequence

LISTING = "sweep.json"
"""In the folder of a sweep: its runs."""
FAILURE = "failure.json"
"""In the work directory of a run that failed: why."""
WEIGHTS = "pretrained.json"
"""In the work directory of a run from released weights: which, from which file."""

LEAVE_ONE_OUT = "leave_one_out"
"""The protocol of a split that leaves cases out in turn."""
EVERY = -1
"""In place of a fold's number: all of them, in one run."""

VERSION = "#"
"""Between the name of an image and the number of one of its versions: 'ID#3'."""


def image_of(image_id: str) -> str:
    """The name of the image that a version is of; of an image as it is, its own."""
    image, mark, number = image_id.rpartition(VERSION)
    return image if mark and number.isdecimal() else image_id


def nearest(name: str, known: Sequence[str]) -> str:
    """The known name that is most like a mistyped one."""
    small = {other.lower(): other for other in known}
    return small[difflib.get_close_matches(name.lower(), small, n=1, cutoff=0.0)[0]]


def hint(name: str, known: Sequence[str]) -> str:
    """The end of an error message about an unknown name: the nearest known one, and all of them."""
    return f"; did you mean {nearest(name, known)!r}? (known: {', '.join(known)})"


def choose(text: str, known: Sequence[str], what: str) -> list[str]:
    """The names in a text, where commas divide them; all known ones for ''.

    Args:
      text: of the user.
      known: the names there are.
      what: they name, for the message.

    Raises:
      ValueError: for an unknown name, with the nearest one that exists.
    """
    chosen = text.split(",") if text else list(known)
    for name in chosen:
        if name not in known:
            raise ValueError(f"unknown {what} {name!r}{hint(name, known)}")
    return chosen
