"""One process at a time has a run.

The lock is the operating system's (flock) on a file in the run's folder. It ends with the last process that holds it,
however that ends, so none is ever left behind. The file says who has it; it stays when the lock is gone.
"""

import contextlib
import fcntl
import json
import os
import socket
import time
from pathlib import Path

from busjax.sweeps.errors import SweepError

FILE = "run.lock"


class RunLock:
    """A lock that this process holds, and its children that inherit the file."""

    def __init__(self, descriptor: int):
        self.descriptor = descriptor

    def release(self) -> None:
        """Lets go; the lock itself ends when no child has the file either."""
        os.close(self.descriptor)


def take(folder: Path, patience: float = 0.0) -> RunLock | None:
    """Takes the lock of a folder, which is made if needed; None where another process has it.

    Args:
      folder: of the run.
      patience: seconds to try for.

    Raises:
      SweepError: the folder cannot be written, or its file system has no locks.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / FILE, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise SweepError(f"{folder}: cannot write there ({error.strerror}), expected write permission") from None
    until = time.monotonic() + patience
    while not _locked(descriptor, folder):
        if time.monotonic() >= until:
            os.close(descriptor)
            return None
        time.sleep(0.2)
    told = {"pid": os.getpid(), "host": socket.gethostname(), "since": time.strftime("%Y-%m-%d %H:%M:%S")}
    with contextlib.suppress(OSError):  # on a full disk nobody is told who has the lock, which holds all the same
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(told).encode(), 0)
    return RunLock(descriptor)


def holder(folder: Path) -> str:
    """Who has the lock of a folder, in words; '' where nobody has it."""
    try:
        descriptor = os.open(folder / FILE, os.O_RDWR)
    except OSError:
        return ""
    try:
        if _locked(descriptor, folder):
            return ""
        try:
            told = json.loads(os.pread(descriptor, 1000, 0))
            return f"process {told['pid']} on {told['host']} since {told['since']}"
        except (ValueError, KeyError, TypeError):
            return "another process"
    finally:
        os.close(descriptor)


def _locked(descriptor: int, folder: Path) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise SweepError(
            f"{folder}: its file system has no locks ({error.strerror}), expected one with flock: without it two "
            "sweeps could run the same run at once"
        ) from None
    return True
