"""Hints for mistyped names."""

import difflib
from collections.abc import Sequence


def hint(name: str, known: Sequence[str]) -> str:
    """The end of an error message about an unknown name: the nearest known one, and all of them."""
    small = {other.lower(): other for other in known}
    nearest = small[difflib.get_close_matches(name.lower(), small, n=1, cutoff=0.0)[0]]
    return f"; did you mean {nearest!r}? (known: {', '.join(known)})"
