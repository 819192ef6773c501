"""Hints for mistyped names."""

import difflib
from collections.abc import Sequence


def nearest(name: str, known: Sequence[str]) -> str:
    """The known name that is most like a mistyped one."""
    small = {other.lower(): other for other in known}
    return small[difflib.get_close_matches(name.lower(), small, n=1, cutoff=0.0)[0]]


def hint(name: str, known: Sequence[str]) -> str:
    """The end of an error message about an unknown name: the nearest known one, and all of them."""
    return f"; did you mean {nearest(name, known)!r}? (known: {', '.join(known)})"
