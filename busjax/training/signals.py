"""Being asked to end."""

import dataclasses
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@dataclasses.dataclass
class Signals:
    """The name of the signal that asked the run to end, '' while there is none."""

    received: str = ""


@contextmanager
def noted_signals() -> Iterator[Signals]:
    """Notes SIGTERM, which clusters send, and Ctrl-C instead of ending at once; the second one does end at once."""
    told = Signals()

    def note(number: int, _: Any) -> None:
        if told.received:
            raise KeyboardInterrupt
        told.received = signal.Signals(number).name

    old = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield told
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
